import { env, exports } from 'cloudflare:workers'
import { createExecutionContext } from 'cloudflare:test'
import { Hono } from 'hono'
import { beforeEach, describe, expect, it } from 'vitest'
import { accountRoutes } from '../../src/account/routes.tsx'
import { createApplications } from '../../src/core/applications/applications.ts'
import { createConsents } from '../../src/core/sessions/consents.ts'
import { createEndSession } from '../../src/core/revocation/end-session.ts'
import { createRequireUser } from '../../src/core/revocation/require-user.ts'
import { newUserId } from '../../src/core/sessions/session.ts'
import { gatewayFor } from '../../src/gateway.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { ok } from '../../src/platform/refusal.ts'
import type { RequestVariables } from '../../src/platform/request-facts.ts'
import { createCore, guardParts, tokenFor } from '../core/revocation/guarded-api.ts'
import { dumpOf, openInput, sessionsOf, signedIn } from '../core/sessions/signed-in-user.ts'
import { adaProfile } from '../openid-provider/made-up-application.ts'
import { registerShop, tokenWorld } from '../openid-provider/token/token-world.ts'
import { all, byId, readPage } from '../pages/read-page.ts'
import { handoffSessions } from '../world/applications.ts'
import { settings } from '../world/settings.ts'
import { prepareKeyRing } from '../world/signed-by-us.ts'
import { tampered } from '../world/tampered.ts'

const get = async (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  exports.default.fetch(settings.ISSUER + path, { method, headers, redirect: 'manual' })

const cookieOf = ({ cookie }: { cookie: string }) => ({
  cookie: `__Host-drawbridge_session=${cookie}`,
})

/** The same gateway, but no user's object answers. */
const getWithoutObjects = async (path: string, headers: Record<string, string>) => {
  const silent = new Proxy(
    {},
    { get: () => () => Promise.reject(new Error('overloaded at host.internal')) },
  )
  const userSessions = { getByName: () => silent, get: () => silent, idFromName: () => ({}) }
  const broken = { ...env, USER_SESSIONS: userSessions as unknown as Env['USER_SESSIONS'] }
  const request = new Request(settings.ISSUER + path, { headers, redirect: 'manual' })
  return gatewayFor(broken).fetch(request, broken, createExecutionContext())
}

describe('GET /', () => {
  it('leads to the dashboard', async () => {
    const response = await get('/')
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe('/dashboard')
  })
})

describe('GET /dashboard', () => {
  it('shows the person, the session and how they signed in, and is kept by no cache', async () => {
    const user = await signedIn(systemClock())
    const response = await get('/dashboard', cookieOf(user))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/html; charset=utf-8/i)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('vary')).toBe('Cookie')
    const nonce = /'nonce-([^']+)'/.exec(response.headers.get('content-security-policy')!)![1]
    const elements = await readPage(response.text())
    expect(byId(elements, 'person-name')!.text).toBe('Ada')
    expect(byId(elements, 'person-email')!.text).toBe('ada@example.com')
    expect(byId(elements, 'provider-name')!.text).toBe('OTROTL')
    expect(byId(elements, 'dashboard')!.attributes.get('data-sid')).toBe(user.session.sid)
    expect(all(elements, 'main')[0]!.text).toContain('Firefox on Linux')
    const scripts = all(elements, 'script')
    expect(scripts.map(({ attributes }) => attributes.get('nonce'))).toEqual([nonce, nonce])
  })

  it('is not shown to the session of a provider that is configured no more', async () => {
    const now = systemClock()
    const input = openInput(now, newUserId())
    const opened = await sessionsOf().open({
      ...input,
      authentication: { ...input.authentication, providerId: 'bygone' },
    })
    if (!opened.ok) throw new Error(opened.refusal.code)
    const { status, headers } = await get('/dashboard', cookieOf(opened.value))
    expect([status, headers.get('location')]).toEqual([303, '/auth/login?return_to=%2Fdashboard'])
    const ended = await sessionsOf().peek(opened.value.cookie, now)
    expect(ended).toMatchObject({ refusal: { facts: { cause: 'provider_removed' } } })
  })

  it('never shows the cookie, the ID token or the subject at the provider', async () => {
    const user = await signedIn(systemClock())
    const page = await (await get('/dashboard', cookieOf(user))).text()
    expect(page).not.toContain(user.cookie)
    expect(page).not.toContain('subject-1')
    expect(page).not.toContain('upstream-1')
    expect(page).not.toContain('eyJ')
  })

  it.each([
    ['no cookie', undefined],
    ['a cookie of our making, changed', 'changed'],
    ['somebody’s access token as a cookie', 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln'],
    ['4 KB of nothing', 'x'.repeat(4000)],
  ])('leads anyone without a session to sign in and back: %s', async (_, value) => {
    const user = await signedIn(systemClock())
    const cookie = value === 'changed' ? tampered(user.cookie) : value
    const before = await dumpOf(user.userId)
    const response = await get('/dashboard', cookie === undefined ? {} : cookieOf({ cookie }))
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe('/auth/login?return_to=%2Fdashboard')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.text()).toBe('')
    expect(await dumpOf(user.userId)).toBe(before)
  })

  it('leads a person whose session has ended to sign in', async () => {
    const user = await signedIn(systemClock())
    await sessionsOf().end(user.userId, user.session.sid, 'person', systemClock())
    expect((await get('/dashboard', cookieOf(user))).status).toBe(303)
  })

  it('counts a visit as use of the session', async () => {
    const user = await signedIn(systemClock() - 100)
    const before = await dumpOf(user.userId)
    await get('/dashboard', cookieOf(user))
    expect(await dumpOf(user.userId)).not.toBe(before)
  })

  it.each([
    ['HEAD', {}],
    ['GET', { 'sec-purpose': 'prefetch' }],
    ['GET', { 'sec-purpose': 'prefetch;prerender' }],
    ['GET', { purpose: 'prefetch' }],
    ['GET', { 'x-moz': 'prefetch' }],
  ])('does not count as use what no person asked for: %s %o', async (method, headers) => {
    const user = await signedIn(systemClock() - 100)
    const before = await dumpOf(user.userId)
    const response = await get('/dashboard', { ...cookieOf(user), ...headers }, method)
    expect(response.status).toBe(200)
    expect(await dumpOf(user.userId)).toBe(before)
  })

  it('says that it cannot tell, and sends nobody to sign in, when the session cannot be looked up', async () => {
    const user = await signedIn(systemClock())
    const response = await getWithoutObjects('/dashboard', cookieOf(user))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(response.headers.get('cache-control')).toBe('no-store')
    const page = await response.text()
    expect(page).not.toContain('host.internal')
    const elements = await readPage(page)
    expect(byId(elements, 'error-code')!.text).toBe('temporarily_unavailable')
    expect(byId(elements, 'request-id')!.text).toBe(response.headers.get('x-request-id'))
    expect(byId(elements, 'try-again')!.attributes.get('href')).toBe('/dashboard')
  })
})

describe('GET /api/me', () => {
  let core: ReturnType<typeof createCore>
  beforeEach(async () => {
    await prepareKeyRing(systemClock())
    core = createCore()
  })

  const bearer = async (user: Awaited<ReturnType<typeof signedIn>>) => ({
    authorization: `Bearer ${await tokenFor(core, user.session, systemClock())}`,
  })

  it('tells who the token is for', async () => {
    const user = await signedIn(systemClock())
    const response = await get('/api/me', await bearer(user))
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.json()).toEqual({
      sub: user.userId,
      name: 'Ada',
      email: 'ada@example.com',
      sid: user.session.sid,
      auth_time: user.session.authentication.authTime,
      expires_at: expect.closeTo(systemClock() + 300, -1) as number,
    })
  })

  it('tells our own pages of the person, whatever scope their tokens are configured with', async () => {
    const unscoped = { ...env, ACCESS_TOKEN: { ...settings.ACCESS_TOKEN, scope: undefined } }
    const user = await signedIn(systemClock())
    const issuing = gatewayFor(unscoped as unknown as Env).core!
    const token = await tokenFor(issuing, user.session, systemClock())
    const response = await get('/api/me', { authorization: `Bearer ${token}` })
    expect(await response.json()).toMatchObject({ name: 'Ada', email: 'ada@example.com' })
  })

  it('tells each of two people of themselves only', async () => {
    const users = await Promise.all([signedIn(systemClock()), signedIn(systemClock())])
    const tokens = await Promise.all(users.map(bearer))
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(
        tokens.map(async (headers) => (await get('/api/me', headers)).json()),
      )
      expect(answers).toMatchObject(users.map(({ userId }) => ({ sub: userId })))
    }
  })

  it('goes by the token alone: the session cookie opens nothing here', async () => {
    const user = await signedIn(systemClock())
    const response = await get('/api/me', cookieOf(user))
    expect(response.status).toBe(401)
    expect(await response.text()).not.toContain('Ada')
  })

  it('does not count as use of the session', async () => {
    const user = await signedIn(systemClock() - 100)
    const headers = await bearer(user)
    const before = await dumpOf(user.userId)
    expect((await get('/api/me', headers)).status).toBe(200)
    expect(await dumpOf(user.userId)).toBe(before)
  })

  it('may be read by the pages of allowed origins, and of no others', async () => {
    const headers = await bearer(await signedIn(systemClock()))
    const allowed = await get('/api/me', { ...headers, origin: 'https://app.example' })
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(allowed.headers.get('vary')).toContain('Origin')
    const foreign = await get('/api/me', { ...headers, origin: 'https://evil.example' })
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('answers a preflight without a token and without data', async () => {
    const response = await get(
      '/api/me',
      {
        origin: 'https://app.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization',
      },
      'OPTIONS',
    )
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-headers')).toContain('Authorization')
    expect(await response.text()).toBe('')
  })

  it('refuses a token whose session has ended although its guard has not heard of it yet', async () => {
    const user = await signedIn(systemClock())
    const { authorization } = await bearer(user)
    await sessionsOf().end(user.userId, user.session.sid, 'person', systemClock())
    const unaware = createCore({ revocation: { check: async () => ok(undefined) } })
    const app = new Hono<{ Variables: RequestVariables }>()
    const afterwards: Promise<unknown>[] = []
    app.use(async (c, next) => {
      const waitUntil = (work: Promise<unknown>) => void afterwards.push(work)
      c.set('facts', { requestId: 'request-1', clientKey: '192.0.2.1', waitUntil, continent: 'EU' })
      await next()
    })
    app.route(
      '/',
      accountRoutes({
        ...unaware,
        sessions: sessionsOf(),
        ends: createEndSession({
          sessions: sessionsOf(),
          handoffSessions: handoffSessions(),
          audit: unaware.audit,
        }),
        applications: createApplications(env.DIRECTORY),
        consents: createConsents({ userSessions: env.USER_SESSIONS }),
        doors: { mayEnter: async () => ok(undefined) },
        requireUser: createRequireUser(guardParts(unaware)),
      }),
    )
    const response = await app.request(`${settings.ISSUER}/api/me`, {
      headers: { authorization, origin: 'https://app.example' },
    })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toContain('Bearer error="invalid_token"')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(await response.json()).toEqual({ error: 'invalid_token', request_id: 'request-1' })
    await Promise.all(afterwards)
    // As in the guard: logged, not stored, or a dead token would be a way to fill the directory.
    const stored = env.DIRECTORY.prepare('SELECT event FROM audit_events WHERE user_id = ?')
    expect((await stored.bind(user.userId).all()).results).toEqual([])
  })

  it('answers 503 when the person’s object cannot be asked', async () => {
    const user = await signedIn(systemClock())
    const response = await getWithoutObjects('/api/me', await bearer(user))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' })
  })
})

describe('GET /api/me, with the token of an application that is registered for this API', () => {
  const profile = { name: adaProfile.name, picture: adaProfile.picture }
  const email = { email: adaProfile.email }
  it.each([
    ['orders', {}],
    ['orders profile', profile],
    ['orders email', email],
    ['orders profile email', { ...profile, ...email }],
  ])('tells of the person what the scope %j lets it, and no more', async (granted, told) => {
    const world = await tokenWorld()
    const resource = settings.ACCESS_TOKEN.audience
    const scope = ['orders', 'profile', 'email']
    const shop = await registerShop({ oauth: { resources: [resource], scope } })
    const { session } = await world.person()
    const content = { scope: granted.split(' '), isOpenId: false, resource }
    const code = await world.mint(session, shop, { content })
    const { body } = await world.exchange(shop, code)
    const answer = await world.send(
      new Request(`${settings.ISSUER}/api/me`, {
        headers: { authorization: `Bearer ${body.access_token}` },
      }),
    )
    expect(answer.status).toBe(200)
    const { sub, name, email: address, picture } = answer.body
    expect(sub).toBe(session.userId)
    expect({ name, email: address, picture }).toEqual(told)
  })
})
