/** The npm client of OneAll against the running gateway: every call that it has. */
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

  it('is refused with keys that are not its own', async () => {
    const stranger = new Oneall({
      endpoint: `${gateway}/oneall/npm`,
      publickey: keys.public_key,
      privatekey: crypto.randomUUID(),
    })
    expect((await call(stranger.user['getAll']!, 1)).code).toBe(401)
  })
})

describe('clients of other languages', () => {
  it('find the length of every answer', async () => {
    const { headers } = await ask(keys, 'GET', '/site.json')
    expect(Number(headers.get('content-length'))).toBeGreaterThan(100)
    expect(headers.get('transfer-encoding')).toBeNull()
  })

  it('find the site by its host', async () => {
    const { host } = new URL(gateway)
    const answer = await fetch(`http://npm.api.${host}/site.json`, {
      headers: { authorization: `Basic ${btoa(`${keys.public_key}:${keys.private_key}`)}` },
    })
    expect(answer.status).toBe(200)
  })
})
