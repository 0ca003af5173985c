import { beforeEach, describe, expect, it } from 'vitest'
import type { IdentityProvider } from '../../../src/core/identity-providers/identity-provider.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import { createInternet } from '../../world/internet.ts'
import type { Internet } from '../../world/internet.ts'
import { createProvider } from '../../world/provider.ts'
import type { Provider } from '../../world/provider.ts'
import type { Members } from '../../world/provider-behaviour.ts'
import { freshIsolate, signIn, verdict } from '../../world/upstream-sign-in.ts'

let internet: Internet
let otrotl: Provider
let identityProvider: IdentityProvider
beforeEach(async () => {
  freezeClock()
  internet = createInternet()
  otrotl = await createProvider(internet)
  identityProvider = freshIsolate().find('otrotl')!
})

async function withClaims(
  claims: Members,
  request: Parameters<typeof signIn>[2] = {},
): Promise<string> {
  otrotl.behaviour.idTokenClaims = claims
  return verdict(await signIn(identityProvider, otrotl, request))
}

describe('max_age (OpenID Connect Core 1.0 §3.1.3.7, 13)', () => {
  const asked = { request: { maxAge: 300 } }

  it.each([
    ['361 s ago', NOON - 361, 'id_token_invalid/auth_time'],
    ['360 s ago', NOON - 360, 'accepted'],
    ['not said', undefined, 'id_token_invalid/auth_time'],
    ['said in text', String(NOON), 'id_token_invalid/auth_time'],
  ])('with an authentication %s is judged', async (_, authTime, expected) => {
    expect(await withClaims({ auth_time: authTime }, asked)).toBe(expected)
  })

  it('of 0 is a demand too', async () => {
    expect(await withClaims({ auth_time: undefined }, { request: { maxAge: 0 } })).toBe(
      'id_token_invalid/auth_time',
    )
    expect(await withClaims({ auth_time: NOON - 61 }, { request: { maxAge: 0 } })).toBe(
      'id_token_invalid/auth_time',
    )
  })

  it('not asked for lets any past authentication be', async () => {
    expect(await withClaims({ auth_time: NOON - 86_400 })).toBe('accepted')
    expect(await withClaims({ auth_time: undefined })).toBe('accepted')
  })
})

describe('prompt=login (OpenID Connect Core 1.0 §3.1.2.1)', () => {
  it('is not believed heeded when the authentication is older than the attempt', async () => {
    const request = { prompt: 'login' }
    expect(await withClaims({ auth_time: NOON - 61 }, { request })).toBe(
      'id_token_invalid/auth_time',
    )
    expect(await withClaims({ auth_time: NOON - 60 }, { request })).toBe('accepted')
    expect(await withClaims({ auth_time: undefined }, { request })).toBe('accepted')
  })
})

describe('acr_values (OpenID Connect Core 1.0 §3.1.3.7, 12)', () => {
  const asked = { request: { acrValues: 'gold silver' } }

  it.each([['gold'], ['silver']])('are met by %s', async (acr) => {
    expect(await withClaims({ acr }, asked)).toBe('accepted')
  })

  it.each([['bronze'], [undefined], ['gold silver'], [''], [['gold']], ['GOLD']])(
    'are not met by %j',
    async (acr) => expect(await withClaims({ acr }, asked)).toBe('id_token_invalid/acr'),
  )
})
