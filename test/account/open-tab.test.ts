import { createExecutionContext } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { gatewayFor } from '../../src/gateway.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { dumpOf, sessionsOf, signedIn } from '../core/sessions/signed-in-user.ts'
import { captureLog } from '../world/log-lines.ts'
import { listenTo } from '../world/open-tab.ts'
import { settings } from '../world/settings.ts'
import { tampered } from '../world/tampered.ts'

const EVENTS = `${settings.ISSUER}/auth/sso/events`

const handshake = (cookie: string | undefined, headers: Record<string, string> = {}) => ({
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  origin: settings.ISSUER,
  ...(cookie !== undefined && { cookie: `__Host-drawbridge_session=${cookie}` }),
  ...headers,
})

const ask = async (headers: Record<string, string>) =>
  exports.default.fetch(EVENTS, { headers, redirect: 'manual' })

let lines: ReturnType<typeof captureLog>['lines']
beforeEach(() => {
  lines = captureLog().lines
})

const events = () =>
  lines
    .map(({ event, reason }) => ({ event, ...(reason !== undefined && { reason }) }))
    .filter(({ event }) => /^(tab|rate)\./.test(String(event)))

describe('GET /auth/sso/events', () => {
  it.each([settings.ISSUER, ...settings.ALLOWED_ORIGINS])(
    'connects a tab of %s, which is told at the end of its session',
    async (origin) => {
      const user = await signedIn(systemClock())
      const response = await ask(handshake(user.cookie, { origin }))
      expect(response.status).toBe(101)
      expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/)
      expect(response.headers.get('set-cookie')).toBeNull()
      const tab = listenTo(response.webSocket!)
      expect(await tab.echo()).toBe('pong')
      await sessionsOf().end(user.userId, user.session.sid, 'person', systemClock())
      expect(await tab.end()).toEqual({
        messages: [{ type: 'signed_out', reason: 'person' }],
        closedWith: 4001,
      })
      expect(events()).toEqual([{ event: 'tab.connected' }])
    },
  )

  it('is for WebSockets only', async () => {
    const user = await signedIn(systemClock())
    for (const upgrade of ['', 'h2c', 'websocket, h2c', 'websockets']) {
      const response = await ask(handshake(user.cookie, { upgrade }))
      expect(response.status, upgrade).toBe(426)
      expect(response.headers.get('upgrade')).toBe('websocket')
      expect(response.headers.get('cache-control')).toBe('no-store')
    }
    expect((await ask({})).status).toBe(426)
  })

  it.each([
    undefined,
    'null',
    '',
    'https://evil.example',
    'https://login.example.evil.example',
    'https://app.example.evil.example',
    'http://login.example',
    'https://login.example:444',
    'https://LOGIN.example',
    'https://login.example/',
    'https://app.example, https://login.example',
  ])('takes no tab of another site’s page, whatever cookie it carries: %j', async (origin) => {
    const user = await signedIn(systemClock())
    const { origin: _, ...others } = handshake(user.cookie, { 'sec-fetch-site': 'same-origin' })
    const response = await ask(origin === undefined ? others : { ...others, origin })
    expect(response.status).toBe(403)
    expect(response.webSocket).toBeNull()
    expect(await response.json()).toMatchObject({ error: 'origin_not_allowed' })
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
    expect(events()).toEqual([{ event: 'tab.refused', reason: 'origin_not_allowed' }])
  })

  it.each(['none', 'changed', 'ended', 'a JWT'])(
    'answers 401 without a live session, and changes nothing: %s',
    async (state) => {
      const user = await signedIn(systemClock())
      const { userId, session } = user
      if (state === 'ended') await sessionsOf().end(userId, session.sid, 'person', systemClock())
      const cookies: Record<string, string | undefined> = {
        none: undefined,
        changed: tampered(user.cookie),
        ended: user.cookie,
        'a JWT': 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln',
      }
      const before = await dumpOf(userId)
      const response = await ask(handshake(cookies[state]))
      expect(response.status).toBe(401)
      expect(response.webSocket).toBeNull()
      expect(await response.json()).toMatchObject({ error: 'no_session' })
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('vary')).toBe('Cookie, Origin')
      expect(await dumpOf(userId)).toBe(before)
      expect(events()).toEqual([{ event: 'tab.refused', reason: 'no_session' }])
    },
  )

  it('is no use of the session', async () => {
    const user = await signedIn(systemClock() - 100)
    const before = await dumpOf(user.userId)
    expect((await ask(handshake(user.cookie))).status).toBe(101)
    expect(await dumpOf(user.userId)).toBe(before)
  })

  it('counts at the door of the bridge', async () => {
    const user = await signedIn(systemClock())
    const counted: string[] = []
    const BRIDGE_LIMIT = {
      limit: async ({ key }: { key: string }) => {
        counted.push(key)
        return { success: false }
      },
    } as unknown as RateLimit
    const limited = { ...env, BRIDGE_LIMIT }
    const request = new Request(EVENTS, { headers: handshake(user.cookie) })
    const response = await gatewayFor(limited).fetch(request, limited, createExecutionContext())
    expect(response.status).toBe(429)
    expect(response.headers.get('retry-after')).toBe('60')
    expect(counted).toHaveLength(1)
    expect(events()).toEqual([{ event: 'rate.limited', reason: 'rate_limited' }])
  })

  it('answers 503 when the user’s object cannot be asked', async () => {
    const user = await signedIn(systemClock())
    const silent = { fetch: () => Promise.reject(new Error('overloaded at host.internal')) }
    const broken = {
      ...env,
      USER_SESSIONS: { getByName: () => silent } as unknown as Env['USER_SESSIONS'],
    }
    const request = new Request(EVENTS, { headers: handshake(user.cookie) })
    const response = await gatewayFor(broken).fetch(request, broken, createExecutionContext())
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await response.text()).not.toContain('internal')
  })

  it.each(['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'])('does nothing for %s', async (method) => {
    const user = await signedIn(systemClock())
    // Not by way of the runtime, which makes a GET of every handshake.
    const request = new Request(EVENTS, { method, headers: handshake(user.cookie) })
    const response = await gatewayFor(env).fetch(request, env, createExecutionContext())
    expect([204, 405]).toContain(response.status)
    expect(response.webSocket).toBeNull()
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })
})
