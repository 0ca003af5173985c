import { beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/platform/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { settings } from '../../world/settings.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { snapshot } from '../../world/snapshot.ts'
import { createOperator } from '../operator.ts'

const { ask, send } = createOperator()
const shop = { name: 'Shop', oauth: { redirect_uris: ['https://shop.example/cb'] } }

beforeEach(async () => {
  captureLog()
  await prepareKeyRing(systemClock())
})

/** The path of an application in its second version. */
async function changedOnce(): Promise<string> {
  const { body } = await ask('POST', '/applications', shop)
  const path = `/applications/${body.client_id as string}`
  expect((await ask('PATCH', path, { name: 'Second' })).headers.get('etag')).toBe('"2"')
  return path
}

const request = (method: string, path: string, headers: Record<string, string>, body?: object) =>
  send(method, `/admin/api${path}`, {
    headers: {
      authorization: `Bearer ${settings.ADMIN_API_KEY}`,
      ...(body && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body && { body: JSON.stringify(body) }),
  })

describe('If-None-Match (RFC 9110 §13.1.2)', () => {
  it.each(['"2"', 'W/"2"', '"1", "2"', '*'])(
    'of %s is answered 304 to who reads what they know, with the tag and without a body',
    async (tags) => {
      const path = await changedOnce()
      const answer = await request('GET', path, { 'if-none-match': tags })
      expect([answer.status, answer.headers.get('etag'), answer.body]).toEqual([304, '"2"', {}])
      expect(answer.headers.get('cache-control')).toBe('no-store')
    },
  )

  it.each(['"1"', '2', '', 'W/"22"'])(
    'of %j brings what is there to who does not',
    async (tags) => {
      const path = await changedOnce()
      const answer = await request('GET', path, { 'if-none-match': tags })
      expect([answer.status, answer.body.name]).toEqual([200, 'Second'])
    },
  )

  it.each([
    ['PUT', '', shop],
    ['PATCH', '', { name: 'Third' }],
    ['DELETE', '', undefined],
    ['POST', '/disable', undefined],
    ['POST', '/enable', undefined],
  ] as const)(
    'keeps %s%s from touching what must not be there, or not in this version',
    async (method, action, body) => {
      const path = await changedOnce()
      const before = await snapshot()
      for (const tags of ['*', '"2"']) {
        const answer = await request(method, path + action, { 'if-none-match': tags }, body)
        expect([answer.status, answer.body.code], tags).toEqual([412, 'changed_meanwhile'])
      }
      expect(await snapshot()).toEqual(before)
      const other = await request(method, path + action, { 'if-none-match': '"1"' }, body)
      expect([200, 204]).toContain(other.status)
    },
  )
})

describe('If-Match (RFC 9110 §13.1.1)', () => {
  it('of another version is answered 412 to who reads, too', async () => {
    const path = await changedOnce()
    for (const tags of ['"1"', 'W/"2"', '"3", "4"']) {
      const answer = await request('GET', path, { 'if-match': tags, 'if-none-match': '"2"' })
      expect([answer.status, answer.body.code], tags).toEqual([412, 'changed_meanwhile'])
    }
    expect((await request('GET', path, { 'if-match': '"1", "2"' })).status).toBe(200)
  })
})

describe('a merge patch (RFC 7396 §4)', () => {
  const patch = (path: string, contentType: string) =>
    request('PATCH', path, { 'content-type': contentType }, { name: 'Patched' })

  it('may be called by its own name', async () => {
    const path = await changedOnce()
    for (const name of [
      'application/merge-patch+json',
      'Application/Merge-Patch+JSON; charset=utf-8',
    ]) {
      const answer = await patch(path, name)
      expect([answer.status, answer.body.name], name).toEqual([200, 'Patched'])
    }
  })

  it('by another name is refused, and so is its name for what is none', async () => {
    const path = await changedOnce()
    const before = await snapshot()
    for (const name of [
      'application/json-patch+json',
      'application/merge-patch+jsonx',
      'text/plain',
    ]) {
      expect((await patch(path, name)).status, name).toBe(415)
    }
    const headers = { 'content-type': 'application/merge-patch+json' }
    expect((await request('PUT', path, headers, shop)).status).toBe(415)
    expect(await snapshot()).toEqual(before)
  })

  it('is described under both names', async () => {
    const { paths } = (await ask('GET', '/openapi.json')).body as {
      paths: Record<string, Record<string, { requestBody: { content: object } }>>
    }
    const operations = paths['/applications/{id}']!
    expect(Object.keys(operations.patch!.requestBody.content)).toEqual([
      'application/json',
      'application/merge-patch+json',
    ])
    expect(Object.keys(operations.put!.requestBody.content)).toEqual(['application/json'])
  })
})
