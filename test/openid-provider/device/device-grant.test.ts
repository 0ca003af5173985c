import { env } from 'cloudflare:workers'
import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { unreachable } from '../../admin/operator.ts'
import { disconnect } from '../../core/sessions/granted.ts'
import {
  applicationRegistry,
  registerApplication,
  shopRegistration,
} from '../../world/applications.ts'
import type { RegisteredApplication } from '../../world/applications.ts'
import type { Browser } from '../../world/browser.ts'
import { NOON } from '../../world/clock.ts'
import { liveSession, signIn } from '../../world/sign-in.ts'
import { sessionsOf } from '../../core/sessions/signed-in-user.ts'
import { expectError, expectUntouched } from '../token/expect-answer.ts'
import { formOf } from '../authorization/asking.ts'
import { tokenWorld, tokenWorldWith } from '../token/token-world.ts'
import type { TokenWorld } from '../token/token-world.ts'

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const PAGE = 'https://login.example/oauth/device'

interface Codes {
  readonly device_code: string
  readonly user_code: string
}

let world: TokenWorld
let tv: RegisteredApplication
let browser: Browser

const registerTv = (oauth: object = {}, isFirstParty = true) =>
  registerApplication({
    name: 'TV',
    isFirstParty,
    oauth: {
      redirectUris: [],
      grantTypes: [DEVICE_GRANT, 'refresh_token'],
      scope: ['openid', 'email', 'offline_access'],
      tokenEndpointAuthMethod: 'none',
      ...oauth,
    },
  })

beforeEach(async () => {
  world = await tokenWorld()
  tv = await registerTv()
  browser = world.newBrowser()
  await signIn(browser, world.otrotl)
})

const ask = async (form = {}, application = tv) => {
  const answer = await world.asClient('/oauth/device_authorization', application, {
    scope: 'openid email',
    ...form,
  })
  return { ...answer, codes: answer.body as unknown as Codes }
}
const poll = ({ device_code }: Codes, application = tv, headers = {}) =>
  world.asClient('/oauth/token', application, { grant_type: DEVICE_GRANT, device_code }, headers)
const open = (user_code: string, by = browser) =>
  by.request(`${PAGE}?user_code=${encodeURIComponent(user_code)}`)
/** By the button of the page that asks, or without one where it does not ask. */
async function decide(user_code: string, decision: 'allow' | 'deny', by = browser) {
  const page = await open(user_code, by)
  const { body } = page.status === 200 ? await formOf(page, decision) : { body: undefined }
  return send(body ?? new URLSearchParams({ user_code, decision }), by)
}
const send = (body: URLSearchParams, by = browser) =>
  by.request(PAGE, { method: 'POST', from: 'https://login.example', body })

describe('a device asks for its codes (RFC 8628 §3.1)', () => {
  it('and is told where the person goes, and how often to ask', async () => {
    const { status, headers, body } = await ask()
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toEqual({
      device_code: expect.stringMatching(/^[\w-]{43}$/) as string,
      user_code: expect.stringMatching(/^[A-Z]{4}-[A-Z]{4}$/) as string,
      verification_uri: PAGE,
      verification_uri_complete: `${PAGE}?user_code=${String(body.user_code)}`,
      expires_in: 600,
      interval: 5,
    })
  })

  it('only if its application has this grant, that scope and that API', async () => {
    const other = await registerApplication({ oauth: { tokenEndpointAuthMethod: 'none' } })
    expectError(await ask({}, other), 'unauthorized_client')
    expectError(await ask({ scope: 'orders' }), 'invalid_scope')
    const adapted = await registerTv({ requestAdapter: [{ rule: 'scope_drop', scope: 'a' }] })
    expectError(await ask({ scope: 'a' }, adapted), 'invalid_scope')
    expectError(await ask({ resource: 'https://other.example' }), 'invalid_target')
    const [a, b] = ['https://a.example', 'https://b.example']
    const apis = await registerTv({ resources: [a, b] })
    const askTwice = (...twice: [string, string][]) =>
      world.post(
        '/oauth/device_authorization',
        new URLSearchParams([['client_id', apis.id], ...twice]),
      )
    expectError(await askTwice(['resource', a], ['resource', b]), 'invalid_target')
    expectError(await askTwice(['scope', 'openid'], ['scope', 'openid']), 'invalid_request')
    // The same API is one, as everywhere.
    expect((await askTwice(['resource', a], ['resource', a])).status).toBe(200)
    const confidential = await registerTv({ tokenEndpointAuthMethod: 'client_secret_basic' })
    expectError(await ask({}, { ...confidential, secret: '' }), 'invalid_client', 401)
    expect((await ask({}, confidential)).status).toBe(200)
  })
})

describe('a device whose request was rewritten and cut down', () => {
  it('is told what was granted (RFC 6749 §5.1)', async () => {
    const rule = { rule: 'scope_map', from: 'mail', to: ['email'] }
    const adapted = await registerTv({ requestAdapter: [rule] })
    for (const [scope, granted] of [
      ['mail openid', 'mail openid'],
      ['mail openid orders', 'email openid'],
    ] as const) {
      const { codes } = await ask({ scope }, adapted)
      await decide(codes.user_code, 'allow')
      expect((await poll(codes, adapted)).body.scope).toBe(granted)
    }
  })
})

describe('a device that waits (RFC 8628 §3.5)', () => {
  it('hears that the person has not decided, and to ask less often', async () => {
    const { codes } = await ask()
    expectError(await poll(codes), 'authorization_pending')
    world.clock.advance(4)
    expectError(await poll(codes), 'slow_down')
    world.clock.advance(9)
    expectError(await poll(codes), 'slow_down')
    world.clock.advance(15)
    expectError(await poll(codes), 'authorization_pending')
    world.clock.advance(15)
    expectError(await poll(codes), 'authorization_pending')
  })

  it('says on the page for which API it asks (RFC 8707 §2), which is remembered', async () => {
    const resource = 'https://orders.example/v1'
    const apis = await registerTv({ resources: [resource] }, false)
    const { codes } = await ask({ resource }, apis)
    expect(await (await open(codes.user_code)).text()).toContain(resource)
    await decide(codes.user_code, 'allow')
    const account = await browser.fetch('/account')
    expect(await account.text()).toContain(`data-resource="${resource}"`)
  })

  it('gets its tokens once the person says yes, under their session', async () => {
    const { codes } = await ask()
    const page = await open(codes.user_code)
    expect(page.status).toBe(200)
    const html = await page.text()
    expect(html).toContain(codes.user_code)
    expect(html).toContain('TV')
    expect(html).toContain('Alice Archer')
    const done = await decide(codes.user_code, 'allow')
    expect(done.status).toBe(200)
    expect(await done.text()).toContain('Your device is connected')
    const { status, body } = await poll(codes)
    expect(status).toBe(200)
    const session = await liveSession(browser.session())
    expect(decodeJwt(body.id_token!)).toMatchObject({ sub: session!.userId, aud: tv.id })
    expect((await world.userInfo(body.access_token)).body.email).toBe('alice@example.org')
    expect((await world.refresh(tv, body.refresh_token)).status).toBe(200)
    // Once is all: what asks again is no honest device, and everything ends.
    expectError(await poll(codes), 'invalid_grant')
    expect((await world.userInfo(body.access_token)).status).toBe(401)
  })

  it('hears a no', async () => {
    const { codes } = await ask()
    expect(await (await decide(codes.user_code, 'deny')).text()).toContain('Nothing was connected')
    expectError(await poll(codes), 'access_denied')
    expect((await decide(codes.user_code, 'allow')).status).toBe(404)
    expectError(await poll(codes), 'access_denied')
  })

  it('waits for ten minutes and no longer', async () => {
    const { codes } = await ask()
    world.clock.advance(599)
    expectError(await poll(codes), 'authorization_pending')
    expect((await open(codes.user_code)).status).toBe(200)
    world.clock.advance(1)
    expectError(await poll(codes), 'expired_token')
    expect((await open(codes.user_code)).status).toBe(404)
    expect((await decide(codes.user_code, 'allow')).status).toBe(404)
  })

  it('gets nothing after the person has signed out', async () => {
    const { codes } = await ask()
    await decide(codes.user_code, 'allow')
    const session = (await liveSession(browser.session()))!
    await sessionsOf().end(session.userId, session.sid, 'person', NOON)
    await expectUntouched('invalid_grant', () => poll(codes))
  })

  it('is told nothing by the code of another application, and loses nothing', async () => {
    const other = await registerTv()
    const { codes } = await ask()
    expectError(await poll(codes, other), 'invalid_grant')
    await decide(codes.user_code, 'allow')
    await expectUntouched('invalid_grant', () => poll(codes, other))
    expect((await poll(codes)).status).toBe(200)
  })

  it('gets one answer, of twenty at the same time', async () => {
    const { codes } = await ask()
    await decide(codes.user_code, 'allow')
    const answers = await Promise.all(Array.from({ length: 20 }, () => poll(codes)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  it('asks in vain with what is no device code', async () => {
    for (const device_code of [
      'x',
      'A'.repeat(43),
      'x'.repeat(5000),
      (await ask()).codes.user_code,
    ])
      await expectUntouched('expired_token', () => poll({ device_code, user_code: '' }))
    await expectUntouched('invalid_request', () => poll({ device_code: '', user_code: '' }))
  })

  it('is asked to come again while nobody can look, or note that it has asked', async () => {
    const { codes } = await ask()
    const object = (name: string) => env.ONE_TIME_REFERENCES.getByName(name)
    const read = (name: string) => ({ read: (input: never) => object(name).read(input) })
    for (const getByName of [() => ({}), read]) {
      const down = await tokenWorldWith({ ONE_TIME_REFERENCES: { getByName } as never })
      const form = { grant_type: DEVICE_GRANT, device_code: codes.device_code }
      const answer = await down.asClient('/oauth/token', tv, form)
      expectError(answer, 'temporarily_unavailable', 503)
    }
    const down = await tokenWorldWith({ ONE_TIME_REFERENCES: unreachable() })
    const visitor = down.newBrowser()
    await signIn(visitor, down.otrotl)
    expect((await open(codes.user_code, visitor)).status).toBe(503)
    expectError(await poll(codes), 'authorization_pending')
  })

  it('can bind its tokens to a key', async () => {
    const { codes } = await ask()
    await decide(codes.user_code, 'allow')
    const prover = await world.prover()
    const { body } = await poll(codes, tv, { dpop: await prover.forToken() })
    expect(body.token_type).toBe('DPoP')
    await expectUntouched('invalid_grant', () => world.refresh(tv, body.refresh_token))
  })
})

describe('the page for the code', () => {
  it('is for people who are signed in, and leads back after they are', async () => {
    const { codes } = await ask()
    const stranger = world.newBrowser()
    const back = `/auth/login?return_to=${encodeURIComponent(`/oauth/device?user_code=${codes.user_code}`)}`
    for (const answer of [
      await open(codes.user_code, stranger),
      await decide(codes.user_code, 'allow', stranger),
    ]) {
      expect(answer.status).toBe(303)
      expect(answer.headers.get('location')).toBe(back)
    }
    const evil = await open('https://evil.example/', stranger)
    expect(evil.headers.get('location')).toBe('/auth/login?return_to=%2Foauth%2Fdevice')
    world.clock.advance(10)
    expectError(await poll(codes), 'authorization_pending')
  })

  it('is a use of the session when a person opens it, and not by HEAD or when it is fetched ahead', async () => {
    const lastUse = async () => (await liveSession(browser.session()))!.lastUsedAt
    const before = await lastUse()
    world.clock.advance(100)
    const headers = { 'sec-purpose': 'prefetch' }
    expect((await browser.request(PAGE, { headers })).status).toBe(200)
    expect((await browser.request(PAGE, { method: 'HEAD' })).status).toBe(200)
    expect(await lastUse()).toBe(before)
    await browser.request(PAGE)
    expect(await lastUse()).toBe(before + 100)
  })

  it('asks for a code, and says if it was none', async () => {
    const empty = await browser.request(PAGE)
    expect(empty.status).toBe(200)
    expect(await empty.text()).toContain('name="user_code"')
    const wrong = await open('BCDF-GHJK')
    expect(wrong.status).toBe(404)
    const html = await wrong.text()
    expect(html).toContain('No device waits')
    expect(html).not.toContain('GHJK')
    expect(wrong.headers.get('cache-control')).toBe('no-store')
  })

  it('leaves the same trace of a wrong code, whether it is looked up or decided on', async () => {
    const userId = (await liveSession(browser.session()))?.userId
    await open('BCDF-GHJK')
    await decide('BCDF-GHJK', 'allow')
    const { results } = await env.DIRECTORY.prepare(
      `SELECT user_id, reason FROM audit_events WHERE event = 'device.refused'`,
    ).all()
    const trace = { user_id: userId, reason: 'unknown_code' }
    expect(results).toEqual([trace, trace, trace])
  })

  it('takes the decision from our own page only, and nothing but a yes is one', async () => {
    const { codes } = await ask()
    const body = new URLSearchParams({ user_code: codes.user_code, decision: 'allow' })
    const foreign = await browser.request(PAGE, {
      method: 'POST',
      from: 'https://evil.example',
      body,
    })
    expect(foreign.status).toBe(403)
    const post = new Request(PAGE, {
      method: 'POST',
      body,
      headers: { cookie: `__Host-drawbridge_session=${browser.session()}` },
    })
    expect((await world.send(post)).status).toBe(403)
    await open(codes.user_code)
    world.clock.advance(10)
    expectError(await poll(codes), 'authorization_pending')
    const twice = new URLSearchParams([...body, ['decision', 'deny']])
    const odd = await browser.request(PAGE, { method: 'POST', from: PAGE, body: twice })
    expect(odd.status).toBe(404)
  })

  it('asks again where the person has said neither yes nor no', async () => {
    const { codes } = await ask()
    const { body } = await formOf(await open(codes.user_code), 'allow')
    for (const said of ['', 'ALLOW', 'yes', undefined]) {
      if (said === undefined) body.delete('decision')
      else body.set('decision', said)
      expect((await send(body)).status).toBe(403)
      world.clock.advance(20)
      expectError(await poll(codes), 'authorization_pending')
    }
    expect((await decide(codes.user_code, 'allow')).status).toBe(200)
  })

  it('takes a yes from who was asked: in another session, and without the page, it asks again', async () => {
    const { codes } = await ask()
    const { body } = await formOf(await open(codes.user_code), 'allow')
    const bare = new URLSearchParams({ user_code: codes.user_code, decision: 'allow' })
    // As if they had signed in as somebody else since, in another tab.
    const bob = world.newBrowser()
    await signIn(bob, world.otrotl, { as: 'bob' })
    for (const sent of [body, bare]) {
      const again = await send(sent, bob)
      expect(again.status).toBe(403)
      expect(await again.text()).toContain('Bob')
      world.clock.advance(20)
      expectError(await poll(codes), 'authorization_pending')
    }
    const again = await formOf(await send(bare, bob), 'allow')
    expect((await send(again.body, bob)).status).toBe(200)
    const session = await liveSession(bob.session())
    expect(decodeJwt((await poll(codes)).body.id_token!).sub).toBe(session!.userId)
  })

  it('does nothing for an application that is disabled meanwhile', async () => {
    const { codes } = await ask()
    await applicationRegistry().setStatus(tv.id, 'disabled', NOON)
    expect((await open(codes.user_code)).status).toBe(404)
    expect((await decide(codes.user_code, 'allow')).status).toBe(404)
    expectError(await poll(codes), 'invalid_client', 401)
  })

  it('does nothing for an application that has lost the grant meanwhile', async () => {
    const { codes } = await ask()
    const registration = { ...shopRegistration, name: 'TV', isFirstParty: true }
    await applicationRegistry().change({ id: tv.id, version: 1 }, registration, NOON)
    expect((await open(codes.user_code)).status).toBe(404)
    expect((await decide(codes.user_code, 'allow')).status).toBe(404)
  })

  it('says that a device is connected also where the first word of that was lost', async () => {
    const { codes } = await ask()
    let isLost = false
    const getByName = (name: string) => {
      const object = env.ONE_TIME_REFERENCES.getByName(name)
      return {
        read: (input: never) => object.read(input),
        take: (input: never) => object.take(input),
        async replace(input: never) {
          const replaced = await object.replace(input)
          if (isLost) return replaced
          isLost = true
          throw new Error('lost on the way')
        },
      }
    }
    const shaky = await tokenWorldWith({ ONE_TIME_REFERENCES: { getByName } as never })
    const visitor = shaky.newBrowser()
    await signIn(visitor, shaky.otrotl)
    const answer = await decide(codes.user_code, 'allow', visitor)
    expect([isLost, answer.status]).toEqual([true, 200])
    // Nobody else is asked about it.
    expect((await open(codes.user_code)).status).toBe(404)
    expect((await poll(codes)).status).toBe(200)
  })

  it('connects nothing that was disconnected in that very moment, or could not be noted', async () => {
    const shop = await registerTv()
    await applicationRegistry().change(
      { id: shop.id, version: 1 },
      { name: 'TV', isFirstParty: false, oauth: shop.application.oauth as object },
      NOON,
    )
    const { codes } = await ask({}, shop)
    const { userId } = (await liveSession(browser.session()))!
    let before: Record<string, () => Promise<unknown>> = {}
    const getByName = (name: string) =>
      new Proxy(env.USER_SESSIONS.getByName(name), {
        get: (object, method) =>
          method === 'then'
            ? undefined
            : async (...input: unknown[]) => {
                await before[String(method)]?.()
                return (Reflect.get(object, method) as (...all: unknown[]) => unknown)(...input)
              },
      })
    const watched = await tokenWorldWith({ USER_SESSIONS: { getByName } as never })
    const visitor = watched.newBrowser()
    await signIn(visitor, watched.otrotl)
    before = { giveConsent: () => Promise.reject(new Error('down')) }
    expect((await decide(codes.user_code, 'allow', visitor)).status).toBe(503)
    before = { mintGrant: () => disconnect(userId, shop.id, world.clock.now()) }
    expect((await decide(codes.user_code, 'allow', visitor)).status).toBe(404)
    world.clock.advance(10)
    expectError(await poll(codes, shop), 'authorization_pending')
    // It waits for a word as before.
    expect((await decide(codes.user_code, 'deny', visitor)).status).toBe(200)
    expectError(await poll(codes, shop), 'access_denied')
  })

  it('lets one of two people decide', async () => {
    const { codes } = await ask()
    const bob = world.newBrowser()
    await signIn(bob, world.otrotl, { as: 'bob' })
    const answers = await Promise.all([
      decide(codes.user_code, 'allow'),
      decide(codes.user_code, 'allow', bob),
    ])
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 404]))
    const winner = answers[0]!.status === 200 ? browser : bob
    const { body } = await poll(codes)
    const session = await liveSession(winner.session())
    expect(decodeJwt(body.id_token!).sub).toBe(session!.userId)
  })

  it('is closed to whoever tries too many codes, and when nobody can count them', async () => {
    const { codes } = await ask()
    const closed = { limit: async () => ({ success: false }) } as RateLimit
    const broken = {
      limit: async () => {
        throw new Error('down')
      },
    } as unknown as RateLimit
    for (const DEVICE_LIMIT of [closed, broken]) {
      const strict = await tokenWorldWith({ DEVICE_LIMIT })
      const visitor = strict.newBrowser()
      await signIn(visitor, strict.otrotl)
      for (const answer of [
        await open(codes.user_code, visitor),
        await decide(codes.user_code, 'allow', visitor),
      ]) {
        expect(answer.status).toBe(429)
        expect(answer.headers.get('retry-after')).toBe('60')
      }
    }
    world.clock.advance(10)
    expectError(await poll(codes), 'authorization_pending')
  })
})
