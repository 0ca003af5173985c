import { describe, expect, it } from 'vitest'
import { createAdminApi } from '../../../src/admin/api/routes.ts'
import { PROBLEMS } from '../../../src/admin/problem.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { settings } from '../../world/settings.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { createOperator } from '../operator.ts'

const description = async () => (await createOperator().ask('GET', '/openapi.json')).body

interface Operation {
  readonly summary?: string
  readonly requestBody?: object
  readonly responses: Record<string, { readonly $ref?: string; readonly description?: string }>
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
}

async function operations(): Promise<(Operation & { name: string })[]> {
  const { paths } = await description()
  return Object.entries(paths as Record<string, Record<string, Operation>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        ...operation,
        name: `${method.toUpperCase()} ${path}`,
      })),
  )
}

/** Something to be read under every path. */
async function prepareAll(): Promise<Readonly<Record<string, string>>> {
  await prepareKeyRing(systemClock())
  const { ask } = createOperator()
  const password = 'correct horse battery'
  const user = (await ask('POST', '/users', { username: 'ada', password })).body.id as string
  const application = (
    await ask('POST', '/applications', {
      name: 'Shop',
      oauth: { redirect_uris: ['https://shop.example/cb'] },
      handoff: {},
      widget: {},
      shared_sessions: { subdomain: 'shop' },
    })
  ).body
  const cutOff = await ask('POST', '/cut-offs', { scope: 'everyone', reason: 'operator' })
  return {
    '/users/{id}': `/users/${user}`,
    '/applications/{id}': `/applications/${application.client_id as string}`,
    '/cut-offs/{id}': `/cut-offs/${cutOff.body.id as string}`,
    '{secret}': application.client_secret_id as string,
  }
}

describe('the description', () => {
  it('names exactly the routes that there are', async () => {
    const { routes } = createAdminApi(createOperator().gateway.core!)
    const served = routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
    const described = (await operations()).map(({ name }) => name)
    expect(described.toSorted()).toEqual([...new Set(served)].toSorted())
  })

  it('is an OpenAPI 3.1 document whose references all lead somewhere', async () => {
    const body = await description()
    expect(body).toMatchObject({
      openapi: '3.1.0',
      servers: [{ url: `${settings.ISSUER}/admin/api` }],
      security: [{ key: [] }],
    })
    const references = JSON.stringify(body).match(/"#\/components\/[^"]+"/g) ?? []
    expect(references.length).toBeGreaterThan(50)
    for (const reference of new Set(references)) {
      const path = (JSON.parse(reference) as string).slice(2).split('/')
      const found = path.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], body)
      expect(found, reference).toBeDefined()
    }
    const { responses } = body.components as { responses: object }
    expect(Object.keys(responses)).toEqual(Object.keys(PROBLEMS))
  })

  it('says of each operation what it does, takes in its path, and may refuse', async () => {
    for (const { name, summary, parameters = [], responses } of await operations()) {
      expect(summary, name).toMatch(/^[A-Z].{8,}/)
      const inPath = parameters.filter((each) => each.in === 'path').map((each) => each.name)
      expect(inPath, name).toEqual([...name.matchAll(/\{(\w+)\}/g)].map(([, found]) => found))
      expect(Object.keys(responses), name).toEqual(expect.arrayContaining(['401', '429', '503']))
    }
  })

  it('says of each operation that it may refuse what is not as described, and a body also for its form', async () => {
    for (const { name, requestBody, responses } of await operations()) {
      expect(Object.keys(responses), name).toContain('400')
      const forms = ['413', '415'].filter((status) => status in responses)
      expect(forms, name).toEqual(requestBody === undefined ? [] : ['413', '415'])
    }
  })

  it.each([
    ['POST /users', '409', ['Username taken', 'Address taken']],
    ['POST /users/{id}/disable', '503', ['Temporarily unavailable', 'Disabled, and not confirmed']],
    ['POST /applications', '400', ['Invalid request', 'Registration not possible']],
    ['POST /applications/{id}/secrets', '409', ['No secret is used', 'Too many secrets']],
    ['POST /applications/{id}/handoff-keys', '409', ['No secret is used', 'Too many secrets']],
    ['POST /applications/{id}/site-keys', '409', ['No secret is used', 'Too many secrets']],
  ])('says of %s all that a %s may mean', async (asked, status, titles) => {
    const { responses } = (await operations()).find(({ name }) => name === asked)!
    for (const title of titles) expect(responses[status]!.description).toContain(`${title}. `)
  })

  it('refuses members and parameters that it does not know', async () => {
    const { components } = await description()
    const { schemas } = components as {
      schemas: Record<string, { additionalProperties?: boolean }>
    }
    for (const name of ['NewApplication', 'OAuthRegistration', 'ApplicationPatch']) {
      expect(schemas[name]?.additionalProperties, name).toBe(false)
    }
  })

  it('has no operation that reads and leaves no line of it', async () => {
    const values = Object.entries(await prepareAll())
    const reading = (await operations()).filter(({ name }) => name.startsWith('GET '))
    expect(reading.length).toBeGreaterThan(15)
    for (const { name } of reading) {
      const path = values.reduce((at, [of, value]) => at.replace(of, value), name.slice(4))
      const log = captureLog()
      expect((await createOperator().ask('GET', path)).status, name).toBe(200)
      const left = log.lines.filter(({ actor }) => actor === 'operator').map(({ event }) => event)
      // What tells all of a person is in the stored trail too.
      const expected = name.endsWith('/export') ? 'user.exported' : 'operator.read'
      expect(left, name).toEqual([expected])
    }
  })
})
