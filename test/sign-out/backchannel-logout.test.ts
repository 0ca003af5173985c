import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import type { UserId } from '../../src/core/sessions/session.ts'
import { logoutClaims, logoutToken } from '../world/logout-token.ts'
import { captureLog, decisions } from '../world/log-lines.ts'
import type { Members } from '../world/provider-behaviour.ts'
import { comeBack, createWorld, signIn } from '../world/sign-in.ts'
import {
  BACK_CHANNEL,
  deliver,
  deliverToken,
  expectObeyed,
  expectRejected,
  markers,
} from './logout-delivery.ts'
import { GONE, LIVES, signedInPerson, whatLivesOf } from './signed-in-person.ts'

const sessionScope = { otrotl: { backchannel_logout_scope: 'session' } }

describe('a good logout token (Back-Channel Logout 1.0 §2.7)', () => {
  it('that names a session ends exactly that one, where the scope is the session', async () => {
    const world = await createWorld(sessionScope)
    const one = await signedInPerson(world)
    const two = await signedInPerson(world)
    const bob = await signedInPerson(world, world.otrotl, { as: 'bob' })
    await expectObeyed(
      await deliverToken(world, await logoutToken(world.otrotl, { sid: one.upstreamSid })),
    )
    expect(await whatLivesOf(one)).toEqual(GONE)
    expect(await whatLivesOf(two)).toEqual(LIVES)
    expect(await whatLivesOf(bob)).toEqual(LIVES)
  })

  it('that names a subject ends all of the subject’s sessions at that provider, and no other', async () => {
    const world = await createWorld(sessionScope)
    const mine = [await signedInPerson(world), await signedInPerson(world)]
    const others = [
      await signedInPerson(world, world.otrotl, { as: 'bob' }),
      await signedInPerson(world, world.second),
    ]
    await expectObeyed(
      await deliverToken(world, await logoutToken(world.otrotl, { sub: 'sub-alice' })),
    )
    for (const each of mine) expect(await whatLivesOf(each)).toEqual(GONE)
    for (const each of others) expect(await whatLivesOf(each)).toEqual(LIVES)
  })

  it.each(['sub', 'sid', 'both'])(
    'that names %s ends all of the user’s sessions, by default',
    async (names) => {
      const world = await createWorld()
      const mine = [await signedInPerson(world), await signedInPerson(world)]
      const bob = await signedInPerson(world, world.otrotl, { as: 'bob' })
      const who = { sub: 'sub-alice', sid: mine[0]!.upstreamSid }
      const named = names === 'both' ? who : { [names]: who[names as keyof typeof who] }
      await expectObeyed(await deliverToken(world, await logoutToken(world.otrotl, named)))
      for (const each of mine) expect(await whatLivesOf(each)).toEqual(GONE)
      expect(await whatLivesOf(bob)).toEqual(LIVES)
    },
  )

  it('that names somebody else’s session beside a subject ends nobody else’s', async () => {
    for (const scope of ['user', 'session']) {
      const world = await createWorld({ otrotl: { backchannel_logout_scope: scope } })
      const bob = await signedInPerson(world, world.otrotl, { as: 'bob' })
      const token = await logoutToken(world.otrotl, { sub: 'sub-alice', sid: bob.upstreamSid })
      await expectObeyed(await deliverToken(world, token))
      expect(await whatLivesOf(bob)).toEqual(LIVES)
    }
  })

  it('comes to the first provider where the address names none', async () => {
    const world = await createWorld()
    const alice = await signedInPerson(world)
    const body = new URLSearchParams({
      logout_token: await logoutToken(world.otrotl, { sub: 'sub-alice' }),
    })
    await expectObeyed(await deliver(world, body, { path: BACK_CHANNEL }))
    expect(await whatLivesOf(alice)).toEqual(GONE)
  })

  it('is taken with other fields beside it, and with a charset', async () => {
    const world = await createWorld()
    const alice = await signedInPerson(world)
    const token = await logoutToken(world.otrotl, { sub: 'sub-alice', extra: [1] })
    const body = `x=1&logout_token=${token}&x=2&client_id=somebody`
    const type = 'application/x-www-form-urlencoded; charset=UTF-8'
    await expectObeyed(await deliver(world, body, { headers: { 'content-type': type } }))
    expect(await whatLivesOf(alice)).toEqual(GONE)
  })

  it('of somebody or some session that is not known is answered no differently', async () => {
    const world = await createWorld()
    const alice = await signedInPerson(world)
    for (const who of [
      { sub: 'sub-nobody' },
      { sid: 'sid-nothing' },
      { sub: 'sub-nobody', sid: alice.upstreamSid },
    ]) {
      await expectObeyed(await deliverToken(world, await logoutToken(world.otrotl, who)))
    }
    expect(await whatLivesOf(alice)).toEqual(LIVES)
    expect(await markers()).toHaveLength(3)
  })

  it.each([`'`, '"', ' ', '%00', '#', '&=+', '王', 's'.repeat(1000)])(
    'ends a session that the provider calls %j',
    async (sid) => {
      const world = await createWorld(sessionScope)
      world.otrotl.behaviour.idTokenClaims = { sid }
      const alice = await signedInPerson(world)
      await expectObeyed(
        await deliverToken(world, await logoutToken(world.otrotl, { sid: `${sid}x` })),
      )
      expect(await whatLivesOf(alice)).toEqual(LIVES)
      await expectObeyed(await deliverToken(world, await logoutToken(world.otrotl, { sid })))
      expect(await whatLivesOf(alice)).toEqual(GONE)
    },
  )

  it('leaves one event for the decision and one for each end', async () => {
    const world = await createWorld(sessionScope)
    const alice = await signedInPerson(world)
    const log = captureLog()
    await deliverToken(world, await logoutToken(world.otrotl, { sid: alice.upstreamSid }))
    const told = decisions(log.lines).map(({ event, cause, ended, repeated }) => ({
      event,
      cause,
      ended,
      repeated,
    }))
    expect(told).toEqual([
      { event: 'session.ended', cause: 'provider_back_channel' },
      { event: 'logout.accepted', ended: 1, repeated: false },
    ])
    expect(log.text()).not.toContain(alice.upstreamSid)
  })
})

describe('a logout token that comes again', () => {
  it('is answered 200 and does nothing: a session opened in between stays', async () => {
    const world = await createWorld()
    const before = await signedInPerson(world)
    const token = await logoutToken(world.otrotl, { sub: 'sub-alice' })
    await expectObeyed(await deliverToken(world, token))
    expect(await whatLivesOf(before)).toEqual(GONE)
    const after = await signedInPerson(world)
    await expectObeyed(await deliverToken(world, token))
    expect(await whatLivesOf(after)).toEqual(LIVES)
  })

  it('does nothing either to somebody who was not known when it came first', async () => {
    const world = await createWorld()
    const token = await logoutToken(world.otrotl, { sub: 'sub-alice' })
    await expectObeyed(await deliverToken(world, token))
    const after = await signedInPerson(world)
    await expectObeyed(await deliverToken(world, token))
    expect(await whatLivesOf(after)).toEqual(LIVES)
  })

  it('ends once, however many come at the same moment', async () => {
    const world = await createWorld()
    const alice = await signedInPerson(world)
    const token = await logoutToken(world.otrotl, { sub: 'sub-alice' })
    const log = captureLog()
    const answers = await Promise.all(Array.from({ length: 10 }, () => deliverToken(world, token)))
    for (const answer of answers) await expectObeyed(answer)
    expect(log.lines.filter(({ event }) => event === 'sessions.ended')).toHaveLength(1)
    expect(await whatLivesOf(alice)).toEqual(GONE)
  })

  it('is refused when it is another one under the same jti', async () => {
    const world = await createWorld()
    const bob = await signedInPerson(world, world.otrotl, { as: 'bob' })
    const alice = await signedInPerson(world)
    await deliverToken(world, await logoutToken(world.otrotl, { sub: 'sub-bob', jti: 'one' }))
    const other = await logoutToken(world.otrotl, { sub: 'sub-alice', jti: 'one' })
    await expectRejected(() => deliverToken(world, other), 'jti_reused')
    expect([await whatLivesOf(bob), await whatLivesOf(alice)]).toEqual([GONE, LIVES])
  })

  it('is another provider’s when another provider uses the same jti', async () => {
    const world = await createWorld()
    const alice = await signedInPerson(world, world.second)
    await deliverToken(world, await logoutToken(world.otrotl, { sub: 'sub-alice', jti: 'one' }))
    const token = await logoutToken(world.second, { sub: 'sub-alice', jti: 'one' })
    await expectObeyed(await deliverToken(world, token, world.second))
    expect(await whatLivesOf(alice)).toEqual(GONE)
  })
})

describe('a bad logout token ends nothing', () => {
  const bad: [string, Members, Members, string][] = [
    ['with a nonce of null', { nonce: null }, {}, 'nonce'],
    ['without events', { events: undefined }, {}, 'events'],
    ['without jti', { jti: undefined }, {}, 'jti'],
    ['without iat', { iat: undefined }, {}, 'iat'],
    ['without exp', { exp: undefined }, {}, 'exp'],
    ['without subject and session', { sub: undefined }, {}, 'sub_or_sid'],
    ['of another issuer', { iss: 'https://second.example' }, {}, 'iss'],
    ['for somebody else as well', { aud: ['tuberaker', 'x'] }, {}, 'aud'],
    ['of six minutes ago', { iat: Math.floor(Date.now() / 1000) - 360 }, {}, 'iat'],
    ['that is an access token', {}, { typ: 'at+jwt' }, 'typ'],
    ['with no algorithm', {}, { alg: 'none' }, 'alg'],
    ['with a key that nobody has', {}, { kid: 'unknown' }, 'key'],
  ]
  it.each(bad)('%s', async (_, claims, header, check) => {
    const world = await createWorld()
    const alice = await signedInPerson(world)
    const token = await logoutToken(world.otrotl, { sub: 'sub-alice', ...claims }, header)
    await expectRejected(() => deliverToken(world, token), `logout_token_invalid/${check}`)
    expect(await whatLivesOf(alice)).toEqual(LIVES)
  })

  it('that is the ID token of the sign-in', async () => {
    const world = await createWorld()
    let idToken = ''
    world.otrotl.behaviour.idToken = ({ token }) => (idToken = token)
    const alice = await signedInPerson(world)
    await expectRejected(() => deliverToken(world, idToken), 'logout_token_invalid/events')
    expect(await whatLivesOf(alice)).toEqual(LIVES)
  })

  it('that was taken in transit and changed, or signed by nobody', async () => {
    const world = await createWorld()
    const alice = await signedInPerson(world)
    const [head, , signature] = (await logoutToken(world.otrotl, { sub: 'sub-bob' })).split('.')
    const claims = logoutClaims(world.otrotl, { sub: 'sub-alice' })
    const body = btoa(JSON.stringify(claims))
      .replaceAll('=', '')
      .replaceAll('+', '-')
      .replaceAll('/', '_')
    for (const token of [`${head}.${body}.${signature}`, `${head}.${body}.AAAA`]) {
      await expectRejected(() => deliverToken(world, token), 'logout_token_invalid/signature')
    }
    expect(await whatLivesOf(alice)).toEqual(LIVES)
  })

  it('of one provider at the address of another', async () => {
    const world = await createWorld({ second: { id_token_signed_response_alg: 'RS256' } })
    const alice = await signedInPerson(world)
    const token = await logoutToken(world.otrotl, { sub: 'sub-alice' })
    await expectRejected(() => deliverToken(world, token, world.second), 'logout_token_invalid/key')
    expect(await whatLivesOf(alice)).toEqual(LIVES)
  })

  it('is not remembered: the good one with its jti is taken afterwards', async () => {
    const world = await createWorld()
    const alice = await signedInPerson(world)
    const jti = 'the-jti'
    const token = await logoutToken(world.otrotl, { sub: 'sub-alice', jti, nonce: 'n' })
    await expectRejected(() => deliverToken(world, token), 'logout_token_invalid/nonce')
    await expectObeyed(
      await deliverToken(world, await logoutToken(world.otrotl, { sub: 'sub-alice', jti })),
    )
    expect(await whatLivesOf(alice)).toEqual(GONE)
  })
})

describe('a request that does not hold one logout token in its form (§2.5)', () => {
  const form = 'application/x-www-form-urlencoded'
  const cases: [
    string,
    (token: string) => Parameters<typeof deliver>[1],
    Record<string, string>,
    string,
  ][] = [
    ['no body', () => null, {}, 'unsupported_media_type'],
    ['no token', () => 'x=1', { 'content-type': form }, 'token_missing'],
    ['an empty token', () => 'logout_token=', { 'content-type': form }, 'token_missing'],
    [
      'two tokens',
      (t) => `logout_token=${t}&logout_token=${t}`,
      { 'content-type': form },
      'duplicate_parameter',
    ],
    [
      'a JSON body',
      (t) => JSON.stringify({ logout_token: t }),
      { 'content-type': 'application/json' },
      'unsupported_media_type',
    ],
    [
      'plain text',
      (t) => `logout_token=${t}`,
      { 'content-type': 'text/plain' },
      'unsupported_media_type',
    ],
    [
      'another charset',
      (t) => `logout_token=${t}`,
      { 'content-type': `${form}; charset=utf-16` },
      'unsupported_media_type',
    ],
    [
      'a broken escape',
      (t) => `logout_token=${t}&x=%zz`,
      { 'content-type': form },
      'invalid_body/escapes',
    ],
    [
      'a megabyte',
      () => `logout_token=${'a'.repeat(1_000_000)}`,
      { 'content-type': form },
      'body_too_large',
    ],
    [
      'a token of 9,000 letters',
      () => `logout_token=${'a'.repeat(9000)}`,
      { 'content-type': form },
      'logout_token_invalid/size',
    ],
  ]
  it.each(cases)('is refused: %s', async (_, body, headers, reason) => {
    const world = await createWorld()
    const alice = await signedInPerson(world)
    const token = await logoutToken(world.otrotl, { sub: 'sub-alice' })
    await expectRejected(() => deliver(world, body(token), { headers }), reason)
    expect(await whatLivesOf(alice)).toEqual(LIVES)
  })

  it('is refused: multipart, the query, an address of no provider', async () => {
    const world = await createWorld()
    const alice = await signedInPerson(world)
    const token = await logoutToken(world.otrotl, { sub: 'sub-alice' })
    const multipart = new FormData()
    multipart.set('logout_token', token)
    await expectRejected(() => deliver(world, multipart), 'unsupported_media_type')
    const query = `${BACK_CHANNEL}/otrotl?logout_token=${token}`
    const body = () => new URLSearchParams({ logout_token: token })
    await expectRejected(() => deliver(world, body(), { path: query }), 'token_in_query')
    for (const id of ['nobody', '__proto__', 'constructor']) {
      await expectRejected(
        () => deliver(world, body(), { path: `${BACK_CHANNEL}/${id}` }),
        'provider_unknown',
      )
    }
    expect(await whatLivesOf(alice)).toEqual(LIVES)
  })

  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'])(
    'is refused by the method %s',
    async (method) => {
      const world = await createWorld()
      const answer = await deliver(world, null, { method })
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
      expect(answer.headers.get('cache-control')).toBe('no-store')
    },
  )

  it('grants nothing to other origins', async () => {
    const world = await createWorld()
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' }
    const preflight = await deliver(world, null, { method: 'OPTIONS', headers })
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull()
    const token = await logoutToken(world.otrotl, { sub: 'sub-alice' })
    const body = new URLSearchParams({ logout_token: token })
    await expectObeyed(await deliver(world, body, { headers: { origin: 'https://app.example' } }))
  })
})

describe('what is our own failing is a 503, and the same token works later:', () => {
  it('the user’s object does not answer', async () => {
    let isDown = false
    const userSessions = new Proxy(env.USER_SESSIONS, {
      get: (target, name) =>
        name === 'getByName' && isDown
          ? () => {
              throw new Error('the object is down')
            }
          : (...args: unknown[]) =>
              Reflect.apply(Reflect.get(target, name) as () => unknown, target, args),
    })
    const world = await createWorld({}, { USER_SESSIONS: userSessions })
    const alice = await signedInPerson(world)
    const token = await logoutToken(world.otrotl, { sub: 'sub-alice' })
    isDown = true
    captureLog()
    const answer = await deliverToken(world, token)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    isDown = false
    expect(await whatLivesOf(alice)).toEqual(LIVES)
    await expectObeyed(await deliverToken(world, token))
    expect(await whatLivesOf(alice)).toEqual(GONE)
  })

  it.each(['INSERT INTO early_logouts', 'SELECT user_id FROM identities', 'UPDATE early_logouts'])(
    'the directory fails at %s',
    async (statement) => {
      let isDown = false
      const directory = new Proxy(env.DIRECTORY, {
        get(target, name) {
          const member = Reflect.get(target, name) as (...args: unknown[]) => unknown
          return (...args: unknown[]) => {
            if (isDown && name === 'prepare' && String(args[0]).trim().startsWith(statement)) {
              throw new Error('the directory is down')
            }
            return Reflect.apply(member, target, args)
          }
        },
      })
      const world = await createWorld({}, { DIRECTORY: directory })
      const alice = await signedInPerson(world)
      // Nobody here: the only case in which the marker is settled.
      const sub = statement.startsWith('UPDATE') ? 'sub-nobody' : 'sub-alice'
      const token = await logoutToken(world.otrotl, { sub })
      isDown = true
      captureLog()
      expect((await deliverToken(world, token)).status).toBe(503)
      isDown = false
      expect(await whatLivesOf(alice)).toEqual(LIVES)
      await expectObeyed(await deliverToken(world, token))
      expect(await whatLivesOf(alice)).toEqual(sub === 'sub-alice' ? GONE : LIVES)
    },
  )

  it('the provider’s keys cannot be had', async () => {
    const world = await createWorld()
    // Signed in at the other provider, so that these keys have not been fetched yet.
    const alice = await signedInPerson(world, world.second)
    world.otrotl.behaviour.answers = { keys: () => new Response(null, { status: 500 }) }
    const token = await logoutToken(world.otrotl, { sub: 'sub-alice' })
    await expectRejected(() => deliverToken(world, token), 'provider_unavailable', 503)
    expect(await whatLivesOf(alice)).toEqual(LIVES)
  })
})

it('junk makes nobody fetch keys more than once', async () => {
  const world = await createWorld()
  await signedInPerson(world)
  captureLog()
  const fetched = () => world.internet.requestsTo('https://otrotl.example/keys').length
  const before = fetched()
  for (let i = 0; i < 20; i += 1) {
    await deliverToken(world, `junk-${i}`)
    await deliverToken(world, await logoutToken(world.otrotl, { sub: 'x' }, { kid: `k${i}` }))
  }
  expect(fetched() - before).toBeLessThanOrEqual(1)
})

it('too many requests of one client are turned away at the door, but no good logout token', async () => {
  const log = captureLog()
  const limit = { limit: vi.fn(async () => ({ success: false })) }
  const world = await createWorld({}, { BACK_CHANNEL_LIMIT: limit })
  const alice = await signedInPerson(world)
  const old = { sub: 'sub-alice', iat: 1 }
  const answer = await deliverToken(world, await logoutToken(world.otrotl, old))
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '60'])
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(decisions(log.lines).at(-1)).toMatchObject({ event: 'rate.limited' })
  expect(await whatLivesOf(alice)).toEqual(LIVES)
  // A provider's server speaks for all of its people from one address, and seldom says it twice.
  await expectObeyed(
    await deliverToken(world, await logoutToken(world.otrotl, { sub: 'sub-alice' })),
  )
  expect(await whatLivesOf(alice)).toEqual(GONE)
})

describe('a logout that comes before its sign-in has finished', () => {
  const refusedMeanwhile = async (answer: Response) => {
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('<code id="error-code">signed_out_meanwhile</code>')
    expect(answer.headers.getSetCookie().join()).not.toContain('drawbridge_session')
  }

  it.each(['sub', 'sid'])(
    'by %s: the late callback is refused, and a later sign-in is not',
    async (name) => {
      const world = await createWorld()
      const browser = world.newBrowser()
      const callback = await comeBack(browser, world.otrotl)
      const who = { sub: 'sub-alice', sid: world.otrotl.grants[0]!.sid }
      const token = await logoutToken(world.otrotl, { [name]: who[name as 'sub' | 'sid'] })
      await expectObeyed(await deliverToken(world, token))
      await refusedMeanwhile(await browser.request(callback))
      expect((await browser.fetch('/auth/sso/token')).status).toBe(401)
      // Nobody holds its handle, and it is over all the same: it stands in no list of theirs.
      const [{ user_id: userId }] = (
        await env.DIRECTORY.prepare('SELECT user_id FROM identities').all<{ user_id: UserId }>()
      ).results as [{ user_id: UserId }]
      const left = await world.core.sessions.list(userId, world.core.clock())
      expect(left).toEqual({ ok: true, value: [] })
      // At once, so within the same second.
      await signIn(browser, world.otrotl)
      expect((await browser.fetch('/auth/sso/token')).status).toBe(200)
    },
  )

  it('leaves the session of before as it is', async () => {
    const world = await createWorld()
    const bob = await signedInPerson(world, world.otrotl, { as: 'bob' })
    const callback = await comeBack(bob.browser, world.otrotl, { ask: { prompt: 'login' } })
    await deliverToken(world, await logoutToken(world.otrotl, { sub: 'sub-alice' }))
    await refusedMeanwhile(await bob.browser.request(callback))
    expect(await whatLivesOf(bob)).toEqual(LIVES)
  })
})
