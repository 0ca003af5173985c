import { exports } from 'cloudflare:workers'
import { Hono } from 'hono'
import { calculateJwkThumbprint } from 'jose'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createApiGuard } from '../src/api-guard.ts'
import type { ApiGuardParts } from '../src/api-guard.ts'
import type { AccessVariables } from '../src/core/revocation/require-user.ts'
import { bearer, createCore, tokenFor } from './core/revocation/guarded-api.ts'
import { sessionsOf, signedIn } from './core/sessions/signed-in-user.ts'
import { freezeClock } from './world/clock.ts'
import { countedBindings } from './world/counted-bindings.ts'
import { settings } from './world/settings.ts'
import {
  createProver,
  goodClaims,
  keyRing,
  prepareKeyRing,
  signAsUs,
} from './world/signed-by-us.ts'

const LEVELS = ['cached', 'bounded', 'strict'] as const
const API = 'https://orders.example'

/** Far ahead of real time, so that no alarm comes by itself while a test runs. */
let clock: ReturnType<typeof freezeClock>
let start = 2_200_000_000

beforeEach(async () => {
  // Later than any earlier test by more than the gateway's isolate holds its keys.
  start += 100_000
  clock = freezeClock(start)
  await prepareKeyRing(start)
})

const gatewayFor = (props: unknown = { client: 'orders-api' }) =>
  exports.AccessCheck({ props: props as never })

/** A Worker with an API behind the guard, as one fresh isolate has it. */
function openApi(changes: Partial<ApiGuardParts> = {}) {
  const { bindings, take } = countedBindings()
  const asked: unknown[] = []
  const gateway: ApiGuardParts['gateway'] = changes.gateway ?? gatewayFor()
  const requireUser = createApiGuard({
    revocation: bindings.REVOCATION!,
    userSessions: bindings.USER_SESSIONS!,
    issuer: settings.ISSUER,
    audience: settings.ACCESS_TOKEN.audience,
    origin: API,
    ...changes,
    gateway: {
      async rules(kid) {
        asked.push(kid)
        return gateway.rules(kid)
      },
    },
  })
  const app = new Hono<{ Variables: AccessVariables }>()
  for (const level of LEVELS) {
    app.use(`/${level}`, requireUser({ level }))
    app.all(`/${level}`, (c) => c.json({ sub: c.get('access').sub }))
  }
  app.get('/orders', requireUser({ scope: 'orders:read' }), (c) => c.text('ok'))
  const ask = async (path: string, init?: RequestInit) =>
    app.request(`http://elsewhere.example${path}`, init, {}, {
      waitUntil() {},
      passThroughOnException() {},
      props: {},
    } as never)
  const statuses = async (token: string) =>
    Promise.all(LEVELS.map(async (level) => (await ask(`/${level}`, bearer(token))).status))
  return { ask, statuses, take, asked }
}

const olderBy = (
  seconds: number,
  answer: Awaited<ReturnType<ApiGuardParts['gateway']['rules']>>,
): typeof answer =>
  answer.ok ? { ok: true, value: { ...answer.value, at: answer.value.at - seconds } } : answer

const kidOf = (token: string): string =>
  (JSON.parse(atob(token.split('.')[0]!)) as { kid: string }).kid

async function person() {
  const signed = await signedIn(start)
  return { ...signed, token: await tokenFor(createCore(), signed.session, start) }
}

describe('the guard in another Worker', () => {
  it.each(LEVELS)(
    'lets a good token in at %s, and tells the handler whose it is',
    async (level) => {
      const { token, userId } = await person()
      const answer = await openApi().ask(`/${level}`, bearer(token))
      expect(answer.status).toBe(200)
      expect(await answer.json()).toEqual({ sub: userId })
      expect(answer.headers.get('cache-control')).toBe('no-store')
    },
  )

  it.each(LEVELS)('refuses a token at %s whose session has ended', async (level) => {
    const { token, userId, session } = await person()
    await sessionsOf().end(userId, session.sid, 'person', start)
    const answer = await openApi().ask(`/${level}`, bearer(token))
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toContain('Bearer error="invalid_token"')
    expect(await answer.json()).toEqual({
      error: 'invalid_token',
      request_id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    })
  })

  it('refuses no token, and one of another issuer, audience or scope', async () => {
    const { token } = await person()
    expect((await openApi().ask('/bounded')).status).toBe(401)
    expect(await openApi({ issuer: 'https://other.example' }).statuses(token)).toEqual([
      401, 401, 401,
    ])
    expect(await openApi({ audience: 'https://other.example' }).statuses(token)).toEqual([
      401, 401, 401,
    ])
    expect((await openApi().ask('/orders', bearer(token))).status).toBe(403)
  })

  it('refuses a token that has expired, also one that it has let in before', async () => {
    const { token } = await person()
    const api = openApi()
    expect(await api.statuses(token)).toEqual([200, 200, 200])
    clock.advance(299)
    expect(await api.statuses(token)).toEqual([200, 200, 200])
    clock.advance(1)
    expect(await api.statuses(token)).toEqual([401, 401, 401])
  })

  it('takes a bound token with the proof for its own URL, and no other', async () => {
    const { session } = await signedIn(start)
    const prover = await createProver()
    const jkt = await calculateJwkThumbprint(prover.jwk)
    const token = await tokenFor(createCore(), session, start, { jkt })
    const askWith = async (url: string) => {
      const dpop = await prover.prove({ url, token, now: start })
      const headers = { authorization: `DPoP ${token}`, dpop }
      return (await openApi().ask('/bounded', { headers })).status
    }
    expect(await askWith(`${API}/bounded`)).toBe(200)
    expect(await askWith(`${API}/strict`)).toBe(401)
    expect(await askWith('http://elsewhere.example/bounded')).toBe(401)
    expect((await openApi().ask('/bounded', bearer(token))).status).toBe(401)
  })

  it('shares its answers with the origins that it was told, and no others', async () => {
    const { token } = await person()
    const api = openApi({ allowedOrigins: ['https://shop.example'] })
    for (const [origin, allowed] of [
      ['https://shop.example', 'https://shop.example'],
      [API, API],
      [settings.ISSUER, null],
    ] as const) {
      const headers = { ...bearer(token).headers, origin }
      const answer = await api.ask('/bounded', { headers })
      expect(answer.headers.get('access-control-allow-origin')).toBe(allowed)
      expect(answer.headers.get('vary')).toBe('Origin')
    }
  })
})

describe('what the guard learns of the gateway', () => {
  it('is held for half a minute, and no longer than the gateway has held it', async () => {
    const { token } = await person()
    const api = openApi()
    await api.statuses(token)
    const before = api.asked.length
    clock.advance(29)
    expect(await api.statuses(token)).toEqual([200, 200, 200])
    expect(api.asked).toHaveLength(before)

    // Another isolate asks now, and the gateway's copy is 29 seconds old.
    const other = openApi()
    await other.ask('/bounded', bearer(token))
    expect(other.asked).toHaveLength(1)
    clock.advance(1)
    await other.ask('/bounded', bearer(token))
    expect(other.asked).toHaveLength(2)
  })

  it('is asked for no more than every five seconds while the gateway itself has only an old copy', async () => {
    const { token } = await person()
    const gateway = gatewayFor()
    const api = openApi({
      gateway: { rules: async (kid) => olderBy(40, await gateway.rules(kid)) },
    })
    for (let count = 0; count < 3; count += 1) await api.ask('/bounded', bearer(token))
    expect(api.asked).toHaveLength(1)
    clock.advance(5)
    await api.ask('/bounded', bearer(token))
    expect(api.asked).toHaveLength(2)
  })

  it('counts as new when the gateway has a clock that is ahead', async () => {
    const { token } = await person()
    const gateway = gatewayFor()
    const api = openApi({
      gateway: { rules: async (kid) => olderBy(-3, await gateway.rules(kid)) },
    })
    for (let second = 0; second < 3; second += 1) {
      expect((await api.ask('/bounded', bearer(token))).status).toBe(200)
      clock.advance(1)
    }
    expect(api.asked).toHaveLength(1)
  })

  it('takes every token of a compromised key with it', async () => {
    const { token } = await person()
    const api = openApi()
    expect(await api.statuses(token)).toEqual([200, 200, 200])
    await (await keyRing()).compromise(kidOf(token), start)
    clock.advance(31)
    expect(await api.statuses(token)).toEqual([401, 401, 401])
  })

  it('brings the cut-offs along', async () => {
    const { token } = await person()
    const api = openApi()
    expect(await api.statuses(token)).toEqual([200, 200, 200])
    await (
      await keyRing()
    ).cutOff({
      scope: 'everyone',
      id: '',
      at: (start + 1) * 1000,
      cause: 'everyone_cut_off',
    } as never)
    clock.advance(31)
    expect(await api.statuses(token)).toEqual([401, 401, 401])
  })

  it('takes nothing back where an isolate of the gateway answers that has heard of less', async () => {
    const { token } = await person()
    const gateway = gatewayFor()
    const before = await gateway.rules()
    let hasHeard = true
    const api = openApi({
      gateway: {
        async rules(kid) {
          if (hasHeard || !before.ok) return gateway.rules(kid)
          return { ok: true, value: { ...before.value, at: clock.now() } }
        },
      },
    })
    await (await keyRing()).compromise(kidOf(token), start)
    clock.advance(31)
    expect(await api.statuses(token)).toEqual([401, 401, 401])
    hasHeard = false
    clock.advance(60)
    expect(await api.statuses(token)).toEqual([401, 401, 401])
  })

  it('brings the configured providers along: a token of any other is over', async () => {
    const { userId, session } = await signedIn(start)
    const claims = { sub: userId, sid: session.sid, epoch: session.epoch }
    const api = openApi()
    expect(await api.statuses(await signAsUs(goodClaims(start, claims), start))).toEqual([
      200, 200, 200,
    ])
    const gone = await signAsUs(goodClaims(start, { ...claims, idp: 'gone' }), start)
    expect(await api.statuses(gone)).toEqual([401, 401, 401])
  })

  it.each([
    ['lets in who came by a provider that is new', [401, 200]],
    ['refuses who came by a provider that is gone', [200, 401]],
  ])('%s, once the gateway has told of it', async (_title, [before, after]) => {
    let isThere = before === 200
    const gateway: ApiGuardParts['gateway'] = {
      async rules(kid) {
        const answer = await gatewayFor().rules(kid)
        return answer.ok && !isThere
          ? { ok: true, value: { ...answer.value, providerIds: [] } }
          : answer
      },
    }
    const { token } = await person()
    const api = openApi({ gateway })
    expect(await api.statuses(token)).toEqual([before, before, before])
    isThere = !isThere
    clock.advance(31)
    expect(await api.statuses(token)).toEqual([after, after, after])
  })

  it('is asked of the key ring where a key is new to the gateway’s isolate too', async () => {
    const { session, token } = await person()
    const api = openApi()
    expect(await api.statuses(token)).toEqual([200, 200, 200])
    // The one after it is announced already; that one is withdrawn too.
    const ring = await keyRing()
    await ring.compromise(kidOf(token), start)
    await ring.compromise(kidOf(await tokenFor(createCore(), session, start)), start)
    clock.advance(6)
    const next = await tokenFor(createCore(), session, clock.now())
    expect(await api.statuses(next)).toEqual([200, 200, 200])
    expect(api.asked.at(-1)).toBe(kidOf(next))
  })

  it('a key id that nobody knows asks the gateway once, whatever strangers send', async () => {
    const api = openApi()
    const kid = 'x'.repeat(43)
    const stranger = await signAsUs(goodClaims(start), start, { kid })
    for (let count = 0; count < 3; count += 1) await api.ask('/bounded', bearer(stranger))
    expect(api.asked.filter((asked) => asked !== undefined)).toEqual([kid])
  })
})

describe('a gateway that does not answer', () => {
  const away: ApiGuardParts['gateway'] = {
    rules: async () => {
      throw new Error('the gateway is away')
    },
  }

  it('lets nobody in who asks an isolate that knows nothing yet', async () => {
    const { token } = await person()
    const answer = await openApi({ gateway: away }).ask('/cached', bearer(token))
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('5')
  })

  it('is done without for as long as a token lives, and asked every five seconds', async () => {
    const { session } = await signedIn(start)
    let gateway: ApiGuardParts['gateway'] = gatewayFor()
    const api = openApi({ gateway: { rules: async (kid) => gateway.rules(kid) } })
    const token = async () => tokenFor(createCore(), session, clock.now())
    expect((await api.ask('/bounded', bearer(await token()))).status).toBe(200)
    gateway = away
    clock.advance(250)
    const before = api.asked.length
    for (let count = 0; count < 3; count += 1) {
      expect((await api.ask('/bounded', bearer(await token()))).status).toBe(200)
    }
    expect(api.asked).toHaveLength(before + 1)
    clock.advance(50)
    expect((await api.ask('/bounded', bearer(await token()))).status).toBe(503)
  })

  it.each([{}, { client: '' }, { client: 'x y' }])(
    'answers no guard that its binding does not name: %j',
    async (props) => {
      const { token } = await person()
      expect(await gatewayFor(props).rules()).toEqual({
        ok: false,
        refusal: { code: 'unknown_caller' },
      })
      expect(await openApi({ gateway: gatewayFor(props) }).statuses(token)).toEqual([503, 503, 503])
    },
  )
})

describe('the line that each decision leaves', () => {
  it('goes to the console', async () => {
    const { token, userId } = await person()
    const info = vi.spyOn(console, 'info')
    const warn = vi.spyOn(console, 'warn')
    const api = openApi()
    await api.ask('/cached', bearer(token))
    await api.ask('/cached', bearer(`${token}x`))
    const lines = [...info.mock.calls, ...warn.mock.calls].map(
      ([line]) => JSON.parse(String(line)) as Record<string, unknown>,
    )
    expect(lines).toMatchObject([
      { event: 'access.accepted', user: userId },
      { event: 'access.refused', reason: 'invalid_token' },
    ])
    expect(lines[0]?.request_id).not.toBe(lines[1]?.request_id)
    expect(JSON.stringify(lines)).not.toContain(token.slice(0, 60))
  })

  it('goes, instead, to an API that puts it into a line of its own', async () => {
    const { token, userId } = await person()
    const info = vi.spyOn(console, 'info')
    const warn = vi.spyOn(console, 'warn')
    const taken: unknown[] = []
    const api = openApi({ log: (level, line, c) => void taken.push([level, line, c.req.path]) })
    await api.ask('/cached', bearer(token))
    await api.ask('/bounded')
    expect(taken).toMatchObject([
      ['info', { event: 'access.accepted', user: userId }, '/cached'],
      ['warn', { event: 'access.refused', reason: 'no_credentials' }, '/bounded'],
    ])
    expect([...info.mock.calls, ...warn.mock.calls]).toEqual([])
  })
})

describe('what a check costs outside its isolate', () => {
  it('in a cold one: one question to the gateway, and what the level itself reads', async () => {
    const { token } = await person()
    for (const [level, costs] of [
      ['cached', { 'kv:get': 1 }],
      ['bounded', { 'kv:get': 1 }],
      ['strict', { 'object:USER_SESSIONS.checkToken': 1 }],
    ] as const) {
      const api = openApi()
      expect((await api.ask(`/${level}`, bearer(token))).status).toBe(200)
      expect(api.asked).toHaveLength(1)
      expect(api.take()).toEqual(costs)
    }
  })

  it('in a warm one: nothing but that, and no signature is verified again', async () => {
    const { token } = await person()
    const api = openApi()
    await api.statuses(token)
    api.take()
    const asked = api.asked.length
    const verify = vi.spyOn(crypto.subtle, 'verify')
    for (const [level, costs] of [
      ['cached', {}],
      ['bounded', { 'kv:get': 1 }],
      ['strict', { 'object:USER_SESSIONS.checkToken': 1 }],
    ] as const) {
      expect((await api.ask(`/${level}`, bearer(token))).status).toBe(200)
      expect(api.take()).toEqual(costs)
    }
    expect(api.asked).toHaveLength(asked)
    expect(verify).not.toHaveBeenCalled()
  })

  it('at cached: KV again once the hint has been held for five seconds', async () => {
    const { token } = await person()
    const api = openApi()
    await api.ask('/cached', bearer(token))
    clock.advance(4)
    api.take()
    await api.ask('/cached', bearer(token))
    expect(api.take()).toEqual({})
    clock.advance(1)
    await api.ask('/cached', bearer(token))
    expect(api.take()).toEqual({ 'kv:get': 1 })
  })
})
