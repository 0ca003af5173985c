import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import type { RegisteredApplication } from '../../world/applications.ts'
import { NOON, slowBody } from '../../world/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { settings } from '../../world/settings.ts'
import { adaProfile } from '../made-up-application.ts'
import { expectError, expectUntouched } from './expect-answer.ts'
import {
  REDIRECT_URI,
  TOKEN_URL,
  VERIFIER,
  basic,
  challengeOf,
  registerShop,
  tokenWorld,
} from './token-world.ts'
import type { TokenWorld } from './token-world.ts'

let world: TokenWorld
let shop: RegisteredApplication

beforeEach(async () => {
  world = await tokenWorld()
  shop = await registerShop()
})

describe('a code for tokens (RFC 6749 §4.1.3, OpenID Connect Core 1.0 §3.1.3)', () => {
  it('gives an access token, an ID token and a refresh token, and says so to no cache', async () => {
    const { session } = await world.person()
    const code = await world.mint(session, shop, { content: { nonce: 'n-1' } })
    const { status, headers, body } = await world.exchange(shop, code)
    expect(status).toBe(200)
    expect(headers.get('content-type')).toMatch(/^application\/json/)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('pragma')).toBe('no-cache')
    expect(headers.get('access-control-allow-origin')).toBeNull()
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 300, scope: 'openid email' })
    expect(body.refresh_token).toMatch(/^r_/)
    const idToken = decodeJwt(body.id_token!)
    expect(idToken).toMatchObject({
      iss: 'https://login.example',
      aud: shop.id,
      sub: session.userId,
      nonce: 'n-1',
      auth_time: NOON,
      email: adaProfile.email,
      email_verified: true,
      at_hash: expect.any(String) as string,
    })
    for (const name of ['name', 'given_name', 'phone_number', 'address', 'id'])
      expect(idToken).not.toHaveProperty(name)
    expect(decodeJwt(body.access_token)).toMatchObject({
      client_id: shop.id,
      scope: 'openid email',
    })
  })

  it('gives no ID token without openid, and no refresh token without that grant', async () => {
    const plain = await registerShop({
      oauth: { grantTypes: ['authorization_code'], scope: ['email'] },
    })
    const { session } = await world.person()
    const code = await world.mint(session, plain, {
      content: { scope: ['email'], isOpenId: false },
    })
    const { status, body } = await world.exchange(plain, code)
    expect(status).toBe(200)
    expect(body).not.toHaveProperty('id_token')
    expect(body).not.toHaveProperty('refresh_token')
  })

  it('once, of fifty at the same time', async () => {
    const { session } = await world.person()
    const code = await world.mint(session, shop)
    const answers = await Promise.all(Array.from({ length: 50 }, () => world.exchange(shop, code)))
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(statuses.filter((status) => status === 400)).toHaveLength(49)
    // The forty-nine others look like a theft, and the one that was first pays for it too (RFC 6749 §4.1.2).
    const winner = answers.find(({ status }) => status === 200)!
    expect((await world.userInfo(winner.body.access_token)).status).toBe(401)
  })

  it('a second time revokes what the first one gave, and is noticed', async () => {
    const { session } = await world.person()
    const code = await world.mint(session, shop)
    const { body } = await world.exchange(shop, code)
    expect((await world.userInfo(body.access_token)).status).toBe(200)
    const { lines } = captureLog()
    expectError(await world.exchange(shop, code), 'invalid_grant')
    expect(lines.filter(({ event }) => event === 'grant.reused')).toHaveLength(1)
    expect((await world.userInfo(body.access_token)).status).toBe(401)
    expectError(await world.refresh(shop, body.refresh_token), 'invalid_grant')
  })

  it.each([
    [
      'another API',
      (client: RegisteredApplication, code: string) =>
        world.exchange(client, code, { resource: 'https://b.example' }),
    ],
    [
      'the name of another grant',
      (client: RegisteredApplication, code: string) =>
        world.exchange(client, code, { grant_type: 'openid_code' }),
    ],
  ])('a second time, with %s, revokes what the first one gave', async (_, again) => {
    const resources = ['https://a.example', 'https://b.example']
    const client = await registerShop({ oauth: { resources } })
    const { session } = await world.person()
    const content = { resource: resources[0]!, isOpenId: false, scope: ['email'] }
    const code = await world.mint(session, client, { content })
    const { body } = await world.exchange(client, code)
    expect(body.refresh_token).toBeDefined()
    expectError(await again(client, code), 'invalid_grant')
    expectError(await world.refresh(client, body.refresh_token), 'invalid_grant')
  })

  it('is refused to another application, and stays good for its own', async () => {
    const other = await registerShop({ name: 'Other' })
    const { session } = await world.person()
    const code = await world.mint(session, shop)
    await expectUntouched('invalid_grant', () => world.exchange(other, code))
    // Nor does it learn which API the code is for.
    const content = { resource: 'https://orders.example' }
    const forApi = await world.mint(session, shop, { content })
    await expectUntouched('invalid_grant', () => world.exchange(other, forApi))
    const { body } = await world.exchange(shop, code)
    expect(body.access_token).toBeDefined()
    // Nor can it use one up that has been used: what came of it stays alive.
    await expectUntouched('invalid_grant', () => world.exchange(other, code))
    expect((await world.userInfo(body.access_token)).status).toBe(200)
  })

  it.each([
    ['another', 'https://shop.example/callback2'],
    ['a longer', 'https://shop.example/callback/'],
    ['no', undefined],
    ['an empty', ''],
  ])(
    'is refused with %s redirect URI, and stays good for the right one',
    async (_, redirect_uri) => {
      const { session } = await world.person()
      const code = await world.mint(session, shop)
      await expectUntouched('invalid_grant', () => world.exchange(shop, code, { redirect_uri }))
      expect((await world.exchange(shop, code)).status).toBe(200)
    },
  )

  it('is refused with a redirect URI that the request did not have', async () => {
    const { session } = await world.person()
    const binding = { redirectUri: undefined } as never
    const code = await world.mint(session, shop, { binding })
    await expectUntouched('invalid_grant', () => world.exchange(shop, code))
    expect((await world.exchange(shop, code, { redirect_uri: undefined })).status).toBe(200)
  })

  it('is dead after its minute, also where the request has begun within it', async () => {
    const { session } = await world.person()
    const code = await world.mint(session, shop)
    const form = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI }
    const answer = await world.send(
      new Request(TOKEN_URL, {
        method: 'POST',
        headers: {
          authorization: basic(shop.id, shop.secret),
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: slowBody(new URLSearchParams(form).toString(), world.clock, 60),
      }),
    )
    expectError(answer, 'invalid_grant')
  })

  it('is dead after its minute', async () => {
    const { session } = await world.person()
    const code = await world.mint(session, shop)
    world.clock.advance(60)
    await expectUntouched('invalid_grant', () => world.exchange(shop, code))
  })

  it.each([
    ['nothing', ''],
    ['only a kind', 'c_'],
    ['the right length', `c_${'A'.repeat(128)}`],
    ['far too much', 'x'.repeat(5000)],
    ['a control character', '\0'],
  ])('made up (%s) revokes nothing', async (_, made) => {
    const { session } = await world.person()
    const code = await world.mint(session, shop)
    const { body } = await world.exchange(shop, code)
    const forged = [made, code.slice(0, -10) + 'A'.repeat(10), code.replace('c_', 'r_')]
    for (const text of forged) {
      const error = text === '' ? 'invalid_request' : 'invalid_grant'
      await expectUntouched(error, () => world.exchange(shop, text))
    }
    expect((await world.userInfo(body.access_token)).status).toBe(200)
  })

  it('is never another kind of handle', async () => {
    const { session, cookie } = await world.person()
    const code = await world.mint(session, shop)
    const { body } = await world.exchange(shop, code)
    for (const handle of [body.refresh_token!, cookie]) {
      await expectUntouched('invalid_grant', () => world.exchange(shop, handle))
    }
    await expectUntouched('invalid_grant', () => world.refresh(shop, code))
  })

  it('is refused once the session is over, or the user is disabled', async () => {
    const { session, cookie } = await world.person()
    const code = await world.mint(session, shop)
    await world.fetch(
      new Request('https://login.example/auth/sso/logout', {
        method: 'POST',
        headers: {
          cookie: `__Host-drawbridge_session=${cookie}`,
          origin: 'https://login.example',
          'content-type': 'application/x-www-form-urlencoded',
        },
      }),
    )
    await expectUntouched('invalid_grant', () => world.exchange(shop, code))
  })
})

describe('a code with a challenge (RFC 7636)', () => {
  const minted = async () => {
    const { session } = await world.person()
    const codeChallenge = await challengeOf(VERIFIER)
    return world.mint(session, shop, { binding: { codeChallenge } })
  }

  it('needs its verifier', async () => {
    expect((await world.exchange(shop, await minted(), { code_verifier: VERIFIER })).status).toBe(
      200,
    )
  })

  it.each([
    ['a wrong one', 'w'.repeat(43)],
    ['none', undefined],
  ])('is dead after %s', async (_, code_verifier) => {
    const code = await minted()
    expectError(await world.exchange(shop, code, { code_verifier }), 'invalid_grant')
    expectError(await world.exchange(shop, code, { code_verifier: VERIFIER }), 'invalid_grant')
  })

  it.each([
    ['too short', 'x'.repeat(42)],
    ['of other characters', 'ü'.repeat(43)],
    ['too long', 'x'.repeat(129)],
    ['with a blank', `${'x'.repeat(43)} `],
  ])('lives on after what is no verifier at all: %s', async (_, code_verifier) => {
    const code = await minted()
    await expectUntouched('invalid_request', () => world.exchange(shop, code, { code_verifier }))
    expect((await world.exchange(shop, code, { code_verifier: VERIFIER })).status).toBe(200)
  })

  it('and one without takes no verifier (RFC 9700 §4.8.2)', async () => {
    const { session } = await world.person()
    const code = await world.mint(session, shop)
    expectError(await world.exchange(shop, code, { code_verifier: VERIFIER }), 'invalid_grant')
  })
})

describe('the API that a token is for (RFC 8707)', () => {
  const API = 'https://orders.example'

  it('is one that the application is registered for', async () => {
    const client = await registerShop({ isFirstParty: true, oauth: { resources: [API] } })
    const { session } = await world.person()
    const code = await world.mint(session, client)
    await expectUntouched('invalid_target', () =>
      world.exchange(client, code, { resource: 'https://other.example' }),
    )
    const { body } = await world.exchange(client, code, { resource: API })
    expect(decodeJwt(body.access_token).aud).toBe(API)
    expect((await world.userInfo(body.access_token)).status).toBe(401)
  })

  it('is no other than the one that was granted', async () => {
    const client = await registerShop({ oauth: { resources: [API, 'https://b.example'] } })
    const { session } = await world.person()
    const code = await world.mint(session, client, { content: { resource: API } })
    await expectUntouched('invalid_target', () =>
      world.exchange(client, code, { resource: 'https://b.example' }),
    )
    const { body } = await world.exchange(client, code)
    expect(decodeJwt(body.access_token).aud).toBe(API)
    await expectUntouched('invalid_target', () =>
      world.refresh(client, body.refresh_token, { resource: 'https://b.example' }),
    )
    const refreshed = await world.refresh(client, body.refresh_token)
    expect(decodeJwt(refreshed.body.access_token).aud).toBe(API)
  })

  it('is named to the person first, where they have to agree to it', async () => {
    const client = await registerShop({ isFirstParty: false, oauth: { resources: [API] } })
    const { session } = await world.person()
    const code = await world.mint(session, client)
    await expectUntouched('invalid_target', () => world.exchange(client, code, { resource: API }))
    const { body } = await world.exchange(client, code)
    expect(decodeJwt(body.access_token).aud).toBe(`${settings.ISSUER}/oauth/userinfo`)
    await expectUntouched('invalid_target', () =>
      world.refresh(client, body.refresh_token, { resource: API }),
    )
    const agreed = await world.mint(session, client, { content: { resource: API } })
    const { body: first } = await world.exchange(client, agreed, { resource: API })
    expect(decodeJwt(first.access_token).aud).toBe(API)
    const again = await world.refresh(client, first.refresh_token, { resource: API })
    expect(decodeJwt(again.body.access_token).aud).toBe(API)
  })

  it('is one at a time', async () => {
    const client = await registerShop({ oauth: { resources: [API, 'https://b.example'] } })
    const { session } = await world.person()
    const code = await world.mint(session, client)
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: 'https://shop.example/callback',
    })
    form.append('resource', API)
    form.append('resource', 'https://b.example')
    const authorization = basic(client.id, client.secret)
    await expectUntouched('invalid_target', () =>
      world.post('/oauth/token', form, { authorization }),
    )
  })
})

describe('a token for an API of ours', () => {
  it('opens it, also with as long a scope as may be asked for', async () => {
    const scope = Array.from({ length: 20 }, (_, place) => `${place}`.padStart(100, 's'))
    const audience = settings.ACCESS_TOKEN.audience
    const wide = await registerShop({ oauth: { resources: [audience], scope } })
    const { session } = await world.person()
    const code = await world.mint(session, wide, {
      content: { scope, resource: audience, isOpenId: false },
    })
    const { body } = await world.exchange(wide, code)
    expect(body.scope).toHaveLength(2019)
    const authorization = `Bearer ${body.access_token}`
    const answer = await world.send(
      new Request(`${settings.ISSUER}/api/me`, { headers: { authorization } }),
    )
    expect(answer.status).toBe(200)
  })
})

describe('what an application is registered for now', () => {
  it('bounds what an older code gives', async () => {
    const { session } = await world.person()
    const code = await world.mint(session, shop, {
      content: { scope: ['openid', 'email', 'phone'] },
    })
    const { body } = await world.exchange(shop, code)
    expect(body.scope).toBe('openid email')
    expect(decodeJwt(body.id_token!)).not.toHaveProperty('phone_number')
  })

  it('may say that an ID token always comes along, and UserInfo then answers', async () => {
    const marketplace = await registerShop({
      oauth: { scope: ['profile', 'email'], alwaysIssueIdToken: true },
    })
    const { session } = await world.person()
    const code = await world.mint(session, marketplace, {
      content: {
        scope: ['profile', 'email'],
        isOpenId: true,
        requestedScope: 'https://www.googleapis.com/auth/userinfo.email',
      },
    })
    const { body } = await world.exchange(marketplace, code)
    expect(body.scope).toBe('https://www.googleapis.com/auth/userinfo.email')
    expect(decodeJwt(body.id_token!)).toMatchObject({ given_name: 'Ada', email_verified: true })
    const told = await world.userInfo(body.access_token)
    expect(told.body).toMatchObject({ sub: session.userId, given_name: 'Ada', id: session.userId })
  })

  it('knows openid_code as the code grant with openid', async () => {
    const { session } = await world.person()
    const plain = await world.mint(session, shop, {
      content: { scope: ['email'], isOpenId: false },
    })
    await expectUntouched('invalid_grant', () =>
      world.exchange(shop, plain, { grant_type: 'openid_code' }),
    )
    const code = await world.mint(session, shop)
    const { body } = await world.exchange(shop, code, { grant_type: 'openid_code' })
    expect(body.id_token).toBeDefined()
  })
})
