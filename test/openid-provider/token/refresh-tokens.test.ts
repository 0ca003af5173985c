import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import type { AdapterRule } from '../../../src/core/applications/request-adapter.ts'
import type { OAuthRegistration } from '../../../src/core/applications/registration.ts'
import { unreachable } from '../../admin/operator.ts'
import { disconnect } from '../../core/sessions/granted.ts'
import { rowsOf } from '../../core/sessions/signed-in-user.ts'
import { applicationRegistry, shopRegistration } from '../../world/applications.ts'
import type { RegisteredApplication } from '../../world/applications.ts'
import { NOON } from '../../world/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { lostAnswers, neverComes } from '../../world/lost-answers.ts'
import { settings } from '../../world/settings.ts'
import { adaProfile } from '../made-up-application.ts'
import { expectError, expectUntouched } from './expect-answer.ts'
import { REDIRECT_URI, registerShop, tokenWorld, tokenWorldWith } from './token-world.ts'
import type { TokenWorld } from './token-world.ts'

let world: TokenWorld
let shop: RegisteredApplication

beforeEach(async () => {
  world = await tokenWorld()
  shop = await registerShop()
})

const END = 'SELECT end_cause FROM sessions'

/** Somebody's first tokens at the shop. */
async function firstTokens(scope = ['openid', 'email', 'profile']) {
  const { session, cookie } = await world.person()
  const code = await world.mint(session, shop, { content: { scope, nonce: 'n-1' } })
  const { body } = await world.exchange(shop, code)
  return { session, cookie, ...body, refresh_token: body.refresh_token! }
}

/** As a client does: where a busy machine took too long, the answer invited it to ask again. */
async function refreshAsOftenAsInvited(token: string): ReturnType<TokenWorld['refresh']> {
  const answer = await world.refresh(shop, token)
  return answer.status === 503 ? refreshAsOftenAsInvited(token) : answer
}

describe('a refresh token for tokens (RFC 6749 §6, RFC 9700 §4.14.2)', () => {
  it('gives new ones, and gives way to its one successor', async () => {
    const first = await firstTokens()
    world.clock.advance(100)
    const { status, body } = await world.refresh(shop, first.refresh_token)
    expect(status).toBe(200)
    expect(body.refresh_token).toMatch(/^r_/)
    expect(body.refresh_token).not.toBe(first.refresh_token)
    expect(body.access_token).not.toBe(first.access_token)
    expect(body.scope).toBe('openid email profile')
  })

  it('says in its ID token what the first one said, and no nonce (Core §12.2)', async () => {
    const first = await firstTokens()
    const before = decodeJwt(first.id_token!)
    world.clock.advance(100)
    const { body } = await world.refresh(shop, first.refresh_token)
    const after = decodeJwt(body.id_token!)
    for (const name of ['iss', 'sub', 'aud', 'auth_time', 'sid', 'azp'])
      expect(after[name], name).toEqual(before[name])
    expect(after.iat).toBe(NOON + 100)
    expect(after).not.toHaveProperty('nonce')
    expect(before.nonce).toBe('n-1')
  })

  it('stays, however often a stranger’s page sends the browser here for codes that nobody takes', async () => {
    shop = await registerShop({ isFirstParty: true })
    const { cookie, refresh_token } = await firstTokens()
    const headers = {
      cookie: `__Host-drawbridge_session=${cookie}`,
      'sec-fetch-site': 'cross-site',
      'sec-fetch-dest': 'document',
    }
    const query = new URLSearchParams({
      client_id: shop.id,
      redirect_uri: REDIRECT_URI,
      response_type: 'code',
      scope: 'openid',
    })
    const url = `${settings.ISSUER}/oauth/authorize?${query.toString()}`
    for (let n = 0; n < 60; n += 1) {
      const answer = await world.send(new Request(url, { headers }))
      expect(answer.headers.get('location')).toContain(`${REDIRECT_URI}?code=`)
    }
    expect((await world.refresh(shop, refresh_token)).status).toBe(200)
  })

  it('is a use of the session, to its absolute end and not beyond', async () => {
    const first = await firstTokens()
    let token = first.refresh_token
    for (let hours = 0; hours < 13; hours += 1) {
      world.clock.advance(3000)
      const { body } = await world.refresh(shop, token)
      token = body.refresh_token!
      expect(body.expires_in).toBe(300)
    }
    world.clock.advance(43_200 - 13 * 3000 - 60)
    // The session was idle for too long by now, which is written down.
    expectError(await world.refresh(shop, token), 'invalid_grant')
    expect(await rowsOf(first.session.userId, END)).toEqual([{ end_cause: 'idle_deadline' }])
  })

  it('gives tokens that end with the session', async () => {
    const first = await firstTokens()
    let token = first.refresh_token
    for (let hours = 0; hours < 14; hours += 1) {
      world.clock.advance(3000)
      token = (await world.refresh(shop, token)).body.refresh_token!
    }
    world.clock.advance(43_200 - 14 * 3000 - 60)
    expect((await world.refresh(shop, token)).body.expires_in).toBe(60)
    world.clock.advance(60)
    expectError(await world.refresh(shop, token), 'invalid_grant')
    expect(await rowsOf(first.session.userId, END)).toEqual([{ end_cause: 'absolute_deadline' }])
  })

  it('gives its successor again to an honest retry, and revokes everything to a late one', async () => {
    const first = await firstTokens()
    const { body } = await world.refresh(shop, first.refresh_token)
    world.clock.advance(10)
    const again = await world.refresh(shop, first.refresh_token)
    expect(again.body.refresh_token).toBe(body.refresh_token)
    world.clock.advance(1)
    const { lines } = captureLog()
    expectError(await world.refresh(shop, first.refresh_token), 'invalid_grant')
    expect(lines.filter(({ event }) => event === 'grant.reused')).toHaveLength(1)
    expectError(await world.refresh(shop, body.refresh_token), 'invalid_grant')
    for (const token of [first.access_token, body.access_token, again.body.access_token])
      expect((await world.userInfo(token)).status).toBe(401)
  })

  it('gives its successor to whoever was told to ask again, since the answer never came', async () => {
    const first = await firstTokens()
    captureLog()
    const deaf = await tokenWorldWith({ USER_SESSIONS: lostAnswers('takeGrant', neverComes) })
    const from = performance.now()
    const refused = await deaf.refresh(shop, first.refresh_token)
    expectError(refused, 'temporarily_unavailable', 503)
    const waitedSeconds = (performance.now() - from) / 1000
    const aSecondOnItsWay = 1
    const again = Number(refused.headers.get('retry-after')) + aSecondOnItsWay
    world.clock.advance(Math.ceil(waitedSeconds + again))
    const { status, body } = await world.refresh(shop, first.refresh_token)
    expect(status).toBe(200)
    expect((await world.userInfo(body.access_token)).status).toBe(200)
    expect((await world.refresh(shop, body.refresh_token)).status).toBe(200)
  })

  it('has one successor, however many ask at once', async () => {
    const first = await firstTokens()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => refreshAsOftenAsInvited(first.refresh_token)),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1)
  })

  it('is refused to another application, used or not, and stays good', async () => {
    const other = await registerShop({ name: 'Other' })
    const first = await firstTokens()
    await expectUntouched('invalid_grant', () => world.refresh(other, first.refresh_token))
    const { body } = await world.refresh(shop, first.refresh_token)
    world.clock.advance(60)
    await expectUntouched('invalid_grant', () => world.refresh(other, first.refresh_token))
    expect((await world.refresh(shop, body.refresh_token)).status).toBe(200)
  })

  it('needs the authentication of its application', async () => {
    const first = await firstTokens()
    const form = { grant_type: 'refresh_token', refresh_token: first.refresh_token }
    await expectUntouched(
      'invalid_client',
      () => world.post('/oauth/token', { client_id: shop.id, ...form }),
      401,
    )
    expect((await world.refresh(shop, first.refresh_token)).status).toBe(200)
  })

  it('gives less if less is asked for, never more, and what was granted stays', async () => {
    const first = await firstTokens(['openid', 'email'])
    const wider = () => world.refresh(shop, first.refresh_token, { scope: 'openid email profile' })
    await expectUntouched('invalid_scope', wider)
    const narrow = await world.refresh(shop, first.refresh_token, { scope: 'email' })
    expect(narrow.body.scope).toBe('email')
    expect(narrow.body).not.toHaveProperty('id_token')
    expect(decodeJwt(narrow.body.access_token).scope).toBe('email')
    const whole = await world.refresh(shop, narrow.body.refresh_token, { scope: 'openid email' })
    expect(whole.body.scope).toBe('openid email')
    expect(whole.body.id_token).toBeDefined()
  })

  it.each<AdapterRule>([
    { rule: 'scope_add', scope: 'openid' },
    { rule: 'parameter_set', name: 'scope', value: 'openid offline_access' },
  ])(
    'gives all that was granted where none is named, whatever an adapter adds (%o)',
    async (rule) => {
      shop = await registerShop({ oauth: { requestAdapter: [rule] } })
      const first = await firstTokens()
      const { body } = await world.refresh(shop, first.refresh_token)
      expect(body.scope).toBe('openid email profile')
      expect(decodeJwt(body.access_token).scope).toBe('openid email profile')
    },
  )

  it('gives nothing, and stays good, where an adapter has dropped all that is asked for', async () => {
    shop = await registerShop({ oauth: { requestAdapter: [{ rule: 'scope_drop', scope: 'a' }] } })
    const first = await firstTokens()
    const ask = () => world.refresh(shop, first.refresh_token, { scope: 'a' })
    await expectUntouched('invalid_scope', ask)
    expect((await world.refresh(shop, first.refresh_token)).status).toBe(200)
  })

  it.each([' ', '"', 'a\\b', 'é', 'a\tb', 'x'.repeat(2049)])(
    'is not used up by a scope that is none (%#)',
    async (scope) => {
      const first = await firstTokens()
      const ask = () => world.refresh(shop, first.refresh_token, { scope })
      await expectUntouched('invalid_scope', ask)
      expect((await world.refresh(shop, first.refresh_token)).status).toBe(200)
    },
  )

  it('is dead after a consent was withdrawn', async () => {
    const first = await firstTokens()
    await disconnect(first.session.userId, shop.id, world.clock.now())
    await expectUntouched('invalid_grant', () => world.refresh(shop, first.refresh_token))
    expect((await world.userInfo(first.access_token)).status).toBe(401)
  })

  it('is worth nothing while its application is disabled', async () => {
    const first = await firstTokens()
    await applicationRegistry().setStatus(shop.id, 'disabled', NOON)
    await expectUntouched('invalid_client', () => world.refresh(shop, first.refresh_token), 401)
    expect((await world.userInfo(first.access_token)).status).toBe(401)
  })

  it('is one family per device: the theft of one leaves the other alone', async () => {
    const { session } = await world.person()
    const families = await Promise.all(
      [0, 1].map(async () => world.exchange(shop, await world.mint(session, shop))),
    )
    const [phone, laptop] = families.map(({ body }) => body)
    await world.refresh(shop, phone!.refresh_token)
    world.clock.advance(11)
    expectError(await world.refresh(shop, phone!.refresh_token), 'invalid_grant')
    expect((await world.refresh(shop, laptop!.refresh_token)).status).toBe(200)
  })

  it('stays as it is while nothing can be signed', async () => {
    const first = await firstTokens()
    const down = await tokenWorldWith({ KEY_RING: unreachable() })
    const ask = () => down.refresh(shop, first.refresh_token)
    await expectUntouched('temporarily_unavailable', ask, 503)
  })

  it('is asked for in words', async () => {
    await expectUntouched('invalid_request', () => world.refresh(shop, undefined))
    await expectUntouched('invalid_request', () => world.refresh(shop, ''))
  })
})

describe('a registration that has become smaller since', () => {
  const API = 'https://api.example/'

  const change = ({ id }: RegisteredApplication, oauth: OAuthRegistration) =>
    applicationRegistry().change(
      { id, version: 1 },
      { name: 'Shop', isFirstParty: true, oauth: { ...shopRegistration.oauth, ...oauth } },
      world.clock.now(),
    )

  it('gives no more tokens for an API that was taken out of it', async () => {
    const wide = await registerShop({ oauth: { resources: [API] } })
    const { session } = await world.person()
    const code = await world.mint(session, wide, { content: { resource: API } })
    const other = await world.mint(session, wide, { content: { resource: API } })
    const { body } = await world.exchange(wide, code)
    expect(decodeJwt(body.access_token).aud).toBe(API)
    expect(await change(wide, { resources: [] })).toMatchObject({ value: { ok: true } })
    await expectUntouched('invalid_target', () => world.refresh(wide, body.refresh_token))
    await expectUntouched('invalid_target', () => world.exchange(wide, other))
  })

  it('gives nothing, and takes nothing, where no scope is left of what is asked for', async () => {
    const { session } = await world.person()
    const mint = () => world.mint(session, shop, { content: { scope: ['email'], isOpenId: false } })
    const { body } = await world.exchange(shop, await mint())
    const code = await mint()
    const small = ['openid', 'profile', 'offline_access']
    expect(await change(shop, { scope: small })).toMatchObject({ value: { ok: true } })
    for (const scope of [undefined, 'email'])
      await expectUntouched('invalid_scope', () =>
        world.refresh(shop, body.refresh_token, { scope }),
      )
    await expectUntouched('invalid_scope', () => world.exchange(shop, code))
  })

  it('gives no more ID tokens once openid was taken out of it', async () => {
    const first = await firstTokens()
    expect(await change(shop, { scope: ['email', 'offline_access'] })).toMatchObject({
      value: { ok: true },
    })
    const { body } = await world.refresh(shop, first.refresh_token)
    expect(body.scope).toBe('email')
    expect(body).not.toHaveProperty('id_token')
  })

  it('tells no more claims that were asked for by name and belong to a scope it has lost', async () => {
    const { session } = await world.person()
    const claims = { userinfo: ['email'], idToken: ['email', 'name'] }
    const content = { scope: ['openid'], claims }
    const { body } = await world.exchange(shop, await world.mint(session, shop, { content }))
    expect(decodeJwt(body.id_token!)).toMatchObject({ email: adaProfile.email })
    const scope = ['openid', 'profile', 'offline_access']
    expect(await change(shop, { scope })).toMatchObject({ value: { ok: true } })
    const after = decodeJwt((await world.refresh(shop, body.refresh_token)).body.id_token!)
    expect(after).not.toHaveProperty('email')
    expect(after).toMatchObject({ name: adaProfile.name })
  })
})
