import { describe, expect, it } from 'vitest'
import { settings } from '../../world/settings.ts'
import { snapshot } from '../../world/snapshot.ts'
import { createOperator } from '../operator.ts'

const { ask, send } = createOperator()

/** What is wrong, as "where: what", in no order. */
async function errorsOf(method: string, path: string, body?: unknown): Promise<readonly string[]> {
  const before = await snapshot()
  const answer = await ask(method, path, body)
  expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request'])
  expect(await snapshot()).toEqual(before)
  const errors = answer.body.errors as readonly Record<string, string>[]
  return errors
    .map(({ pointer, parameter, detail }) => `${pointer ?? parameter}: ${detail}`)
    .toSorted()
}

const SECRET = 'hunter2-hunter2-hunter2'

describe('a body that is not as described', () => {
  it.each([
    ['no object', [], ['#: is not an object']],
    ['null', null, ['#: is not an object']],
    ['nothing in it', {}, ['#/name: is missing']],
    [
      'several unknown members, at every depth',
      { name: 'x', a: 1, 'b/~': 2, oauth: { c: 3, jwks: { keys: [], d: 4 } }, widget: { e: 5 } },
      [
        '#/a: is unknown',
        '#/b~1~0: is unknown',
        '#/oauth/c: is unknown',
        '#/oauth/jwks/d: is unknown',
        '#/widget/e: is unknown',
      ],
    ],
    [
      'values of other types',
      {
        name: 1,
        first_party: 'yes',
        oauth: { redirect_uris: 'x', default_max_age: 1.5, grant_types: ['magic'], jwks: [] },
        handoff: [],
        shared_sessions: { subdomain: null, allowed_domains: ['a.example', 7] },
        widget: { roles: ['admin'], token_lifetime_seconds: '60' },
        client_secret: { secret: SECRET },
      },
      [
        '#/client_secret: is not a text',
        '#/first_party: is not true or false',
        '#/handoff: is not an object',
        '#/name: is not a text',
        '#/oauth/default_max_age: is not a whole number',
        expect.stringMatching(/^#\/oauth\/grant_types\/0: is not one of authorization_code, /),
        '#/oauth/jwks: is not an object',
        '#/oauth/redirect_uris: is not an array',
        '#/shared_sessions/allowed_domains/1: is not a text',
        '#/shared_sessions/subdomain: is not a text',
        '#/widget/roles: is not an object',
        '#/widget/token_lifetime_seconds: is not a whole number',
      ],
    ],
    [
      'null where only a patch may have it',
      { name: 'x', first_party: null, oauth: null },
      ['#/first_party: is not true or false', '#/oauth: is not an object'],
    ],
    [
      'names that a fragment of a URI has to spell otherwise',
      { name: 'x', 'a b': 1, '100%': 2, 'ä#"': 3 },
      ['#/100%25: is unknown', '#/%C3%A4%23%22: is unknown', '#/a%20b: is unknown'].toSorted(),
    ],
    [
      'names that every object has',
      { name: 'x', constructor: 1, toString: 2 },
      ['#/constructor: is unknown', '#/toString: is unknown'],
    ],
    [
      'a rule of no kind, and rules that lack or add something',
      {
        name: 'x',
        oauth: {
          request_adapter: [
            { rule: 'magic' },
            {},
            'scope_add',
            { rule: 'scope_add' },
            { rule: 'scope_drop', scope: 'a', to: 'b' },
            { rule: 'scope_map', from: 'a', to: ['b', 1] },
          ],
        },
      },
      [
        expect.stringMatching(/^#\/oauth\/request_adapter\/0\/rule: is not one of scope_map, /),
        expect.stringMatching(/^#\/oauth\/request_adapter\/1\/rule: is not one of scope_map, /),
        '#/oauth/request_adapter/2: is not an object',
        '#/oauth/request_adapter/3/scope: is missing',
        '#/oauth/request_adapter/4/to: is unknown',
        '#/oauth/request_adapter/5/to/1: is not a text',
      ],
    ],
  ])('with %s is refused, each fault by name', async (_, body, errors) => {
    const found = await errorsOf('POST', '/applications', body)
    expect(found).toEqual(errors)
    expect(found.join('\n')).not.toContain(SECRET)
  })

  it('is refused beyond a limit, and at the limit is not', async () => {
    const path = `/applications/${'0'.repeat(32)}/secrets`
    const isOutside = ['#/overlap_seconds: is not a whole number from 0 to 2592000']
    for (const overlap of [-1, 2_592_001, 0.5, '0', null]) {
      expect(await errorsOf('POST', path, { overlap_seconds: overlap })).toEqual(isOutside)
    }
    for (const overlap of [0, 2_592_000]) {
      expect((await ask('POST', path, { overlap_seconds: overlap })).status).toBe(404)
    }
    const roles = `/users/${'0'.repeat(32)}/roles`
    const many = (count: number) => ({ roles: Array.from({ length: count }, () => 'admin') })
    expect(await errorsOf('PUT', roles, many(51))).toEqual(['#/roles: has more than 50 items'])
    expect((await ask('PUT', roles, many(50))).status).toBe(404)
  })

  it('is refused where null stands for what a patch cannot take back', async () => {
    const path = `/applications/${'0'.repeat(32)}`
    const patch = { name: null, version: null, oauth: { scope: null, jwks: { keys: null } } }
    expect(await errorsOf('PATCH', path, patch)).toEqual([
      '#/name: is not a text',
      '#/oauth/jwks/keys: is not an array',
      '#/version: is not a whole number',
    ])
    expect((await ask('PATCH', path, { oauth: null, widget: { roles: { a: null } } })).status).toBe(
      404,
    )
  })

  it('is refused by the kind that it says it is of', async () => {
    expect(await errorsOf('POST', '/cut-offs', { scope: 'everyone', id: 'x' })).toEqual([
      '#/id: is unknown',
      '#/reason: is missing',
    ])
    expect(
      await errorsOf('POST', '/cut-offs', { scope: 'provider', id: '-x', reason: 'key' }),
    ).toEqual([
      '#/id: is no id of a provider',
      '#/reason: is not one of operator, provider_removed, key_compromised',
    ])
  })
})

describe('a query that is not as described', () => {
  it('is refused, each fault by name', async () => {
    expect(await errorsOf('GET', '/users?limit=0&cursor=x&a=1&query=')).toEqual([
      'a: is unknown',
      'cursor: is no id of a user',
      'limit: is not a number from 1 to 100',
      'query: is not a text of 1 to 1024 characters',
    ])
    expect(await errorsOf('GET', '/users?limit=1&limit=2&query=a&query=b')).toEqual([
      'limit: is not a number from 1 to 100',
      'query: is not a text of 1 to 1024 characters',
    ])
    expect(await errorsOf('GET', '/users?issuer=x')).toEqual(['subject: goes together with issuer'])
    expect(await errorsOf('GET', `/users?query=${'a'.repeat(1025)}`)).toHaveLength(1)
    expect((await ask('GET', `/users?query=${'a'.repeat(1024)}&limit=100`)).status).toBe(200)
    expect((await ask('GET', '/users')).status).toBe(200)
  })
})

describe('what an operation takes nothing of', () => {
  it('is refused as well: who restricts it must not get what they wanted to exclude', async () => {
    const user = `/users/${'0'.repeat(32)}`
    expect(await errorsOf('DELETE', `${user}/sessions?sid=1`)).toEqual(['sid: is unknown'])
    expect(await errorsOf('DELETE', `${user}/sessions`, { provider: 'x' })).toEqual([
      '#/provider: is unknown',
    ])
    expect(await errorsOf('POST', `${user}/disable?a=1&a=2`, { b: 1 })).toEqual([
      '#/b: is unknown',
      'a: is unknown',
    ])
    expect(await errorsOf('GET', '/canary?limit=5')).toEqual(['limit: is unknown'])
    expect(await errorsOf('POST', '/keys/rotate', [])).toEqual(['#: is not an object'])
    expect((await ask('POST', `${user}/disable`, {})).status).toBe(404)
  })

  it('is as good as not there when it has no bytes: that is how clients send nothing', async () => {
    const headers = { Authorization: `Bearer ${settings.ADMIN_API_KEY}`, 'content-length': '0' }
    const without = { headers, body: new Uint8Array(0) }
    const statusOf = async (method: string, path: string) =>
      (await send(method, `/admin/api${path}`, without)).status
    const user = `/users/${'0'.repeat(32)}`
    expect(await statusOf('POST', `${user}/disable`)).toBe(404)
    expect(await statusOf('DELETE', `${user}/sessions`)).toBe(404)
    expect(await statusOf('POST', `/applications/${'0'.repeat(32)}/secrets`)).toBe(404)
    expect(await statusOf('POST', '/cut-offs')).toBe(400)
  })
})
