import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { applicationRegistry, shopRegistration } from '../../world/applications.ts'
import type { RegisteredApplication } from '../../world/applications.ts'
import { NOON } from '../../world/clock.ts'
import { signAsUs, goodClaims } from '../../world/signed-by-us.ts'
import { snapshot } from '../../world/snapshot.ts'
import { sessionsOf } from '../../core/sessions/signed-in-user.ts'
import { adaProfile } from '../made-up-application.ts'
import { registerShop, tokenWorld, tokenWorldWith } from './token-world.ts'
import type { Answer, TokenWorld } from './token-world.ts'

const USERINFO = 'https://login.example/oauth/userinfo'

let world: TokenWorld
let shop: RegisteredApplication

beforeEach(async () => {
  world = await tokenWorld()
  shop = await registerShop({
    oauth: { scope: ['openid', 'profile', 'email', 'phone', 'address', 'offline_access'] },
  })
})

async function tokenFor(
  content: Parameters<TokenWorld['mint']>[2] = {},
  application = shop,
): Promise<{ token: string; sub: string; sid: string }> {
  const { session } = await world.person()
  const code = await world.mint(session, application, content)
  const { body } = await world.exchange(application, code)
  return { token: body.access_token, sub: session.userId, sid: session.sid }
}

function expectRefused(answer: Answer, status: number, error: string, challenge?: string) {
  expect({ status: answer.status, error: answer.body.error }).toEqual({ status, error })
  if (challenge !== undefined) expect(answer.headers.get('www-authenticate')).toContain(challenge)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
  expect(Object.keys(answer.body).toSorted()).toEqual(['error', 'request_id'])
}

describe('UserInfo (OpenID Connect Core 1.0 §5.3)', () => {
  it('tells what the scope stands for, under the standard names and RebelMouse’s', async () => {
    const { token, sub } = await tokenFor({ content: { scope: ['openid', 'profile', 'email'] } })
    const { status, headers, body } = await world.userInfo(token)
    expect(status).toBe(200)
    expect(headers.get('content-type')).toMatch(/^application\/json/)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toEqual({
      sub,
      id: sub,
      name: 'Ada Lovelace',
      given_name: 'Ada',
      first_name: 'Ada',
      family_name: 'Lovelace',
      last_name: 'Lovelace',
      preferred_username: 'ada',
      locale: 'en-GB',
      zoneinfo: 'Europe/London',
      picture: adaProfile.picture,
      updated_at: 1_700_000_000,
      email: 'ada@example.com',
      email_verified: true,
    })
  })

  it('tells no more than was granted', async () => {
    const { token, sub } = await tokenFor({ content: { scope: ['openid'] } })
    expect((await world.userInfo(token)).body).toEqual({ sub, id: sub })
  })

  it('tells what was asked for by name, of what the application is registered for', async () => {
    const few = await registerShop({
      name: 'Few',
      oauth: { scope: ['openid', 'email', 'offline_access'] },
    })
    const claims = { userinfo: ['name', 'email'], idToken: [] }
    const asked = { content: { scope: ['openid'], claims } }
    expect((await world.userInfo((await tokenFor(asked)).token)).body).toMatchObject({
      name: 'Ada Lovelace',
      email: 'ada@example.com',
    })
    const { body } = await world.userInfo((await tokenFor(asked, few)).token)
    expect(body).toMatchObject({ email: 'ada@example.com' })
    expect(body).not.toHaveProperty('name')
  })

  it('takes the token in a header or in a form, by GET and by POST', async () => {
    const { token, sub } = await tokenFor()
    const post = { method: 'POST' }
    expect((await world.userInfo(token, post)).body.sub).toBe(sub)
    const form = await world.post('/oauth/userinfo', { access_token: token })
    expect(form.body.sub).toBe(sub)
    const lower = await world.send(
      new Request(USERINFO, { headers: { authorization: `bearer ${token}` } }),
    )
    expect(lower.body.sub).toBe(sub)
  })

  it('takes it in the query only of an application that is registered so', async () => {
    const inQuery = (token: string) =>
      world.send(new Request(`${USERINFO}?access_token=${encodeURIComponent(token)}`))
    const { token } = await tokenFor()
    expectRefused(await inQuery(token), 400, 'invalid_request', 'Bearer error="invalid_request"')
    const legacy = await registerShop({ name: 'Legacy', oauth: { userinfoQueryToken: true } })
    const old = await tokenFor({}, legacy)
    const answer = await inQuery(old.token)
    expect(answer.body.sub).toBe(old.sub)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
  })

  it('takes it in one place only (RFC 6750 §2)', async () => {
    const { token } = await tokenFor()
    const authorization = `Bearer ${token}`
    for (const request of [
      new Request(`${USERINFO}?access_token=${token}`, { headers: { authorization } }),
      new Request(`${USERINFO}?access_token=${token}&access_token=${token}`),
      new Request(USERINFO, {
        method: 'POST',
        headers: { authorization },
        body: new URLSearchParams({ access_token: token }),
      }),
      new Request(USERINFO, { headers: { authorization: `Bearer ${token}, Bearer ${token}` } }),
    ]) {
      expectRefused(await world.send(request), 400, 'invalid_request')
    }
  })

  it('takes it beside no form that cannot be read', async () => {
    const { token } = await tokenFor()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    for (const body of ['access_token=%', `x=${'x'.repeat(65_536)}`]) {
      const answer = await world.userInfo(token, { method: 'POST', body }, headers)
      expectRefused(answer, 400, 'invalid_request')
    }
  })

  it('tells nothing more of a scope that the application has lost', async () => {
    const { token } = await tokenFor({ content: { scope: ['openid', 'email', 'profile'] } })
    const registration = {
      ...shopRegistration,
      oauth: { ...shopRegistration.oauth, scope: ['openid', 'profile', 'offline_access'] },
    }
    const changed = await applicationRegistry().change(
      { id: shop.id, version: 1 },
      registration,
      NOON,
    )
    expect(changed).toMatchObject({ value: { ok: true } })
    const { body } = await world.userInfo(token)
    expect(body).toMatchObject({ name: adaProfile.name })
    expect(body).not.toHaveProperty('email')
  })

  it('is read by any page that holds a token, and by no cookie', async () => {
    const { token } = await tokenFor()
    const origin = { origin: 'https://anywhere.example' }
    const answer = await world.userInfo(token, {}, origin)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
    const preflight = await world.send(
      new Request(USERINFO, { method: 'OPTIONS', headers: origin }),
    )
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toContain('DPoP')
    const { cookie } = await world.person()
    const byCookie = await world.send(
      new Request(USERINFO, { headers: { cookie: `__Host-drawbridge_session=${cookie}` } }),
    )
    expectRefused(byCookie, 401, 'no_credentials')
    expect(byCookie.headers.get('www-authenticate')).not.toContain('error')
  })
})

describe('UserInfo refuses', () => {
  it('a token without openid', async () => {
    const { token } = await tokenFor({ content: { scope: ['email'], isOpenId: false } })
    const answer = await world.userInfo(token)
    expectRefused(answer, 403, 'insufficient_scope', 'scope="openid"')
  })

  it('a token that has expired, is another’s, or is no token', async () => {
    const { token, sub, sid } = await tokenFor()
    const before = await snapshot()
    const epoch = 1
    const bridge = await signAsUs(goodClaims(NOON, { sub, sid, epoch }), NOON)
    const bridgeForUs = await signAsUs(goodClaims(NOON, { sub, sid, epoch, aud: USERINFO }), NOON)
    const elsewhere = await signAsUs(
      goodClaims(NOON, { sub, sid, client_id: shop.id, gid: 'f'.repeat(32) }),
      NOON,
    )
    const unknown = await signAsUs(
      goodClaims(NOON, { sub, sid, aud: USERINFO, client_id: 'nobody', gid: 'f'.repeat(32) }),
      NOON,
    )
    for (const wrong of [
      bridge,
      bridgeForUs,
      elsewhere,
      unknown,
      'x',
      `${token}x`,
      'r_'.repeat(65),
    ])
      expectRefused(await world.userInfo(wrong), 401, 'invalid_token')
    world.clock.advance(300)
    expectRefused(await world.userInfo(token), 401, 'invalid_token', 'error="invalid_token"')
    expect(await snapshot()).toEqual(before)
  })

  it('a client’s own token, which is nobody’s', async () => {
    const machine = await registerShop({
      oauth: { redirectUris: [], grantTypes: ['client_credentials'], scope: ['orders'] },
    })
    const form = { grant_type: 'client_credentials' }
    const { body } = await world.asClient('/oauth/token', machine, form)
    expectRefused(await world.userInfo(body.access_token), 401, 'invalid_token')
  })

  it('nobody for good while the profile cannot be read', async () => {
    const { token } = await tokenFor()
    const getByName = (name: string) => {
      const object = env.USER_SESSIONS.getByName(name)
      return { checkToken: (input: never) => object.checkToken(input) }
    }
    const down = await tokenWorldWith({ USER_SESSIONS: { getByName } as never })
    const answer = await down.userInfo(token)
    expectRefused(answer, 503, 'temporarily_unavailable')
    expect(answer.headers.get('retry-after')).toBe('5')
  })

  it('a token of a session that is over, at once', async () => {
    const { session } = await world.person()
    const code = await world.mint(session, shop)
    const { body } = await world.exchange(shop, code)
    expect((await world.userInfo(body.access_token)).status).toBe(200)
    await sessionsOf().end(session.userId, session.sid, 'person', NOON)
    expectRefused(await world.userInfo(body.access_token), 401, 'invalid_token')
  })
})

describe('a pairwise subject (OpenID Connect Core 1.0 §8.1)', () => {
  it('is the one name of the person, in UserInfo, ID token and introspection', async () => {
    const pairwise = await registerShop({ oauth: { subjectType: 'pairwise' } })
    const { session } = await world.person()
    const code = await world.mint(session, pairwise)
    const { body } = await world.exchange(pairwise, code)
    const everything =
      JSON.stringify(body) +
      atob(body.access_token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/'))
    expect(everything).not.toContain(session.userId)
    expect(everything).not.toContain(session.sid)
    const told = await world.userInfo(body.access_token)
    expect(told.body.sub).toMatch(/^[\w-]{43}$/)
    expect(told.body.id).toBe(told.body.sub)
    const seen = await world.introspect(pairwise, body.access_token)
    expect(seen.body).toMatchObject({ active: true, sub: told.body.sub })
    expect(JSON.stringify(seen.body)).not.toContain(session.userId)
    const refreshSeen = await world.introspect(pairwise, body.refresh_token!)
    expect(refreshSeen.body).toMatchObject({ active: true, sub: told.body.sub })
  })
})
