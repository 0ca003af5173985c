import { beforeEach, describe, expect, it } from 'vitest'
import { unreachable } from '../../admin/operator.ts'
import type { RegisteredApplication } from '../../world/applications.ts'
import { NOON } from '../../world/clock.ts'
import { snapshot } from '../../world/snapshot.ts'
import { expectError } from './expect-answer.ts'
import { VERIFIER, challengeOf, registerShop, tokenWorld, tokenWorldWith } from './token-world.ts'
import type { TokenWorld } from './token-world.ts'

let world: TokenWorld
let shop: RegisteredApplication

beforeEach(async () => {
  world = await tokenWorld()
  shop = await registerShop()
})

async function tokens(application = shop) {
  const { session, cookie } = await world.person()
  const code = await world.mint(session, application)
  const { body } = await world.exchange(application, code)
  return { session, cookie, access: body.access_token, refresh: body.refresh_token! }
}
const isAlive = async (token: string) => (await world.userInfo(token)).status === 200

describe('revocation (RFC 7009)', () => {
  it('of a refresh token takes its family and all access tokens of it', async () => {
    const first = await tokens()
    const { body } = await world.refresh(shop, first.refresh)
    const other = await tokens()
    const { status, headers } = await world.revoke(shop, body.refresh_token!)
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(await isAlive(first.access)).toBe(false)
    expect(await isAlive(body.access_token)).toBe(false)
    expectError(await world.refresh(shop, body.refresh_token), 'invalid_grant')
    expect(await isAlive(other.access)).toBe(true)
  })

  it('of an access token takes that token alone, at once where it is checked strictly', async () => {
    const { access, refresh, session } = await tokens()
    const { body } = await world.refresh(shop, refresh)
    expect((await world.revoke(shop, access)).status).toBe(200)
    expect(await isAlive(access)).toBe(false)
    expect(await isAlive(body.access_token)).toBe(true)
    expect((await world.grants.peek('refresh_token', body.refresh_token!, NOON)).ok).toBe(true)
    expect(session.sid).toBeDefined()
  })

  it('works for a public client, which shows its id alone', async () => {
    const open = await registerShop({ oauth: { tokenEndpointAuthMethod: 'none' } })
    const { session } = await world.person()
    const binding = { codeChallenge: await challengeOf(VERIFIER) }
    const code = await world.mint(session, open, { binding })
    const { body } = await world.exchange(open, code, { code_verifier: VERIFIER })
    expect((await world.revoke(open, body.refresh_token!)).status).toBe(200)
    expect(await isAlive(body.access_token)).toBe(false)
  })

  it('never touches what is another application’s, and does not tell', async () => {
    const other = await registerShop({ name: 'Other' })
    const { access, refresh, cookie } = await tokens()
    const before = await snapshot()
    for (const token of [access, refresh, cookie, 'x', `r_${'A'.repeat(128)}`, `${access}x`]) {
      const { status, body } = await world.revoke(other, token)
      expect({ status, body }).toEqual({ status: 200, body: {} })
    }
    expect(await snapshot()).toEqual(before)
    expect(await isAlive(access)).toBe(true)
  })

  it('of what is gone already, or hinted wrongly, is fine', async () => {
    const { access, refresh } = await tokens()
    for (const hint of ['access_token', 'refresh_token', 'nonsense', undefined]) {
      for (const token of [refresh, access]) {
        const form = { token, token_type_hint: hint }
        expect((await world.asClient('/oauth/revoke', shop, form)).status).toBe(200)
      }
    }
    expect(await isAlive(access)).toBe(false)
    world.clock.advance(600)
    expect((await world.revoke(shop, access)).status).toBe(200)
  })

  it('says so where it cannot be done', async () => {
    const machine = await registerShop({
      oauth: { redirectUris: [], grantTypes: ['client_credentials'], scope: ['orders'] },
    })
    const form = { grant_type: 'client_credentials' }
    const { body } = await world.asClient('/oauth/token', machine, form)
    expectError(await world.revoke(machine, body.access_token), 'unsupported_token_type')
    expectError(await world.asClient('/oauth/revoke', shop, {}), 'invalid_request')
    const { access, refresh } = await tokens()
    const USER_SESSIONS = {
      getByName: () => {
        throw new Error('down')
      },
    } as unknown as Env['USER_SESSIONS']
    const down = await tokenWorldWith({ USER_SESSIONS })
    for (const token of [access, refresh]) {
      const answer = await down.revoke(shop, token)
      expectError(answer, 'temporarily_unavailable', 503)
      expect(answer.headers.get('retry-after')).toBe('5')
    }
    const REVOCATION = { get: () => Promise.reject(new Error('down')) } as unknown as KVNamespace
    const keyless = await tokenWorldWith({ KEY_RING: unreachable(), REVOCATION })
    expectError(await keyless.revoke(shop, access), 'temporarily_unavailable', 503)
    expect(await isAlive(access)).toBe(true)
  })
})
