import { createExecutionContext } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { gatewayFor } from '../../src/gateway.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { createCore, tokenFor } from '../core/revocation/guarded-api.ts'
import { dumpOf, rowsOf, sessionsOf, signedIn } from '../core/sessions/signed-in-user.ts'
import { captureLog } from '../world/log-lines.ts'
import { settings } from '../world/settings.ts'
import { prepareKeyRing } from '../world/signed-by-us.ts'

type User = Awaited<ReturnType<typeof signedIn>>

const PATH = '/auth/sessions'
const ours = { origin: settings.ISSUER }

const cookieOf = ({ cookie }: { cookie: string }) => ({
  cookie: `__Host-drawbridge_session=${cookie}`,
})

const ask = async (method: string, path: string, headers: Record<string, string> = {}) =>
  exports.default.fetch(settings.ISSUER + path, { method, headers, redirect: 'manual' })

const isLive = async ({ cookie }: User) => (await sessionsOf().peek(cookie, systemClock())).ok

/** Somebody in three browsers, and somebody else. */
async function people() {
  const current = await signedIn(systemClock())
  const others = [
    await signedIn(systemClock(), current.userId),
    await signedIn(systemClock(), current.userId),
  ] as const
  return { current, others, stranger: await signedIn(systemClock()) }
}

/** What both hold, to see that nothing of it has changed. */
const dump = async (...users: User[]) => Promise.all(users.map(({ userId }) => dumpOf(userId)))

let log: ReturnType<typeof captureLog>
beforeEach(() => {
  log = captureLog()
})

const decisionsOn = (...names: string[]) => log.lines.filter(({ event }) => names.includes(event))

describe('GET /auth/sessions', () => {
  it('lists the person’s own live sessions, newest first, and says which one asks', async () => {
    const { current, others } = await people()
    const gone = await signedIn(systemClock(), current.userId)
    await sessionsOf().end(gone.userId, gone.session.sid, 'person', systemClock())
    const response = await ask('GET', PATH, cookieOf(current))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^application\/json/)
    const { session } = current
    const { sessions } = (await response.json()) as { sessions: Record<string, unknown>[] }
    expect(sessions.map(({ sid }) => sid)).toEqual(
      [current, ...others].map((user) => user.session.sid).toReversed(),
    )
    expect(sessions.filter(({ is_current }) => is_current === true)).toEqual([
      {
        sid: session.sid,
        device: 'Firefox on Linux',
        provider: 'otrotl',
        provider_name: 'OTROTL',
        started_at: session.startedAt,
        last_used_at: session.lastUsedAt,
        idle_deadline_at: session.idleDeadlineAt,
        absolute_deadline_at: session.absoluteDeadlineAt,
        is_current: true,
      },
    ])
  })

  it('tells no cookie, no hash, no ID token, and nothing of what the provider calls the person', async () => {
    const { current, others } = await people()
    const text = await (await ask('GET', PATH, cookieOf(current))).text()
    const hashes = await rowsOf(current.userId, 'SELECT secret_hash, sealed_id_token FROM sessions')
    const secrets = [
      ...[current, ...others].map(({ cookie }) => cookie),
      ...hashes.flatMap((row) => Object.values(row).map(String)),
      'subject-1',
      'upstream-1',
      'eyJ',
    ]
    for (const secret of secrets) expect(text).not.toContain(secret)
  })

  it('is no use of the session, is for no other origin and is kept by no cache', async () => {
    const user = await signedIn(systemClock() - 100)
    const before = await dump(user)
    const response = await ask('GET', PATH, { ...cookieOf(user), origin: 'https://app.example' })
    expect(await dump(user)).toEqual(before)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('vary')).toBe('Cookie, Origin')
    expect(response.headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(
      [...response.headers.keys()].filter((name) => name.startsWith('access-control')),
    ).toEqual([])
  })

  it('answers 401 to anyone without a live session, an access token or not', async () => {
    await prepareKeyRing(systemClock())
    const user = await signedIn(systemClock())
    const token = await tokenFor(createCore(), user.session, systemClock())
    for (const headers of [
      {},
      cookieOf({ cookie: 'x' }),
      cookieOf({ cookie: token }),
      { authorization: `Bearer ${token}` },
    ]) {
      const response = await ask('GET', PATH, headers)
      expect(response.status).toBe(401)
      expect(await response.json()).toMatchObject({ error: 'no_session' })
    }
    expect(decisionsOn('account.refused')).toHaveLength(4)
  })
})

describe('DELETE /auth/sessions/:sid', () => {
  const end = (user: User, sid: string, headers: Record<string, string> = ours) =>
    ask('DELETE', `${PATH}/${sid}`, { ...cookieOf(user), ...headers })

  it('ends that session and no other, for the reason that the person wished it', async () => {
    const { current, others } = await people()
    const [one, other] = others
    const response = await end(current, one.session.sid)
    expect(response.status).toBe(204)
    expect(response.headers.get('set-cookie')).toBeNull()
    expect(await sessionsOf().peek(one.cookie, systemClock())).toMatchObject({
      refusal: { facts: { cause: 'person' } },
    })
    expect(await Promise.all([current, other].map(isLive))).toEqual([true, true])
    expect(decisionsOn('session.ended')).toMatchObject([{ user: current.userId, cause: 'person' }])
  })

  it('may be repeated: it has ended, and that is what was asked for', async () => {
    const { current, others } = await people()
    await end(current, others[0].session.sid)
    const before = await dump(current)
    expect((await end(current, others[0].session.sid)).status).toBe(204)
    expect(await dump(current)).toEqual(before)
    expect(decisionsOn('session.ended')).toHaveLength(1)
  })

  it('takes the cookie back when it is the session that asks', async () => {
    const { current, others } = await people()
    const response = await end(current, current.session.sid)
    expect(response.status).toBe(204)
    expect(response.headers.get('set-cookie')).toMatch(
      /^__Host-drawbridge_session=; Max-Age=0; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    )
    expect(await isLive(current)).toBe(false)
    expect(await isLive(others[0])).toBe(true)
    expect((await end(current, others[0].session.sid)).status).toBe(401)
    expect(await isLive(others[0])).toBe(true)
  })

  it('answers 404 for the session of another user, and changes nothing of either', async () => {
    const { current, stranger } = await people()
    const before = await dump(current, stranger)
    const response = await end(current, stranger.session.sid)
    expect(response.status).toBe(404)
    expect(await response.json()).toEqual({
      error: 'unknown_session',
      request_id: response.headers.get('x-request-id'),
    })
    expect(await dump(current, stranger)).toEqual(before)
    expect(await isLive(stranger)).toBe(true)
  })

  it.each([
    '0'.repeat(32),
    'x',
    '%00',
    '%27%20OR%201=1--',
    'A'.repeat(32),
    '0'.repeat(33),
    'current',
    '*',
  ])('answers 404 for an id that is none of theirs, and changes nothing: %s', async (sid) => {
    const { current } = await people()
    const before = await dump(current)
    expect((await end(current, sid)).status).toBe(404)
    expect(await dump(current)).toEqual(before)
    expect(decisionsOn('account.refused')).toHaveLength(1)
  })

  it('is told from the cookie of the other session: the id alone ends nothing', async () => {
    const { current, others } = await people()
    const response = await ask('DELETE', `${PATH}/${others[0].session.sid}`, ours)
    expect(response.status).toBe(401)
    expect(await Promise.all([current, ...others].map(isLive))).toEqual([true, true, true])
  })
})

describe('DELETE /auth/sessions', () => {
  it('ends all of the person’s sessions, and those of nobody else', async () => {
    const { current, others, stranger } = await people()
    const response = await ask('DELETE', PATH, { ...cookieOf(current), ...ours })
    expect(response.status).toBe(204)
    expect(response.headers.get('set-cookie')).toContain('Max-Age=0')
    expect(await Promise.all([current, ...others].map(isLive))).toEqual([false, false, false])
    expect(await isLive(stranger)).toBe(true)
    expect(decisionsOn('sessions.ended')).toMatchObject([{ cause: 'person', ended: 3 }])
  })

  it('ends all others and keeps the one that asks, with its tokens', async () => {
    await prepareKeyRing(systemClock())
    const { current, others, stranger } = await people()
    const core = createCore()
    const now = systemClock()
    const mine = await core.accessTokens.verify(await tokenFor(core, current.session, now), now)
    const theirs = await core.accessTokens.verify(await tokenFor(core, others[0].session, now), now)
    if (!mine.ok || !theirs.ok) throw new Error('no token')
    const response = await ask('DELETE', `${PATH}?except=current`, {
      ...cookieOf(current),
      ...ours,
    })
    expect(response.status).toBe(204)
    expect(response.headers.get('set-cookie')).toBeNull()
    expect(await Promise.all([current, ...others].map(isLive))).toEqual([true, false, false])
    expect(await isLive(stranger)).toBe(true)
    expect((await core.revocation.check('strict', mine.value, now)).ok).toBe(true)
    expect((await core.revocation.check('strict', theirs.value, now)).ok).toBe(false)
    expect(decisionsOn('sessions.ended')).toMatchObject([{ cause: 'person', ended: 2 }])
    const again = await ask('DELETE', `${PATH}?except=current`, { ...cookieOf(current), ...ours })
    expect(again.status).toBe(204)
    expect(decisionsOn('sessions.ended')).toHaveLength(1)
  })

  it.each([
    'except=',
    'except=curent',
    'except=Current',
    'except=current&except=current',
    'except=current&x=1',
    'exept=current',
    'except[]=current',
    'x=1',
  ])('takes no other exception for granted, and then ends nothing: ?%s', async (query) => {
    const { current, others } = await people()
    const before = await dump(current)
    const response = await ask('DELETE', `${PATH}?${query}`, { ...cookieOf(current), ...ours })
    expect(response.status).toBe(400)
    expect(await dump(current)).toEqual(before)
    expect(await Promise.all([current, ...others].map(isLive))).toEqual([true, true, true])
  })
})

describe('a change that comes from another site’s page', () => {
  const foreign = [
    {},
    { origin: 'null' },
    { origin: 'https://evil.example' },
    { origin: 'https://app.example' },
    { origin: 'http://login.example' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', origin: 'null' },
    { 'sec-fetch-site': 'none' },
    { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
    { origin: 'https://evil.example', 'content-type': 'application/json' },
    { origin: 'https://evil.example', 'content-type': 'application/octet-stream' },
  ] as Record<string, string>[]

  it.each(foreign)('is refused and changes nothing: %o', async (headers) => {
    const { current, others } = await people()
    const before = await dump(current)
    const changes: [string, string][] = [
      ['DELETE', `${PATH}/${others[0].session.sid}`],
      ['DELETE', `${PATH}/${current.session.sid}`],
      ['DELETE', PATH],
      ['DELETE', `${PATH}?except=current`],
      ['POST', '/account/sessions/end-others'],
      ['POST', '/account/sessions/end-all'],
    ]
    for (const [method, path] of changes) {
      const response = await ask(method, path, { ...cookieOf(current), ...headers })
      expect(response.status, `${method} ${path}`).toBe(403)
      expect(response.headers.get('set-cookie')).toBeNull()
      expect(response.headers.get('access-control-allow-origin')).toBeNull()
    }
    expect(await dump(current)).toEqual(before)
    expect(decisionsOn('account.refused')).toHaveLength(changes.length)
  })

  it('finds no preflight that would let it', async () => {
    for (const path of [PATH, `${PATH}/${'0'.repeat(32)}`]) {
      const response = await ask('OPTIONS', path, {
        origin: 'https://app.example',
        'access-control-request-method': 'DELETE',
      })
      expect(
        [...response.headers.keys()].filter((name) => name.startsWith('access-control')),
      ).toEqual([])
    }
  })
})

it('an object that cannot be asked is 503, and nobody is told that nothing is there', async () => {
  const user = await signedIn(systemClock())
  const silent = new Proxy({}, { get: () => () => Promise.reject(new Error('overloaded')) })
  const userSessions = { getByName: () => silent } as unknown as Env['USER_SESSIONS']
  const broken = { ...env, USER_SESSIONS: userSessions }
  for (const [method, path] of [
    ['GET', PATH],
    ['DELETE', PATH],
    ['DELETE', `${PATH}?except=current`],
    ['DELETE', `${PATH}/${user.session.sid}`],
  ] as const) {
    const request = new Request(settings.ISSUER + path, {
      method,
      headers: { ...cookieOf(user), ...ours },
    })
    const response = await gatewayFor(broken).fetch(request, broken, createExecutionContext())
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
  }
  expect(await isLive(user)).toBe(true)
})
