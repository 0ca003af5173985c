/** The npm client of OneAll against the running gateway: every call that it has. */
import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import Oneall from 'oneall'
import { beforeAll, describe, expect, inject, it } from 'vitest'

const { gateway, adminKey } = inject('clientsWorld')

interface Keys {
  readonly public_key: string
  readonly private_key: string
}

async function registerSite(subdomain: string, group: string): Promise<Keys> {
  const answer = await fetch(`${gateway}/admin/api/applications`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      name: subdomain,
      first_party: true,
      shared_sessions: { subdomain, allowed_domains: [`${subdomain}.example`], group },
    }),
  })
  const body = (await answer.json()) as { shared_sessions: Keys }
  if (answer.status !== 201) throw new Error(JSON.stringify(body))
  return body.shared_sessions
}

interface Reply {
  readonly code: number | undefined
  readonly data: ReturnType<typeof JSON.parse>
}

/** One call of the client, as a promise: its data and the code in the envelope. */
const call = (
  method: (...given: readonly unknown[]) => void,
  ...given: unknown[]
): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const answered = (error: Error | null, reply: { data?: unknown; status?: { code: number } }) =>
      error === null ? resolve({ code: reply.status?.code, data: reply.data }) : reject(error)
    method(...given, answered)
  })

/** What the client has no call for. */
async function ask(keys: Keys, method: string, path: string, request?: unknown) {
  const answer = await fetch(`${gateway}/oneall/npm${path}`, {
    method,
    headers: { authorization: `Basic ${btoa(`${keys.public_key}:${keys.private_key}`)}` },
    ...(request !== undefined && { body: JSON.stringify({ request }) }),
  })
  const { response } = (await answer.json()) as { response: Reply['data'] }
  return { status: answer.status, headers: answer.headers, data: response.result?.data }
}

let keys: Keys
let client: Oneall
beforeAll(async () => {
  keys = await registerSite('npm', 'npm-company')
  client = new Oneall({
    endpoint: `${gateway}/oneall/npm`,
    publickey: keys.public_key,
    privatekey: keys.private_key,
  })
})

async function push(login: string) {
  const identity = { displayName: login, emails: [{ value: `${login}@npm.example` }] }
  const made = await ask(keys, 'POST', '/storage/users.json', { user: { login, identity } })
  const { user } = made.data
  return { userToken: user.user_token, identityToken: user.identity.identity_token }
}

describe('npm oneall', () => {
  it('starts shared sessions and lists them', async () => {
    const { userToken, identityToken } = await push('sessions')
    const { sso } = client
    const realms = { top_realm: 'vegetables', sub_realm: 'carrot', lifetime: '7200' }
    const started = await call(sso['create']!, userToken, identityToken, realms)
    expect(started).toMatchObject({
      code: 201,
      data: { user_token: userToken, identity_token: identityToken, top_realm: 'vegetables' },
    })
    const list = await call(sso['getAll']!, 1)
    expect(list).toMatchObject({
      code: 200,
      data: { pagination: { current_page: 1 }, entries: expect.any(Array) },
    })
    const tokens = list.data.entries.map((entry: Reply['data']) => entry.sso_session_token)
    expect(tokens).toContain(started.data.sso_session_token)
    const unknown = await call(sso['create']!, userToken, crypto.randomUUID(), {})
    expect(unknown).toMatchObject({ code: 404, data: undefined })
  })

  it('lists, reads and deletes users', async () => {
    const { user } = client
    const { userToken } = await push('users')
    const list = await call(user['getAll']!, 1)
    expect(list.data.entries.map((entry: Reply['data']) => entry.user_token)).toContain(userToken)
    const read = await call(user['get']!, userToken)
    expect(read.data.identities[0].emails).toEqual([{ value: 'users@npm.example' }])
    expect((await call(user['del']!, userToken)).code).toBe(200)
    expect((await call(user['get']!, userToken)).code).toBe(404)
  })

  it('lists, reads, links, synchronizes and deletes identities', async () => {
    const { identity, user } = client
    const from = await push('from')
    const to = await push('to')
    const list = await call(identity['getAll']!, 1)
    const tokens = list.data.entries.map((entry: Reply['data']) => entry.identity_token)
    expect(tokens).toContain(from.identityToken)
    const read = await call(identity['get']!, from.identityToken)
    expect(read.data).toMatchObject({ identity_token: from.identityToken, provider: 'storage' })
    const synchronized = await call(identity['synchronize']!, from.identityToken)
    expect(synchronized).toMatchObject({ code: 200, data: { displayName: 'from' } })
    expect((await call(identity['del']!, to.identityToken)).code).toBe(200)
    const linked = await call(identity['reLink']!, from.identityToken, to.userToken)
    expect(linked).toMatchObject({ code: 200, data: { user: { user_token: to.userToken } } })
    const holder = await call(user['get']!, to.userToken)
    expect(holder.data.identities[0].identity_token).toBe(from.identityToken)
  })

  it('lists providers, and connections', async () => {
    const providers = await call(client.provider['getAll']!)
    expect(providers.data.entries[0]).toMatchObject({ key: 'otrotl', name: 'OTROTL' })
    expect(await call(client.connection['getAll']!, 1)).toMatchObject({ code: 200 })
    const unknown = await call(client.connection['get']!, crypto.randomUUID())
    expect(unknown.code).toBe(404)
  })

  it('is told what is not offered', async () => {
    const { userToken, identityToken } = await push('else')
    const { user, identity, sharingMessage, shorturl, analytics, discussion } = client
    const calls: readonly (readonly [(...given: readonly unknown[]) => void, ...unknown[]])[] = [
      [user['getContacts']!, userToken, {}],
      [user['publish']!, userToken, ['twitter'], { text: { body: 'hello' } }],
      [identity['getContacts']!, identityToken, {}],
      [sharingMessage['getAll']!, 1],
      [sharingMessage['get']!, userToken],
      [sharingMessage['del']!, userToken],
      [shorturl['getAll']!, 1],
      [shorturl['get']!, 'x'],
      [shorturl['del']!, 'x'],
      [analytics['getAll']!, 1],
      [analytics['get']!, 'x'],
      [analytics['initiate']!, userToken, undefined],
      [analytics['del']!, 'x'],
      [discussion['getAll']!, 1],
      [discussion['get']!, 'x', null],
      [discussion['create']!, 'a', 'https://a.example', 'b'],
      [discussion['getSummary']!, ['x'], []],
    ]
    for (const [method, ...given] of calls) {
      expect([method.name, (await call(method, ...given)).code]).toEqual([method.name, 501])
    }
  })
})

/** As a PHP script does without curl: no compression is asked for, the connection is closed, nothing is declared. */
const askPlainly = (path: string, { host = new URL(gateway).host, key = keys.private_key } = {}) =>
  new Promise<{
    readonly status: number
    readonly headers: IncomingHttpHeaders
    readonly body: string
  }>((resolve, reject) => {
    const authorization = `Basic ${btoa(`${keys.public_key}:${key}`)}`
    const headers = { host, authorization, connection: 'close' }
    request(new URL(path, gateway), { headers }, async (response) => {
      const { statusCode: status = 0, headers: answered } = response
      resolve({ status, headers: answered, body: await text(response) })
    })
      .on('error', reject)
      .end()
  })

describe('clients of other languages', () => {
  it('find the length of every answer', async () => {
    const { status, headers, body } = await askPlainly('/oneall/npm/site.json')
    expect(status).toBe(200)
    expect(headers['content-length']).toBe(String(Buffer.byteLength(body)))
    expect(headers['transfer-encoding']).toBeUndefined()
  })

  it('find the site by its host', async () => {
    const { port } = new URL(gateway)
    const found = await askPlainly('/site.json', { host: `npm.api.localhost:${port}` })
    expect([found.status, JSON.parse(found.body).response.result.data.site.subdomain]).toEqual([
      200,
      'npm',
    ])
    const other = await askPlainly('/site.json', { host: `nobody.api.localhost:${port}` })
    expect(other.status).toBe(404)
  })

  it('are refused with keys that are not theirs', async () => {
    const refused = await askPlainly('/oneall/npm/users.json', { key: crypto.randomUUID() })
    expect([refused.status, JSON.parse(refused.body).response.request.status.flag]).toEqual([
      401,
      'error',
    ])
  })
})
