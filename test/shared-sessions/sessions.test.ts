import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { createEndSession } from '../../src/core/revocation/end-session.ts'
import { gatewayFor } from '../../src/gateway.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { createWorld } from '../world/sign-in.ts'
import { ask, pushUser, registerSite, startShared } from '../world/sites.ts'
import type { TestSite } from '../world/sites.ts'
import { steppedBindings } from '../world/stepped-bindings.ts'

const { core } = gatewayFor(env)
const facts = {
  requestId: 'test',
  clientKey: 'x',
  waitUntil: () => undefined,
  continent: undefined,
}

type Pushed = Awaited<ReturnType<typeof pushUser>>

async function userIdOf(userToken: string) {
  const row = await env.DIRECTORY.prepare('SELECT user_id FROM site_users WHERE user_token = ?')
    .bind(userToken)
    .first<{ user_id: string }>()
  return row!.user_id as never
}

/** What the directory keeps of the person's shared sessions. */
async function rowsOfSessions({ userToken }: Pushed): Promise<readonly unknown[]> {
  const statement = env.DIRECTORY.prepare('SELECT * FROM site_sessions WHERE user_token = ?')
  return (await statement.bind(userToken).all()).results
}

describe('a shared session', () => {
  it('is started, read by identity and by token, and listed', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken, identityToken } = await pushUser(site)
    const started = await ask(site, 'PUT', `/sso/sessions/identities/${identityToken}.json`, {
      sso_session: { top_realm: 'vegetables', sub_realm: 'carrot', lifetime: '7200', data: 'x' },
    })
    expect(started.status).toBe(201)
    const session = started.data.sso_session
    expect(session).toMatchObject({
      user_token: userToken,
      identity_token: identityToken,
      top_realm: 'vegetables',
      sub_realm: 'carrot',
      data: 'x',
      num_cookies_set: 0,
      date_creation: expect.stringMatching(/^\w{3}, \d{2} \w{3} \d{4} [\d:]{8} \+0000$/),
    })
    expect(session.sso_session_token).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/)
    expect(Date.parse(session.date_expiration) - Date.parse(session.date_creation)).toBe(7_200_000)
    const token = session.sso_session_token
    for (const path of [`identities/${identityToken}`, `identites/${identityToken}`, token]) {
      const read = await ask(site, 'GET', `/sso/sessions/${path}.json`)
      expect([read.status, read.data.sso_session]).toEqual([200, session])
    }
    const list = await ask(site, 'GET', '/sso/sessions.json')
    expect(list.data.sso_sessions).toEqual({
      pagination: {
        current_page: 1,
        total_pages: 1,
        entries_per_page: 250,
        total_entries: 1,
        order: { field: 'date_creation', direction: 'asc' },
      },
      count: 1,
      entries: [session],
    })
    expect(list.data.ssosessions).toEqual(list.data.sso_sessions)
  })

  it('is not started where the directory cannot note it, and the one before goes on', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken, identityToken } = await pushUser(site)
    const token = await startShared(site, identityToken)
    const userId = await userIdOf(userToken)
    const open = await core!.sessions.list(userId, systemClock())
    await env.DIRECTORY.exec(
      `CREATE TRIGGER full BEFORE INSERT ON site_sessions BEGIN SELECT RAISE(ABORT, 'disk full'); END`,
    )
    vi.spyOn(console, 'error').mockImplementation(() => {})
    try {
      const started = await ask(site, 'PUT', `/sso/sessions/identities/${identityToken}.json`, {})
      expect(started.status).toBe(503)
    } finally {
      await env.DIRECTORY.exec('DROP TRIGGER full')
    }
    expect(await core!.sessions.list(userId, systemClock())).toEqual(open)
    expect((await ask(site, 'GET', `/sso/sessions/${token}.json`)).status).toBe(200)
  })

  it('is seen by the sites of the company, and by no other', async () => {
    const shop = await registerSite({ subdomain: 'shop' })
    const blog = await registerSite({ subdomain: 'blog' })
    const foreign = await registerSite({ subdomain: 'foreign', group: 'other' })
    const alone = await registerSite({ subdomain: 'alone', group: null })
    const { identityToken, userToken } = await pushUser(shop)
    const token = await startShared(shop, identityToken)
    expect((await ask(blog, 'GET', `/sso/sessions/${token}.json`)).status).toBe(200)
    for (const site of [foreign, alone]) {
      for (const [method, path, body] of [
        ['GET', `/sso/sessions/${token}.json`],
        ['GET', `/sso/sessions/identities/${identityToken}.json`],
        ['DELETE', `/sso/sessions/${token}.json?confirm_deletion=true`],
        ['DELETE', `/sso/sessions/identities/${identityToken}.json?confirm_deletion=true`],
        ['PUT', `/sso/sessions/identities/${identityToken}.json`],
        ['PUT', '/sso/sessions.json', { sso_session: { user_token: userToken } }],
        ['GET', `/users/${userToken}.json`],
        ['DELETE', `/users/${userToken}.json?confirm_deletion=true`],
        ['PUT', `/storage/users/${userToken}.json`, { user: { login: 'mine' } }],
        ['GET', `/identities/${identityToken}.json`],
        ['DELETE', `/identities/${identityToken}.json?confirm_deletion=true`],
        ['PUT', `/identities/${identityToken}/link.json`, { user: { user_token: userToken } }],
        ['POST', '/storage/users/user/lookup.json', { user: { user_token: userToken } }],
      ] as const) {
        expect([path, (await ask(site, method, path, body)).status]).toEqual([path, 404])
      }
      expect((await ask(site, 'GET', '/users.json')).data.users.count).toBe(0)
      expect((await ask(site, 'GET', '/identities.json')).data.identities.count).toBe(0)
      expect((await ask(site, 'GET', '/sso/sessions.json')).data.sso_sessions.count).toBe(0)
    }
    expect((await ask(shop, 'GET', `/sso/sessions/${token}.json`)).status).toBe(200)
  })

  it('replaces the one that the identity had', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { identityToken, userToken } = await pushUser(site)
    const first = await startShared(site, identityToken)
    const second = await startShared(site, identityToken)
    expect((await ask(site, 'GET', `/sso/sessions/${first}.json`)).status).toBe(404)
    expect((await ask(site, 'GET', `/sso/sessions/${second}.json`)).status).toBe(200)
    const live = await core!.sessions.list(await userIdOf(userToken), systemClock())
    expect(live.ok && live.value).toHaveLength(1)
  })

  it('of five that are started at once is one', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { identityToken, userToken } = await pushUser(site)
    await Promise.all(Array.from({ length: 5 }, () => startShared(site, identityToken)))
    const live = await core!.sessions.list(await userIdOf(userToken), systemClock())
    expect(live.ok && live.value).toHaveLength(1)
    const list = await ask(site, 'GET', '/sso/sessions.json')
    expect(list.data.sso_sessions.count).toBe(1)
  })

  it('is there when it was answered, whoever has looked for it while it began', async () => {
    const stepped = steppedBindings()
    const world = await createWorld({}, stepped.bindings)
    const fetch = (request: Request) => world.fetch(request)
    const site = await registerSite({ subdomain: 'shop' })
    const { identityToken } = await pushUser(site)
    const path = `/sso/sessions/identities/${identityToken}.json`
    for (let step = 1; ; step += 1) {
      const { value, wasInterrupted } = await stepped.interrupt(
        step,
        async () => {
          for (const each of [path, '/sso/sessions.json']) await ask(site, 'GET', each)
        },
        () => ask(site, 'PUT', path, undefined, { fetch }),
      )
      const { sso_session_token: token } = value.data.sso_session
      expect([step, (await ask(site, 'GET', `/sso/sessions/${token}.json`)).status]).toEqual([
        step,
        200,
      ])
      if (!wasInterrupted) break
    }
  })

  it('is neither forgotten nor taken for ended while its object does not answer', async () => {
    const down = {
      getByName() {
        throw new Error('overloaded')
      },
    }
    const world = await createWorld({}, { USER_SESSIONS: down as never })
    const fetch = (request: Request) => world.fetch(request)
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const site = await registerSite({ subdomain: 'shop' })
    const token = await startShared(site, (await pushUser(site)).identityToken)
    await env.DIRECTORY.exec('UPDATE site_sessions SET created_at = created_at - 3600')
    const path = `/sso/sessions/${token}.json`
    for (const [method, address] of [
      ['GET', path],
      ['GET', '/sso/sessions.json'],
      ['DELETE', `${path}?confirm_deletion=true`],
    ] as const) {
      expect((await ask(site, method, address, undefined, { fetch })).status).toBe(503)
      expect((await ask(site, 'GET', path)).status).toBe(200)
    }
  })

  it('is one, at whatever step of it another one is started', async () => {
    const stepped = steppedBindings()
    const world = await createWorld({}, stepped.bindings)
    const fetch = (request: Request) => world.fetch(request)
    const site = await registerSite({ subdomain: 'shop' })
    const { identityToken, userToken } = await pushUser(site)
    const userId = await userIdOf(userToken)
    const path = `/sso/sessions/identities/${identityToken}.json`
    for (let step = 1; ; step += 1) {
      const { wasInterrupted } = await stepped.interrupt(
        step,
        () => startShared(site, identityToken),
        () => ask(site, 'PUT', path, undefined, { fetch }),
      )
      const live = await core!.sessions.list(userId, systemClock())
      expect([step, live.ok && live.value.length]).toEqual([step, 1])
      if (!wasInterrupted) break
    }
  })

  type Take = (
    site: TestSite,
    pushed: Pushed,
    fetch?: (request: Request) => Promise<Response>,
  ) => Promise<{ readonly status: number }>

  const takeAway: Readonly<Record<string, Take>> = {
    'its person is removed': (site, { userToken }, fetch) =>
      ask(site, 'DELETE', `/users/${userToken}.json?confirm_deletion=true`, undefined, {
        ...(fetch && { fetch }),
      }),
    'its identity is removed': (site, { identityToken }, fetch) =>
      ask(site, 'DELETE', `/identities/${identityToken}.json?confirm_deletion=true`, undefined, {
        ...(fetch && { fetch }),
      }),
    // Others must not find them any more, and what is open has ended; their rows are still there.
    'its person is about to be removed': async (_, { userToken }) => {
      const userId = await userIdOf(userToken)
      await env.DIRECTORY.exec('UPDATE site_users SET is_leaving = 1')
      await core!.sessions.endAll(userId, 'application', systemClock())
      return { status: 200 }
    },
    'its identity is linked to another person': async (site, pushed, fetch) => {
      const { userToken, identityToken } = await pushUser(site)
      await ask(site, 'DELETE', `/identities/${identityToken}.json?confirm_deletion=true`)
      const user = { user_token: userToken }
      const path = `/identities/${pushed.identityToken}/link.json`
      return ask(site, 'PUT', path, { user }, { ...(fetch && { fetch }) })
    },
  }

  it.each(Object.entries(takeAway))(
    'leaves nothing alive, at whatever step of it %s',
    async (what, take) => {
      const stepped = steppedBindings()
      const world = await createWorld({}, stepped.bindings)
      const fetch = (request: Request) => world.fetch(request)
      const site = await registerSite({ subdomain: 'shop' })
      for (let step = 1; ; step += 1) {
        const pushed = await pushUser(site)
        const userId = await userIdOf(pushed.userToken)
        const { wasInterrupted } = await stepped.interrupt(
          step,
          async () => expect((await take(site, pushed)).status).toBe(200),
          () =>
            ask(site, 'PUT', `/sso/sessions/identities/${pushed.identityToken}.json`, undefined, {
              fetch,
            }),
        )
        if (!wasInterrupted) break
        const live = await core!.sessions.list(userId, systemClock())
        expect([step, live]).toEqual([step, { ok: true, value: [] }])
        // Who is only about to be removed is removed with their rows.
        if (what.includes('about to')) continue
        expect([step, await rowsOfSessions(pushed)]).toEqual([step, []])
      }
    },
  )

  it.each(Object.entries(takeAway).filter(([what]) => !what.includes('about to')))(
    'leaves nothing alive, at whatever step of that it begins, when %s',
    async (_, take) => {
      const stepped = steppedBindings()
      const world = await createWorld({}, stepped.bindings)
      const fetch = (request: Request) => world.fetch(request)
      const site = await registerSite({ subdomain: 'shop' })
      for (let step = 1; ; step += 1) {
        const pushed = await pushUser(site)
        const userId = await userIdOf(pushed.userToken)
        const { value, wasInterrupted } = await stepped.interrupt(
          step,
          () => ask(site, 'PUT', `/sso/sessions/identities/${pushed.identityToken}.json`),
          () => take(site, pushed, fetch),
        )
        expect([step, value.status]).toEqual([step, 200])
        if (!wasInterrupted) break
        const live = await core!.sessions.list(userId, systemClock())
        expect([step, live]).toEqual([step, { ok: true, value: [] }])
        expect([step, await rowsOfSessions(pushed)]).toEqual([step, []])
      }
    },
  )

  it('ends by a deletion that is confirmed, and by no other', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { identityToken } = await pushUser(site)
    const token = await startShared(site, identityToken)
    for (const query of [
      '',
      '?confirm_deletion=false',
      '?confirm_deletion=true&confirm_deletion=',
    ]) {
      const kept = await ask(site, 'DELETE', `/sso/sessions/${token}.json${query}`)
      expect([kept.status, kept.result]).toEqual([400, undefined])
    }
    expect((await ask(site, 'GET', `/sso/sessions/${token}.json`)).status).toBe(200)
    const ended = await ask(site, 'DELETE', `/sso/sessions/${token}.json?confirm_deletion=true`)
    expect([ended.status, ended.result]).toEqual([200, undefined])
    const again = await ask(site, 'DELETE', `/sso/sessions/${token}.json?confirm_deletion=true`)
    expect(again.status).toBe(404)
    const byIdentity = `/sso/sessions/identities/${identityToken}.json`
    expect((await ask(site, 'GET', byIdentity)).status).toBe(404)
  })

  it('ends by its token in the place of the identity, too', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { identityToken } = await pushUser(site)
    const token = await startShared(site, identityToken)
    const path = `/sso/sessions/identities/${token}.json?confirm_deletion=true`
    expect((await ask(site, 'DELETE', path)).status).toBe(200)
    expect((await ask(site, 'GET', `/sso/sessions/${token}.json`)).status).toBe(404)
  })

  it.each([
    ['the person', 'person'],
    ['an operator', 'operator'],
    ['a provider', 'provider_back_channel'],
  ] as const)('ends with all sessions of its user, by %s', async (_who, cause) => {
    const site = await registerSite({ subdomain: 'shop' })
    const { identityToken, userToken } = await pushUser(site)
    const token = await startShared(site, identityToken)
    const userId = await userIdOf(userToken)
    const now = systemClock()
    await createEndSession(core!).endAllSessions(facts, { userId, cause, now })
    expect((await ask(site, 'GET', `/sso/sessions/${token}.json`)).status).toBe(404)
    expect((await ask(site, 'GET', '/sso/sessions.json')).data.sso_sessions.count).toBe(0)
  })

  it('is not started for somebody who is disabled', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { identityToken, userToken } = await pushUser(site)
    const token = await startShared(site, identityToken)
    const userId = await userIdOf(userToken)
    await core!.disableUser.disable(facts, { userId, now: systemClock() })
    expect((await ask(site, 'GET', `/sso/sessions/${token}.json`)).status).toBe(404)
    const path = `/sso/sessions/identities/${identityToken}.json`
    expect((await ask(site, 'PUT', path)).status).toBe(409)
    expect((await ask(site, 'GET', path)).status).toBe(404)
  })

  it('is over when its lifetime is, to the second', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { identityToken } = await pushUser(site)
    vi.setSystemTime(2_524_608_000_000)
    const token = await startShared(site, identityToken, { lifetime: 600 })
    const path = `/sso/sessions/${token}.json`
    vi.setSystemTime(2_524_608_599_000)
    expect((await ask(site, 'GET', path)).status).toBe(200)
    vi.setSystemTime(2_524_608_600_000)
    expect((await ask(site, 'GET', path)).status).toBe(404)
    vi.useRealTimers()
  })

  it.each([
    ['no body at all', undefined],
    ['PHP’s empty array', '{"request":{"sso_session":[]}}'],
    ['an empty request', '{"request":[]}'],
    ['blank realms', '{"request":{"sso_session":{"top_realm":"","sub_realm":null,"lifetime":""}}}'],
  ])('is started by a request with %s, for a day', async (_what, text) => {
    const site = await registerSite({ subdomain: 'shop' })
    const { identityToken } = await pushUser(site)
    const path = `/sso/sessions/identities/${identityToken}.json`
    const answer = await ask(site, 'PUT', path, undefined, text === undefined ? {} : { text })
    expect(answer.status).toBe(201)
    const { sso_session: session } = answer.data
    expect(session).toMatchObject({ top_realm: null, sub_realm: null, data: null })
    const lifetime = Date.parse(session.date_expiration) - Date.parse(session.date_creation)
    expect(lifetime).toBe(86_400_000)
  })

  it.each([
    ['a lifetime that is no number', { lifetime: 'soon' }],
    ['a negative lifetime', { lifetime: -1 }],
    ['a realm that is an object', { top_realm: { a: 1 } }],
    ['a realm of 256 characters', { top_realm: 'x'.repeat(256) }],
    ['more data than a label needs', { data: 'x'.repeat(17_000) }],
  ])('is not started with %s', async (_what, session) => {
    const site = await registerSite({ subdomain: 'shop' })
    const { identityToken } = await pushUser(site)
    const path = `/sso/sessions/identities/${identityToken}.json`
    const answer = await ask(site, 'PUT', path, { sso_session: session })
    expect(answer.status).toBe(400)
    expect((await ask(site, 'GET', path)).status).toBe(404)
  })

  it('is started by both tokens, if they belong together', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const ada = await pushUser(site)
    const grace = await pushUser(site)
    const startBy = (user_token?: string, identity_token?: string) =>
      ask(site, 'PUT', '/sso/sessions.json', { sso_session: { user_token, identity_token } })
    const mixed = await startBy(ada.userToken, grace.identityToken)
    expect(mixed.status).toBe(404)
    expect((await startBy()).status).toBe(400)
    const right = await startBy(ada.userToken, ada.identityToken)
    expect(right.status).toBe(201)
    expect(right.data.ssosession).toEqual(right.data.sso_session)
    expect((await startBy(grace.userToken)).data.sso_session.identity_token).toBe(
      grace.identityToken,
    )
  })

  it('leaves no token in the directory that would open it', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { identityToken } = await pushUser(site, { login: 'ada', password: 'p4ssw0rd-of-ada' })
    const token = await startShared(site, identityToken)
    const tables = ['site_sessions', 'site_users', 'site_keys', 'site_identities', 'audit_events']
    const rows = await env.DIRECTORY.batch(
      tables.map((table) => env.DIRECTORY.prepare(`SELECT * FROM ${table}`)),
    )
    const text = JSON.stringify(rows.map(({ results }) => results))
    expect(text).not.toContain(token)
    expect(text).not.toContain('p4ssw0rd-of-ada')
    expect(text).not.toContain(site.keys.privateKey)
  })
})
