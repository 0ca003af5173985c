import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { calculateJwkThumbprint, createLocalJWKSet, decodeJwt, jwtVerify } from 'jose'
import type { JSONWebKeySet } from 'jose'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import worker from '../../src/worker.ts'
import { freezeClock } from '../world/clock.ts'
import { settings } from '../world/settings.ts'
import { createProver, prepareKeyRing } from '../world/signed-by-us.ts'
import { rowsOf, sessionsOf, signedIn } from '../core/sessions/signed-in-user.ts'

/** Far ahead of real time, so that no alarm comes by itself while a test runs. Each test has a minute of its own. */
let now = 2_000_000_000

beforeEach(async () => {
  // Later than any earlier test by more than the isolate holds its keys: it takes those of this test's ring.
  now += 100_000
  freezeClock(now)
  await prepareKeyRing(now)
})

const URL_OF_BRIDGE = 'https://login.example/auth/sso/token'

interface BridgeAnswer {
  access_token: string
  token_type: string
  expires_in: number
  user: Record<string, unknown>
  error: string
}

const cookieOf = (cookie: string) => ({ Cookie: `__Host-drawbridge_session=${cookie}` })

/** Asks the bridge, and waits for what the request leaves to be done after its answer. */
async function ask(headers: HeadersInit = {}, init: { method?: string } = {}) {
  const context = createExecutionContext()
  const request = new Request<unknown, IncomingRequestCfProperties>(URL_OF_BRIDGE, {
    ...init,
    headers,
  })
  const response = await worker.fetch(request, env, context)
  await waitOnExecutionContext(context)
  const text = await response.text()
  const body = (text === '' ? {} : JSON.parse(text)) as BridgeAnswer
  return { response, status: response.status, headers: response.headers, body, text }
}

/** What no answer of the bridge may lack (G07, G11). */
function expectUnshared(headers: Headers) {
  expect(headers.get('Cache-Control')).toBe('no-store')
  expect(headers.get('Vary')).toBe('Cookie, Origin')
  expect(headers.get('Cross-Origin-Resource-Policy')).toBe('same-origin')
  expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
  expect(headers.get('ETag')).toBeNull()
}

const corsNames = (headers: Headers) =>
  [...headers.keys()].filter((name) => name.startsWith('access-control'))

const foreignOrigins = [
  'null',
  'https://evil.example',
  'https://app.example.evil.example',
  'https://evilapp.example',
  'http://app.example',
  'https://app.example:444',
  'https://APP.EXAMPLE',
  'https://app.example.',
  'https://app.example/',
  '',
]

describe('a live session', () => {
  it('is exchanged for an access token', async () => {
    const { cookie, session, userId } = await signedIn(now)
    const { status, headers, body } = await ask(cookieOf(cookie))
    expect(status).toBe(200)
    expectUnshared(headers)
    expect(headers.get('Content-Type')).toMatch(/^application\/json/)
    expect(body).toEqual({
      access_token: expect.any(String) as string,
      token_type: 'Bearer',
      expires_in: 300,
      user: { sub: userId, name: 'Ada', email: 'ada@example.com' },
    })
    const { jti, ...claims } = decodeJwt(body.access_token)
    expect(jti).toMatch(/^[0-9a-f]{32}$/)
    expect(claims).toEqual({
      iss: settings.ISSUER,
      aud: settings.ACCESS_TOKEN.audience,
      sub: userId,
      client_id: 'drawbridge',
      iat: now,
      exp: now + 300,
      sid: session.sid,
      epoch: session.epoch,
      auth_time: now,
      idp: 'otrotl',
    })
  })

  it('gives a token that the published keys verify, as any library would', async () => {
    const { cookie } = await signedIn(now)
    const { body } = await ask(cookieOf(cookie))
    const jwks = await exports.default.fetch('https://login.example/.well-known/jwks.json')
    const keys = createLocalJWKSet(await jwks.json<JSONWebKeySet>())
    const { protectedHeader } = await jwtVerify(body.access_token, keys, {
      issuer: settings.ISSUER,
      audience: settings.ACCESS_TOKEN.audience,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      currentDate: new Date(now * 1000),
    })
    expect(Object.keys(protectedHeader).toSorted()).toEqual(['alg', 'kid', 'typ'])
  })

  it('gives no token that outlives it', async () => {
    const { cookie, session } = await signedIn(now)
    const lastIdleMoment = session.idleDeadlineAt - 1
    for (let at = now; at < session.absoluteDeadlineAt - 100; at += 3000) {
      freezeClock(at)
      expect((await ask(cookieOf(cookie))).status).toBe(200)
    }
    expect(lastIdleMoment).toBeLessThan(session.absoluteDeadlineAt)
    freezeClock(session.absoluteDeadlineAt - 7)
    const { body } = await ask(cookieOf(cookie))
    expect(body.expires_in).toBe(7)
    expect(decodeJwt(body.access_token).exp).toBe(session.absoluteDeadlineAt)
    freezeClock(session.absoluteDeadlineAt)
    expect((await ask(cookieOf(cookie))).status).toBe(401)
  })

  it('is recorded once, with the token id and without the token', async () => {
    const { cookie, userId } = await signedIn(now)
    const info = vi.spyOn(console, 'info')
    const { body } = await ask(cookieOf(cookie))
    const lines = info.mock.calls
      .map(([line]) => JSON.parse(String(line)) as { event: string })
      .filter(({ event }) => event.startsWith('token.'))
    expect(lines).toMatchObject([{ event: 'token.issued', user: userId, token_type: 'Bearer' }])
    expect(JSON.stringify(info.mock.calls)).not.toContain(body.access_token.slice(0, 60))
    expect(JSON.stringify(info.mock.calls)).not.toContain(cookie)
  })
})

describe('without a live session', () => {
  it.each([
    ['no cookie', {}],
    ['an empty cookie', { Cookie: '__Host-drawbridge_session=' }],
    ['a forged cookie', { Cookie: '__Host-drawbridge_session=s_forged' }],
    ['a cookie without the prefix', { Cookie: 'drawbridge_session=s_forged' }],
  ])('there is no token: %s', async (_, headers) => {
    const answer = await ask(headers)
    expect(answer.status).toBe(401)
    expect(answer.body).toEqual({
      error: 'no_session',
      request_id: answer.headers.get('X-Request-Id'),
    })
    expectUnshared(answer.headers)
    expect(answer.headers.get('WWW-Authenticate')).toBe('session')
  })

  it('there is no token: the session has ended', async () => {
    const { cookie, userId, session } = await signedIn(now)
    await sessionsOf().end(userId, session.sid, 'person', now)
    const { status, body } = await ask(cookieOf(cookie))
    expect(status).toBe(401)
    expect(body.error).toBe('no_session')
  })

  it('the cookie is left alone: another tab may have signed in meanwhile', async () => {
    const { headers } = await ask(cookieOf('s_stale'))
    expect(headers.get('Set-Cookie')).toBeNull()
  })

  it('an access token is no credential', async () => {
    const { cookie } = await signedIn(now)
    const { body } = await ask(cookieOf(cookie))
    for (const headers of [
      { Authorization: `Bearer ${body.access_token}` },
      { Authorization: `Bearer ${cookie}` },
      { Cookie: `__Host-drawbridge_session=${body.access_token}` },
    ]) {
      expect((await ask(headers)).status).toBe(401)
    }
    const inQuery = await exports.default.fetch(
      `${URL_OF_BRIDGE}?access_token=${body.access_token}`,
    )
    expect(inQuery.status).toBe(401)
  })

  it('leaves one event, which names no cookie', async () => {
    const warn = vi.spyOn(console, 'warn')
    await ask(cookieOf('s_marked-value-of-a-cookie'))
    const lines = warn.mock.calls.map(([line]) => JSON.parse(String(line)) as object)
    expect(lines).toMatchObject([{ event: 'token.refused', reason: 'no_session' }])
    expect(JSON.stringify(lines)).not.toContain('marked-value')
  })
})

describe('who may ask (RFC 10017)', () => {
  it.each(['https://app.example', 'https://login.example'])(
    'a page of %s may, with credentials',
    async (origin) => {
      const { cookie } = await signedIn(now)
      const { status, headers } = await ask({ ...cookieOf(cookie), Origin: origin })
      expect(status).toBe(200)
      expect(headers.get('Access-Control-Allow-Origin')).toBe(origin)
      expect(headers.get('Access-Control-Allow-Credentials')).toBe('true')
      expectUnshared(headers)
    },
  )

  it.each(['https://app.example', 'https://login.example'])(
    'a page of %s can read that there is no session',
    async (origin) => {
      const { status, headers } = await ask({ Origin: origin })
      expect(status).toBe(401)
      expect(headers.get('Access-Control-Allow-Origin')).toBe(origin)
    },
  )

  it.each(foreignOrigins)('a page of %j may not, and its asking moves nothing', async (origin) => {
    const { cookie, userId } = await signedIn(now)
    const before = await rowsOf(userId, 'SELECT * FROM sessions')
    freezeClock(now + 600)
    const { status, headers, text, body } = await ask({ ...cookieOf(cookie), Origin: origin })
    expect(status).toBe(403)
    expect(body.error).toBe('origin_not_allowed')
    expect(text).not.toContain('access_token')
    expect(corsNames(headers)).toEqual([])
    expectUnshared(headers)
    expect(await rowsOf(userId, 'SELECT * FROM sessions')).toEqual(before)
  })

  it.each(['cross-site', 'same-site', 'something-new', ''])(
    'a request that the browser calls %j and gives no Origin may not',
    async (site) => {
      const { cookie } = await signedIn(now)
      const { status, headers, text } = await ask({ ...cookieOf(cookie), 'Sec-Fetch-Site': site })
      expect(status).toBe(403)
      expect(text).not.toContain('access_token')
      expectUnshared(headers)
    },
  )

  it.each(['same-origin', 'none'])('a request that the browser calls %s may', async (site) => {
    const { cookie } = await signedIn(now)
    expect((await ask({ ...cookieOf(cookie), 'Sec-Fetch-Site': site })).status).toBe(200)
  })

  it('an allowed origin is asked for whatever else the browser says', async () => {
    const { cookie } = await signedIn(now)
    const headers = { ...cookieOf(cookie), Origin: 'https://app.example' }
    expect((await ask({ ...headers, 'Sec-Fetch-Site': 'cross-site' })).status).toBe(200)
    const forged = { ...cookieOf(cookie), Origin: 'https://evil.example' }
    expect((await ask({ ...forged, 'Sec-Fetch-Site': 'same-origin' })).status).toBe(403)
  })

  it('the Host of the request decides nothing', async () => {
    const { cookie } = await signedIn(now)
    const headers = { ...cookieOf(cookie), Origin: 'https://evil.example', Host: 'evil.example' }
    const response = await exports.default.fetch(
      new Request('https://evil.example/auth/sso/token', { headers }),
    )
    expect(response.status).toBe(403)
  })
})

describe('methods', () => {
  it.each(['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])(
    '%s is refused and mints nothing',
    async (method) => {
      const { cookie, userId } = await signedIn(now)
      const before = await rowsOf(userId, 'SELECT * FROM sessions')
      const info = vi.spyOn(console, 'info')
      freezeClock(now + 600)
      const { status, headers, text } = await ask(cookieOf(cookie), { method })
      expect(status).toBe(405)
      expect(headers.get('Allow')).toBe('GET, OPTIONS')
      expect(text).not.toContain('access_token')
      expectUnshared(headers)
      expect(info.mock.calls.flat().join()).not.toContain('token.issued')
      expect(await rowsOf(userId, 'SELECT * FROM sessions')).toEqual(before)
    },
  )

  it('a preflight of an allowed origin may send a DPoP header, and nothing else', async () => {
    const { status, headers, text } = await ask(
      {
        Origin: 'https://app.example',
        'Access-Control-Request-Method': 'GET',
        'Access-Control-Request-Headers': 'dpop, x-anything',
      },
      { method: 'OPTIONS' },
    )
    expect(status).toBe(204)
    expect(text).toBe('')
    expect(headers.get('Access-Control-Allow-Origin')).toBe('https://app.example')
    expect(headers.get('Access-Control-Allow-Headers')).toBe('DPoP')
    expect(headers.get('Access-Control-Allow-Methods')).toBe('GET')
    expectUnshared(headers)
  })

  it.each(foreignOrigins)('a preflight of %j is granted nothing', async (origin) => {
    const { headers } = await ask(
      { Origin: origin, 'Access-Control-Request-Headers': 'dpop' },
      { method: 'OPTIONS' },
    )
    expect(corsNames(headers)).toEqual([])
    expectUnshared(headers)
  })
})

describe('with a DPoP proof (RFC 9449 §5)', () => {
  it('the token is bound to the key that made it', async () => {
    const { cookie } = await signedIn(now)
    const prover = await createProver()
    const proof = await prover.prove({ url: URL_OF_BRIDGE, now })
    const { status, body } = await ask({ ...cookieOf(cookie), DPoP: proof })
    expect(status).toBe(200)
    expect(body.token_type).toBe('DPoP')
    const jkt = await calculateJwkThumbprint(prover.jwk)
    expect(decodeJwt(body.access_token).cnf).toEqual({ jkt })
  })

  it.each([
    ['for another URL', { url: 'https://login.example/api/me' }],
    ['for another method', { method: 'POST' }],
    ['that is old', { age: 61 }],
  ])('%s there is none, and the session is not touched', async (_, changes) => {
    const { cookie, userId } = await signedIn(now)
    const before = await rowsOf(userId, 'SELECT * FROM sessions')
    freezeClock(now + 600)
    const prover = await createProver()
    const { age = 0, ...target } = { url: URL_OF_BRIDGE, ...changes } as {
      url: string
      method?: string
      age?: number
    }
    const proof = await prover.prove({ ...target, now: now + 600 - age })
    const { status, headers, body } = await ask({ ...cookieOf(cookie), DPoP: proof })
    expect(status).toBe(400)
    expect(body.error).toBe('invalid_dpop_proof')
    expectUnshared(headers)
    expect(await rowsOf(userId, 'SELECT * FROM sessions')).toEqual(before)
  })

  it('a second time there is none', async () => {
    const { cookie } = await signedIn(now)
    const proof = await (await createProver()).prove({ url: URL_OF_BRIDGE, now })
    expect((await ask({ ...cookieOf(cookie), DPoP: proof })).status).toBe(200)
    expect((await ask({ ...cookieOf(cookie), DPoP: proof })).status).toBe(400)
  })

  it('an empty proof is not the same as none', async () => {
    const { cookie } = await signedIn(now)
    expect((await ask({ ...cookieOf(cookie), DPoP: '' })).status).toBe(400)
  })

  it('there is no token without a session', async () => {
    const proof = await (await createProver()).prove({ url: URL_OF_BRIDGE, now })
    expect((await ask({ DPoP: proof })).status).toBe(401)
  })
})

describe('two people in one isolate', () => {
  it('each get their own token, a thousand times over', async () => {
    const people = [await signedIn(now), await signedIn(now)]
    const calls = Array.from({ length: 1000 }, async (_, i) => {
      const person = people[i % 2]!
      // Each call from an address of its own, so that no limit stands in between.
      const address = `192.0.${Math.floor(i / 250)}.${(i % 250) + 1}`
      const { status, body } = await ask({
        ...cookieOf(person.cookie),
        'CF-Connecting-IP': address,
      })
      expect(status).toBe(200)
      const claims = decodeJwt(body.access_token)
      expect([claims.sub, claims.sid, body.user.sub]).toEqual([
        person.userId,
        person.session.sid,
        person.userId,
      ])
      return claims.jti
    })
    expect(new Set(await Promise.all(calls)).size).toBe(1000)
  }, 60_000)
})

describe('too many requests', () => {
  it('from one address are answered 429, with the same headers and no token', async () => {
    const { cookie } = await signedIn(now)
    vi.spyOn(env.BRIDGE_LIMIT, 'limit').mockResolvedValue({ success: false })
    const warn = vi.spyOn(console, 'warn')
    const { status, headers, body, text } = await ask({
      ...cookieOf(cookie),
      Origin: 'https://app.example',
    })
    expect(status).toBe(429)
    expect(headers.get('Retry-After')).toBe('60')
    expect(headers.get('Access-Control-Allow-Origin')).toBe('https://app.example')
    expect(body.error).toBe('rate_limited')
    expect(text).not.toContain('access_token')
    expectUnshared(headers)
    expect(warn.mock.calls.flat().join()).toContain('rate.limited')
  })
})

describe('when the session cannot be looked up', () => {
  it('the answer is 503 with Retry-After', async () => {
    const { cookie } = await signedIn(now)
    vi.spyOn(env.USER_SESSIONS, 'getByName').mockImplementation(() => {
      throw new Error('away')
    })
    vi.spyOn(env.USER_SESSIONS, 'get').mockImplementation(() => {
      throw new Error('away')
    })
    const { status, headers, body } = await ask(cookieOf(cookie))
    expect(status).toBe(503)
    expect(headers.get('Retry-After')).toBe('5')
    expect(body.error).toBe('unavailable')
    expectUnshared(headers)
  })
})

describe('when something is thrown', () => {
  it('the answer is 500, has the same headers and says nothing', async () => {
    const { cookie } = await signedIn(now)
    vi.spyOn(console, 'info').mockImplementationOnce(() => {
      throw new Error('secret detail')
    })
    const { status, headers, text } = await ask(cookieOf(cookie))
    expect(status).toBe(500)
    expect(text).not.toMatch(/secret detail|access_token/)
    expectUnshared(headers)
  })
})

describe('the published keys (RFC 7517 §5)', () => {
  const url = 'https://login.example/.well-known/jwks.json'

  it('are public members only, cacheable for five minutes, for any origin', async () => {
    const response = await exports.default.fetch(url)
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/jwk-set+json')
    expect(response.headers.get('Cache-Control')).toBe('public, max-age=300')
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
    expect(response.headers.get('Access-Control-Allow-Credentials')).toBeNull()
    const { keys } = await response.json<{ keys: Record<string, unknown>[] }>()
    expect(keys.map(({ alg }) => String(alg)).toSorted()).toEqual([
      'ES256',
      'ES256',
      'RS256',
      'RS256',
    ])
    for (const key of keys) {
      const known = ['kty', 'kid', 'alg', 'use', 'crv', 'x', 'y', 'n', 'e']
      expect(Object.keys(key).filter((name) => !known.includes(name))).toEqual([])
    }
  })

  it.each(['POST', 'PUT', 'DELETE'])('are not there for %s', async (method) => {
    const response = await exports.default.fetch(new Request(url, { method }))
    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')).toBe('GET, HEAD, OPTIONS')
  })

  it('are there for HEAD, without a body', async () => {
    const response = await exports.default.fetch(new Request(url, { method: 'HEAD' }))
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })
})
