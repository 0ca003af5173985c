import { beforeEach, describe, expect, it } from 'vitest'
import { applicationRegistry, shopRegistration } from '../../world/applications.ts'
import type { RegisteredApplication } from '../../world/applications.ts'
import { KNOWN_SECONDS } from '../../../src/core/applications/known-applications.ts'
import { createOperator } from '../../admin/operator.ts'
import { NOON } from '../../world/clock.ts'
import { goodClaims, signAsUs } from '../../world/signed-by-us.ts'
import { snapshot } from '../../world/snapshot.ts'
import { sessionsOf } from '../../core/sessions/signed-in-user.ts'
import { expectError } from './expect-answer.ts'
import { registerShop, tokenWorld, tokenWorldWith } from './token-world.ts'
import type { Answer, TokenWorld } from './token-world.ts'

const API = 'https://orders.example'

let world: TokenWorld
let shop: RegisteredApplication

beforeEach(async () => {
  world = await tokenWorld()
  shop = await registerShop({ isFirstParty: true, oauth: { resources: [API] } })
})

async function tokens(application = shop, form: Record<string, string> = {}) {
  const { session } = await world.person()
  const code = await world.mint(session, application)
  const { body } = await world.exchange(application, code, form)
  return { session, access: body.access_token, refresh: body.refresh_token! }
}

const expectInactive = ({ status, headers, body }: Answer) => {
  expect({ status, body }).toEqual({ status: 200, body: { active: false } })
  expect(headers.get('cache-control')).toBe('no-store')
}

describe('introspection (RFC 7662)', () => {
  it('tells an application what its tokens are worth', async () => {
    const { session, access, refresh } = await tokens()
    const { body } = await world.introspect(shop, access)
    expect(body).toEqual({
      active: true,
      iss: 'https://login.example',
      aud: 'https://login.example/oauth/userinfo',
      sub: session.userId,
      client_id: shop.id,
      scope: 'openid email',
      iat: NOON,
      exp: NOON + 300,
      jti: expect.any(String) as string,
      token_type: 'Bearer',
      auth_time: NOON,
    })
    expect((await world.introspect(shop, refresh)).body).toEqual({
      active: true,
      iss: 'https://login.example',
      client_id: shop.id,
      sub: session.userId,
      scope: 'openid email',
      exp: session.absoluteDeadlineAt,
    })
  })

  it('tells an API what the tokens for it are worth, and nothing of those for others', async () => {
    const api = await registerShop({ name: 'Orders', oauth: { resources: [API] } })
    const other = await registerShop({ name: 'Other', oauth: { resources: ['https://b.example'] } })
    const forApi = await tokens(shop, { resource: API })
    expect((await world.introspect(api, forApi.access)).body).toMatchObject({
      active: true,
      aud: API,
    })
    expectInactive(await world.introspect(other, forApi.access))
    expectInactive(await world.introspect(api, forApi.refresh))
    expectInactive(await world.introspect(api, (await tokens()).access))
  })

  it('says only that a token is not active, whatever the reason', async () => {
    const { session, access, refresh } = await tokens()
    const { id } = shop
    const sub = session.userId
    const bridge = await signAsUs(goodClaims(NOON, { sub, sid: session.sid }), NOON)
    const idToken = await signAsUs(goodClaims(NOON, { sub, aud: id }), NOON, { typ: 'JWT' })
    for (const text of [
      'x',
      'r_x',
      `r_${'A'.repeat(128)}`,
      `${access}x`,
      bridge,
      idToken,
      'x'.repeat(9000),
    ])
      expectInactive(await world.introspect(shop, text))
    await sessionsOf().end(session.userId, session.sid, 'person', NOON)
    expectInactive(await world.introspect(shop, access))
    expectInactive(await world.introspect(shop, refresh))
    const late = await tokens()
    world.clock.advance(300)
    expectInactive(await world.introspect(shop, late.access))
  })

  it('knows a token that was revoked, rotated or whose user is disabled', async () => {
    const revoked = await tokens()
    await world.revoke(shop, revoked.access)
    expectInactive(await world.introspect(shop, revoked.access))
    expect((await world.introspect(shop, revoked.refresh)).body.active).toBe(true)
    await world.refresh(shop, revoked.refresh)
    world.clock.advance(11)
    expectInactive(await world.introspect(shop, revoked.refresh))
    const disabled = await tokens()
    await sessionsOf().disable(disabled.session.userId, NOON)
    expectInactive(await world.introspect(shop, disabled.access))
    expectInactive(await world.introspect(shop, disabled.refresh))
  })

  it('knows a refresh token that its application may not use any more', async () => {
    const { access, refresh } = await tokens()
    const grantTypes = ['authorization_code'] as const
    const oauth = { ...shopRegistration.oauth, grantTypes, scope: ['openid', 'email'] }
    await applicationRegistry().change(
      { id: shop.id, version: 1 },
      { ...shopRegistration, oauth },
      NOON,
    )
    world.clock.advance(KNOWN_SECONDS)
    expectInactive(await world.introspect(shop, refresh))
    expect((await world.introspect(shop, access)).body.active).toBe(true)
  })

  it('tells of no scope, and of no API, that the application has lost', async () => {
    const api = await registerShop({ name: 'Orders', oauth: { resources: [API] } })
    const { access, refresh } = await tokens()
    const forApi = await tokens(shop, { resource: API })
    const change = async (version: number, oauth: object) =>
      applicationRegistry().change(
        { id: shop.id, version },
        { ...shopRegistration, oauth: { ...shopRegistration.oauth, ...oauth } },
        NOON,
      )
    await change(1, { scope: ['openid', 'profile'], resources: [API] })
    world.clock.advance(KNOWN_SECONDS)
    for (const [caller, token] of [
      [shop, access],
      [shop, refresh],
      [api, forApi.access],
    ] as const)
      expect((await world.introspect(caller, token)).body).toMatchObject({
        active: true,
        scope: 'openid',
      })
    await change(2, { resources: [] })
    world.clock.advance(KNOWN_SECONDS)
    expectInactive(await world.introspect(api, forApi.access))
    expectInactive(await world.introspect(shop, forApi.access))
    expect((await world.introspect(shop, access)).body.scope).toBe('openid email')
  })

  it('knows of a client’s own token as long as the application is active', async () => {
    const machine = await registerShop({
      oauth: {
        redirectUris: [],
        grantTypes: ['client_credentials'],
        scope: ['orders'],
        resources: [API],
      },
    })
    const form = { grant_type: 'client_credentials' }
    const { body } = await world.asClient('/oauth/token', machine, form)
    expect((await world.introspect(shop, body.access_token)).body).toMatchObject({
      active: true,
      sub: machine.id,
      client_id: machine.id,
      scope: 'orders',
    })
    await applicationRegistry().setStatus(machine.id, 'disabled', NOON)
    expectInactive(await world.introspect(shop, body.access_token))
  })

  it('knows that a client’s own token has ended with all that its application had, for good', async () => {
    const machine = await registerShop({
      oauth: {
        redirectUris: [],
        grantTypes: ['client_credentials'],
        scope: ['orders'],
        resources: [API],
      },
    })
    const own = async () => {
      const form = { grant_type: 'client_credentials', resource: API }
      return (await world.asClient('/oauth/token', machine, form)).body.access_token
    }
    const before = await own()
    const operator = createOperator()
    for (const change of ['disable', 'enable'])
      await operator.ask('POST', `/applications/${machine.id}/${change}`)
    world.clock.advance(KNOWN_SECONDS)
    expectInactive(await world.introspect(machine, before))
    expectInactive(await world.introspect(shop, before))
    expect((await world.introspect(shop, await own())).body.active).toBe(true)
  })

  it('is not for public clients, nor for those who prove nothing', async () => {
    const open = await registerShop({ oauth: { tokenEndpointAuthMethod: 'none' } })
    const { access } = await tokens()
    expectError(await world.introspect(open, access), 'invalid_client', 401)
    expectError(await world.post('/oauth/introspect', { token: access }), 'invalid_client', 401)
    const authorization = `Bearer ${access}`
    const asUser = await world.post('/oauth/introspect', { token: access }, { authorization })
    expectError(asUser, 'invalid_client', 401)
  })

  it('needs one token, changes nothing, and does not guess', async () => {
    const { access, refresh } = await tokens()
    const before = await snapshot()
    expectError(await world.asClient('/oauth/introspect', shop, {}), 'invalid_request')
    const hinted = { token: access, token_type_hint: 'refresh_token' }
    expect((await world.asClient('/oauth/introspect', shop, hinted)).body.active).toBe(true)
    await world.introspect(shop, refresh)
    expect(await snapshot()).toEqual(before)
    const USER_SESSIONS = {
      getByName: () => {
        throw new Error('down')
      },
    } as unknown as Env['USER_SESSIONS']
    const down = await tokenWorldWith({ USER_SESSIONS })
    const answer = await down.introspect(shop, access)
    expect(answer.status).toBe(503)
    expect(answer.body).not.toHaveProperty('active')
    expect((await down.introspect(shop, refresh)).status).toBe(503)
  })
})
