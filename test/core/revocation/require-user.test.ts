import { env } from 'cloudflare:workers'
import { calculateJwkThumbprint } from 'jose'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { refuse } from '../../../src/platform/refusal.ts'
import { freezeClock } from '../../world/clock.ts'
import { createProver, goodClaims, prepareKeyRing, signAsUs } from '../../world/signed-by-us.ts'
import { sessionsOf, signedIn } from '../sessions/signed-in-user.ts'
import {
  ALGS,
  bearer,
  challengesOf,
  createCore,
  createGuardedApi,
  tokenFor,
} from './guarded-api.ts'

/** Far ahead of real time, so that no alarm comes by itself while a test runs. */
const NOON = 2_000_000_000

beforeEach(async () => {
  freezeClock(NOON)
  await prepareKeyRing(NOON)
})

const DPOP = `DPoP algs="${ALGS}"`
const noCredentials = `Bearer, ${DPOP}`
const invalidToken = `Bearer error="invalid_token", ${DPOP}`

/** A guarded API, a signed-in person, and a token of theirs. */
async function world() {
  const api = createGuardedApi()
  const person = await signedIn(NOON)
  const token = await tokenFor(api.core, person.session, NOON)
  return { ...api, ...person, token }
}

describe('a request with a good token', () => {
  it('reaches the handler, which learns who is calling', async () => {
    const { fetch, token, userId, ran } = await world()
    const response = await fetch('/api/me', bearer(token))
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ sub: userId })
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(ran).toEqual(['GET /api/me'])
  })

  it.each(['bearer', 'BEARER', 'BeArEr'])('may name the scheme %s', async (scheme) => {
    const { fetch, token } = await world()
    const headers = { Authorization: `${scheme} ${token}` }
    expect((await fetch('/api/me', { headers })).status).toBe(200)
  })

  it('leaves one line in the log and no row in the directory', async () => {
    const { fetch, token } = await world()
    const info = vi.spyOn(console, 'info')
    const prepare = vi.spyOn(env.DIRECTORY, 'prepare')
    await fetch('/api/me', bearer(token))
    const events = info.mock.calls.map(([line]) => JSON.parse(String(line)) as { event: string })
    expect(events.filter(({ event }) => event.startsWith('access.'))).toHaveLength(1)
    expect(events[0]).toMatchObject({ event: 'access.accepted', request_id: 'request-1' })
    expect(prepare).not.toHaveBeenCalled()
  })

  it('keeps the Cache-Control that the handler chose', async () => {
    const { fetch, token } = await world()
    const response = await fetch('/api/cacheable', bearer(token))
    expect(response.headers.get('Cache-Control')).toBe('private, max-age=5')
  })
})

describe('a request without credentials (RFC 6750 §3.1)', () => {
  it.each([
    ['nothing', undefined],
    ['an empty header', ''],
    ['Bearer alone', 'Bearer'],
    ['DPoP alone', 'DPoP '],
    ['Basic', 'Basic dXNlcjpwYXNz'],
    ['Token', 'Token a.b.c'],
    ['a bare token', 'a.b.c'],
    ['a scheme that begins alike', 'BearerX a.b.c'],
    ['two schemes, the first not ours', 'Basic x, Bearer a.b.c'],
  ])('is challenged without an error: %s', async (_, header) => {
    const { fetch, ran } = createGuardedApi()
    const headers = header === undefined ? {} : { Authorization: header }
    const response = await fetch('/api/me', { headers })
    expect(response.status).toBe(401)
    expect(challengesOf(response)).toBe(noCredentials)
    expect(await response.json()).toEqual({ error: 'no_credentials', request_id: 'request-1' })
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(ran).toEqual([])
  })

  it('is what a good token under another scheme is', async () => {
    const { fetch, token, ran } = await world()
    for (const scheme of ['Basic', 'Token', 'JWT', '']) {
      const headers = { Authorization: `${scheme} ${token}` }
      const response = await fetch('/api/me', { headers })
      expect(challengesOf(response)).toBe(noCredentials)
    }
    expect(ran).toEqual([])
  })

  it('is what a token in the query, the body or a cookie is (RFC 9700 §4.3.2)', async () => {
    const { fetch, token, ran } = await world()
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const body = `access_token=${token}`
    const requests = [
      fetch(`/api/me?access_token=${token}`),
      fetch('/api/me', { method: 'POST', headers: form, body }),
      fetch('/api/me', { headers: { Cookie: body } }),
    ]
    for (const response of await Promise.all(requests)) expect(response.status).toBe(401)
    expect(ran).toEqual([])
  })
})

describe('a request with two Authorization headers', () => {
  it('is malformed, even if one token is good', async () => {
    const { fetch, token, ran } = await world()
    for (const header of [
      `Bearer ${token}, Bearer ${token}`,
      `Bearer ${token},Bearer x`,
      `Bearer x, Bearer ${token}`,
      `DPoP ${token}, Bearer ${token}`,
      `Bearer ${token} ${token}`,
      `Bearer "${token}"`,
    ]) {
      const response = await fetch('/api/me', { headers: { Authorization: header } })
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ error: 'invalid_request' })
    }
    const headers = new Headers({ Authorization: `Bearer ${token}` })
    headers.append('Authorization', `Bearer ${token}`)
    expect((await fetch('/api/me', { headers })).status).toBe(400)
    expect(ran).toEqual([])
  })
})

describe('a token that is not good (RFC 6750 §3.1)', () => {
  it.each([
    ['garbage', async () => 'garbage'],
    ['too long', async () => 'a'.repeat(8193)],
    ['expired', async () => signAsUs(goodClaims(NOON - 300), NOON)],
    ['from the future', async () => signAsUs(goodClaims(NOON + 60), NOON)],
    ['for another audience', async () => signAsUs(goodClaims(NOON, { aud: 'https://x' }), NOON)],
    ['an ID token', async () => signAsUs(goodClaims(NOON), NOON, { typ: 'JWT' }, 'RS256')],
    ['a logout token', async () => signAsUs(goodClaims(NOON), NOON, { typ: 'logout+jwt' })],
    ['a DPoP proof', async () => (await createProver()).prove({ url: 'https://x', now: NOON })],
    ['of a user that nobody knows', async () => signAsUs(goodClaims(NOON), NOON)],
  ])('is refused: %s', async (_, make) => {
    const { fetch, ran } = createGuardedApi()
    for (const path of ['/api/me', '/strict/me']) {
      const response = await fetch(path, bearer(await make()))
      expect(response.status).toBe(401)
      expect(challengesOf(response)).toBe(invalidToken)
      expect(await response.json()).toEqual({ error: 'invalid_token', request_id: 'request-1' })
    }
    expect(ran).toEqual([])
  })

  it('says nothing of why on the wire, and all of it in one line of the log', async () => {
    const { fetch, token } = await world()
    const warn = vi.spyOn(console, 'warn')
    const response = await fetch('/api/me', bearer(`${token}x`))
    expect(await response.text()).not.toMatch(/signature|key/)
    const lines = warn.mock.calls.map(([line]) => JSON.parse(String(line)) as object)
    expect(lines).toMatchObject([
      { event: 'access.refused', reason: 'invalid_token', check: 'signature' },
    ])
    expect(JSON.stringify(lines)).not.toContain(token.slice(0, 40))
  })

  it.each(['/api/me', '/strict/me'])('is one of an ended session, at %s', async (path) => {
    const { fetch, token, userId, session, ran } = await world()
    expect((await sessionsOf().end(userId, session.sid, 'person', NOON)).ok).toBe(true)
    const response = await fetch(path, bearer(token))
    expect(response.status).toBe(401)
    expect(challengesOf(response)).toBe(invalidToken)
    expect(ran).toEqual([])
  })

  it('is one from before all sessions ended, and one from after is good', async () => {
    const { core, fetch, token, userId } = await world()
    expect((await sessionsOf().endAll(userId, 'operator', NOON)).ok).toBe(true)
    expect((await fetch('/strict/me', bearer(token))).status).toBe(401)
    const again = await signedIn(NOON, userId)
    const fresh = await tokenFor(core, again.session, NOON)
    expect((await fetch('/strict/me', bearer(fresh))).status).toBe(200)
    expect((await fetch('/strict/me', bearer(token))).status).toBe(401)
  })
})

describe('scope (RFC 6750 §3.1)', () => {
  it('that is missing is answered 403 and named', async () => {
    const { fetch, token, ran } = await world()
    const response = await fetch('/orders/1', bearer(token))
    expect(response.status).toBe(403)
    expect(challengesOf(response)).toBe(
      `Bearer error="insufficient_scope", scope="orders:read orders:write", ${DPOP}`,
    )
    expect(await response.json()).toMatchObject({ error: 'insufficient_scope' })
    expect(ran).toEqual([])
  })

  it('must be there whole: no part, no prefix, no other case will do', async () => {
    const { fetch, userId, session } = await world()
    const status = async (scope: string | undefined) => {
      const changes = { sub: userId, sid: session.sid, epoch: session.epoch, scope }
      const token = await signAsUs(goodClaims(NOON, changes), NOON)
      return (await fetch('/orders/1', bearer(token))).status
    }
    expect(await status('orders:read orders:write')).toBe(200)
    expect(await status('x orders:write y orders:read')).toBe(200)
    for (const scope of [
      undefined,
      'orders:read',
      'orders:write',
      'orders:read orders:writer',
      'orders:read ORDERS:WRITE',
      'orders:read,orders:write',
    ]) {
      expect([scope, await status(scope)]).toEqual([scope, 403])
    }
  })

  it('that is there lets the request through', async () => {
    const { fetch, token } = await world()
    expect((await fetch('/profile/x', bearer(token))).status).toBe(200)
  })

  it('is not what a revoked token is told about', async () => {
    const { fetch, token, userId, session } = await world()
    await sessionsOf().end(userId, session.sid, 'person', NOON)
    expect((await fetch('/orders/1', bearer(token))).status).toBe(401)
  })
})

describe('when it cannot be known whether a token stands', () => {
  it('the answer is 503 with Retry-After, never a pass', async () => {
    const revocation = { check: async () => refuse('unavailable') }
    const api = createGuardedApi(createCore({ revocation }))
    const { session } = await signedIn(NOON)
    const token = await tokenFor(api.core, session, NOON)
    const response = await api.fetch('/api/me', bearer(token))
    expect(response.status).toBe(503)
    expect(response.headers.get('Retry-After')).toBe('5')
    expect(challengesOf(response)).toBeNull()
    expect(api.ran).toEqual([])
  })

  it('a check that throws ends the request, and the handler does not run', async () => {
    const revocation = { check: () => Promise.reject(new Error('a bug')) }
    const api = createGuardedApi(createCore({ revocation }))
    const { session } = await signedIn(NOON)
    const token = await tokenFor(api.core, session, NOON)
    const response = await api.fetch('/api/me', bearer(token))
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('a bug')
    expect(api.ran).toEqual([])
  })
})

describe('a handler that fails behind the guard', () => {
  it('gives an answer without claims or detail, that the page can still read', async () => {
    const { fetch, token, userId } = await world()
    const headers = { Authorization: `Bearer ${token}`, Origin: 'https://app.example' }
    const response = await fetch('/api/broken', { headers })
    expect(response.status).toBe(500)
    const text = await response.text()
    expect(text).not.toContain('secret detail')
    expect(text).not.toContain(userId)
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('https://app.example')
  })
})

describe('methods', () => {
  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])('%s is checked', async (method) => {
    const { fetch, token, ran } = await world()
    expect((await fetch('/api/me', { method })).status).toBe(401)
    expect(ran).toEqual([])
    expect((await fetch('/api/me', { method, ...bearer(token) })).status).toBe(200)
    expect(ran).toHaveLength(1)
  })

  it('OPTIONS is answered by the guard and reaches no handler, with or without a token', async () => {
    const { fetch, token, ran } = await world()
    for (const headers of [{}, { Authorization: `Bearer ${token}` }]) {
      const response = await fetch('/api/me', { method: 'OPTIONS', headers })
      expect(response.status).toBe(204)
      expect(await response.text()).toBe('')
    }
    expect(ran).toEqual([])
  })

  it('named by an overriding header does not count', async () => {
    const { fetch, ran } = createGuardedApi()
    const headers = { 'X-HTTP-Method-Override': 'OPTIONS', 'X-HTTP-Method': 'OPTIONS' }
    expect((await fetch('/api/me', { headers })).status).toBe(401)
    expect(ran).toEqual([])
  })
})

describe('path games', () => {
  it.each([
    '/api/me',
    '/api//me',
    '/%61pi/me',
    '/api/%2e%2e/api/me',
    '/api/./me',
    '/x/../api/me',
    '/api/me/',
    '/api/',
    '/api',
    '/api/me;v=1',
    '/api/me%2fx',
    '/api/me%00',
    '/api/%ff',
    '/api/me?x=/public',
    '/api/me#x',
  ])('%s is guarded', async (path) => {
    const { fetch, ran } = createGuardedApi()
    expect((await fetch(path)).status).toBe(401)
    expect(ran).toEqual([])
  })

  it.each(['/API/me', '/api;/me', '//api/me', '/api%2fme', '/apix/me', '/api\\me'])(
    '%s is the same to the guard and to the router: no handler believes that somebody is there',
    async (path) => {
      const { fetch } = createGuardedApi()
      const response = await fetch(path)
      const body: unknown = await response.json()
      expect(response.status === 401 || (body as { sub: unknown }).sub === null).toBe(true)
    },
  )
})

describe('header games', () => {
  it.each([
    'X-Forwarded-Uri',
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-Forwarded-User',
    'X-Forwarded-Email',
    'X-Auth-User',
    'X-Auth-Request-User',
    'X_Auth_User',
    'X-Remote-User',
    'X-Authorization',
    'Proxy-Authorization',
    'Authorization_',
  ])('%s has no influence', async (name) => {
    const { fetch, token, ran } = await world()
    for (const value of ['/health', 'admin', `Bearer ${token}`]) {
      expect((await fetch('/api/me', { headers: { [name]: value } })).status).toBe(401)
    }
    expect(ran).toEqual([])
  })

  it('a User-Agent has no influence', async () => {
    const { fetch } = createGuardedApi()
    for (const agent of ['GoogleHC/1.0', 'kube-probe/1.30', 'Cloudflare-Traffic-Manager']) {
      expect((await fetch('/api/me', { headers: { 'User-Agent': agent } })).status).toBe(401)
    }
  })
})

describe('cross-origin requests (Fetch standard)', () => {
  const allowed = ['https://app.example', 'https://login.example']
  const foreign = [
    'null',
    'https://evil.example',
    'https://app.example.evil.example',
    'https://evilapp.example',
    'http://app.example',
    'https://app.example:444',
    'https://APP.example',
    'https://app.example.',
    'https://app.example, https://evil.example',
  ]

  it.each(allowed)('of %s may read answers, refusals included', async (origin) => {
    const { fetch, token } = await world()
    const good = { Authorization: `Bearer ${token}`, Origin: origin }
    for (const headers of [good, { Origin: origin }]) {
      const response = await fetch('/api/me', { headers })
      expect(response.headers.get('Access-Control-Allow-Origin')).toBe(origin)
      expect(response.headers.get('Access-Control-Expose-Headers')).toContain('WWW-Authenticate')
      expect(response.headers.get('Access-Control-Allow-Credentials')).toBeNull()
      expect(response.headers.get('Vary')).toContain('Origin')
    }
  })

  it.each(foreign)('of %s may read nothing', async (origin) => {
    const { fetch, token } = await world()
    for (const init of [
      { headers: { Origin: origin } },
      { headers: { Origin: origin, Authorization: `Bearer ${token}` } },
      { method: 'OPTIONS', headers: preflight(origin) },
    ]) {
      const response = await fetch('/api/me', init)
      const names = [...response.headers.keys()].filter((name) => name.startsWith('access-control'))
      expect(names).toEqual([])
      expect(response.headers.get('Vary')).toContain('Origin')
    }
  })

  const preflight = (origin: string) => ({
    Origin: origin,
    'Access-Control-Request-Method': 'GET',
    'Access-Control-Request-Headers': 'authorization, x-anything',
  })

  it('are preflighted without reflecting what was asked for', async () => {
    const { fetch } = createGuardedApi()
    const headers = preflight('https://app.example')
    const response = await fetch('/api/me', { method: 'OPTIONS', headers })
    expect(response.status).toBe(204)
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('https://app.example')
    expect(response.headers.get('Access-Control-Allow-Headers')).toBe(
      'Authorization, DPoP, Content-Type',
    )
    expect(response.headers.get('Access-Control-Allow-Methods')).toContain('DELETE')
  })
})

describe('a token that is bound to a key (RFC 9449 §7)', () => {
  async function boundWorld() {
    const api = createGuardedApi()
    const prover = await createProver()
    const { session } = await signedIn(NOON)
    const jkt = await calculateJwkThumbprint(prover.jwk)
    const token = await tokenFor(api.core, session, NOON, { jkt })
    const target = { url: 'https://login.example/api/me', token, now: NOON }
    const present = async (proof: string | undefined, init: RequestInit = {}) =>
      api.fetch('/api/me', {
        ...init,
        headers: {
          Authorization: `DPoP ${token}`,
          ...(proof === undefined ? {} : { DPoP: proof }),
        },
      })
    return { ...api, prover, session, token, target, present }
  }

  it('is good with a proof by that key', async () => {
    const { prover, target, present } = await boundWorld()
    expect((await present(await prover.prove(target))).status).toBe(200)
  })

  it('is refused as a bearer token, with or without the proof', async () => {
    const { fetch, prover, target, token, ran } = await boundWorld()
    const proof = await prover.prove(target)
    for (const headers of [{}, { DPoP: proof }]) {
      const response = await fetch('/api/me', {
        headers: { ...headers, Authorization: `Bearer ${token}` },
      })
      expect(response.status).toBe(401)
      expect(challengesOf(response)).toBe(invalidToken)
    }
    expect(ran).toEqual([])
  })

  it('is refused with a proof by another key', async () => {
    const { target, present, ran } = await boundWorld()
    const response = await present(await (await createProver()).prove(target))
    expect(response.status).toBe(401)
    expect(challengesOf(response)).toBe(`DPoP error="invalid_token", algs="${ALGS}"`)
    expect(ran).toEqual([])
  })

  it.each([
    ['is missing', async () => undefined],
    ['is for another URL', { url: 'https://login.example/api/you' }],
    ['is for another method', { method: 'POST' }],
    ['is for another token', { token: 'x.y.z' }],
    ['is old', { now: NOON - 61 }],
  ] as const)('is refused when the proof %s', async (_, changes) => {
    const { prover, target, present, ran } = await boundWorld()
    const proof =
      typeof changes === 'function' ? undefined : await prover.prove({ ...target, ...changes })
    const response = await present(proof)
    expect(response.status).toBe(401)
    expect(challengesOf(response)).toBe(`DPoP error="invalid_dpop_proof", algs="${ALGS}"`)
    expect(await response.json()).toMatchObject({ error: 'invalid_dpop_proof' })
    expect(ran).toEqual([])
  })

  it('is refused when the proof comes twice, in two requests or in one', async () => {
    const { app, prover, target, token, present, ran } = await boundWorld()
    const proof = await prover.prove(target)
    expect((await present(proof)).status).toBe(200)
    expect((await present(proof)).status).toBe(401)
    const headers = new Headers({ Authorization: `DPoP ${token}` })
    headers.append('DPoP', await prover.prove(target))
    headers.append('DPoP', await prover.prove(target))
    expect((await app.request(target.url, { headers })).status).toBe(401)
    expect(ran).toHaveLength(1)
  })

  it('is proven for the URL that we are configured to have, whatever Host the request names', async () => {
    const { app, prover, target, token } = await boundWorld()
    const headers = async (url: string) => ({
      Authorization: `DPoP ${token}`,
      DPoP: await prover.prove({ ...target, url }),
    })
    const elsewhere = 'https://evil.example/api/me'
    const fooled = await app.request(elsewhere, { headers: await headers(elsewhere) })
    expect(fooled.status).toBe(401)
    const good = await app.request(elsewhere, { headers: await headers(target.url) })
    expect(good.status).toBe(200)
  })

  it('needs a HEAD request to be proven as HEAD', async () => {
    const { prover, target, present } = await boundWorld()
    const head = { method: 'HEAD' }
    expect((await present(await prover.prove(target), head)).status).toBe(401)
    expect((await present(await prover.prove({ ...target, ...head }), head)).status).toBe(200)
  })

  it('dies with its session like any other', async () => {
    const { prover, target, present, session } = await boundWorld()
    await sessionsOf().end(session.userId, session.sid, 'person', NOON)
    const response = await present(await prover.prove(target))
    expect(challengesOf(response)).toBe(`DPoP error="invalid_token", algs="${ALGS}"`)
  })

  it('is the only kind that the DPoP scheme takes', async () => {
    const { fetch, prover, core, session } = await boundWorld()
    const token = await tokenFor(core, session, NOON)
    const url = 'https://login.example/api/me'
    const DPoP = await prover.prove({ url, token, now: NOON })
    const response = await fetch('/api/me', { headers: { Authorization: `DPoP ${token}`, DPoP } })
    expect(challengesOf(response)).toBe(`DPoP error="invalid_token", algs="${ALGS}"`)
  })
})
