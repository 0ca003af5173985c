import { beforeEach, describe, expect, it } from 'vitest'
import type { IdentityProvider } from '../../../src/core/identity-providers/identity-provider.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import { otrotlConfig, secondConfig } from '../../world/config.ts'
import { createInternet } from '../../world/internet.ts'
import type { Internet } from '../../world/internet.ts'
import { createProvider } from '../../world/provider.ts'
import type { Provider } from '../../world/provider.ts'
import type { Members } from '../../world/provider-behaviour.ts'
import { signJws } from '../../world/sign-jws.ts'
import { freshIsolate, newSecrets, signIn, verdict } from '../../world/upstream-sign-in.ts'

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

const refusals = (check: string, cases: readonly (readonly [string, Members])[]) =>
  it.each(cases)(`is refused when it has %s`, async (_, claims) => {
    expect(await withClaims(claims)).toBe(`id_token_invalid/${check}`)
    expect(internet.requestsTo('https://otrotl.example/userinfo')).toEqual([])
  })

const acceptances = (cases: readonly (readonly [string, Members])[]) =>
  it.each(cases)('is accepted with %s', async (_, claims) => {
    expect(await withClaims(claims)).toBe('accepted')
  })

describe('the ID token of a sign-in (OpenID Connect Core 1.0 §3.1.3.7)', () => {
  it('is accepted as an honest provider makes it', async () => {
    expect(await withClaims({})).toBe('accepted')
  })

  refusals('iss', [
    ['the issuer of another provider', { iss: 'https://second.example' }],
    ['an issuer with a slash more', { iss: 'https://otrotl.example/' }],
    ['an issuer in other letters', { iss: 'https://OTROTL.example' }],
    ['an issuer with the default port', { iss: 'https://otrotl.example:443' }],
    ['an http issuer', { iss: 'http://otrotl.example' }],
    ['no issuer', { iss: undefined }],
    ['an issuer in a list', { iss: ['https://otrotl.example'] }],
  ])

  refusals('aud', [
    ['the audience of another client', { aud: 'another' }],
    ['no audience', { aud: undefined }],
    ['an empty audience', { aud: '' }],
    ['an empty list of audiences', { aud: [] }],
    ['another audience beside us', { aud: ['tuberaker', 'another'] }],
    [
      'another audience beside us, and us as azp',
      { aud: ['tuberaker', 'another'], azp: 'tuberaker' },
    ],
    ['an audience in a list in a list', { aud: [['tuberaker']] }],
    ['an audience that is an object', { aud: { tuberaker: true } }],
    ['an audience that holds our name', { aud: 'tuberaker another' }],
  ])

  refusals('azp', [
    ['another authorized party', { azp: 'another' }],
    ['an empty authorized party', { azp: '' }],
    ['a null authorized party', { azp: null }],
    ['an authorized party in a list', { azp: ['tuberaker'] }],
  ])

  refusals('exp', [
    ['expired 61 s ago', { exp: NOON - 61 }],
    ['expired exactly 60 s ago', { exp: NOON - 60 }],
    ['no expiry', { exp: undefined }],
    ['an expiry that is text', { exp: String(NOON + 300) }],
    ['an expiry beyond any calendar', { exp: 1e300 }],
    ['a negative expiry', { exp: -1 }],
    ['a null expiry', { exp: null }],
  ])

  refusals('iat', [
    ['been issued 11 minutes ago', { iat: NOON - 660 }],
    ['been issued 601 s ago', { iat: NOON - 601 }],
    ['been issued 2 minutes ahead', { iat: NOON + 120 }],
    ['been issued 61 s ahead', { iat: NOON + 61 }],
    ['no time of issue', { iat: undefined }],
    ['a time of issue that is text', { iat: String(NOON) }],
    ['a time of issue in milliseconds', { iat: NOON * 1000 }],
  ])

  refusals('nbf', [
    ['a start 61 s ahead', { nbf: NOON + 61 }],
    ['a start that is text', { nbf: String(NOON) }],
    ['a null start', { nbf: null }],
  ])

  refusals('nonce', [
    ['no nonce', { nonce: undefined }],
    ['the nonce of another attempt', { nonce: newSecrets().nonce }],
    ['an empty nonce', { nonce: '' }],
    ['a nonce in a list', { nonce: ['x'] }],
  ])

  refusals('sub', [
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['a subject that is a number', { sub: 7 }],
    ['a subject that is an object', { sub: { id: 'sub-alice' } }],
    ['a subject in a list', { sub: ['sub-alice'] }],
    ['a subject of 300 characters', { sub: 'x'.repeat(300) }],
    ['a subject of 256 characters', { sub: 'x'.repeat(256) }],
    ['a subject that is not ASCII', { sub: 'sub-alicé' }],
    ['a subject with a control character', { sub: 'sub\u0000alice' }],
  ])

  refusals('at_hash', [
    ['the hash of another access token', { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }],
    ['an empty access token hash', { at_hash: '' }],
    ['a null access token hash', { at_hash: null }],
  ])

  refusals('sid', [
    ['an empty session id', { sid: '' }],
    ['a session id that is a number', { sid: 7 }],
    ['a null session id', { sid: null }],
    ['a session id of 2049 characters', { sid: 'x'.repeat(2049) }],
  ])

  refusals('auth_time', [
    ['an authentication time that is text', { auth_time: String(NOON) }],
    ['an authentication 61 s ahead', { auth_time: NOON + 61 }],
  ])

  refusals('events', [
    [
      'events, being a logout token',
      { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } },
    ],
    ['events of nothing', { events: null }],
  ])

  acceptances([
    ['an audience in a list, and us as azp', { aud: ['tuberaker'], azp: 'tuberaker' }],
    ['an expiry 59 s ago', { exp: NOON - 59, iat: NOON - 300 }],
    ['an issue 10 minutes ago', { iat: NOON - 600 }],
    ['an issue 60 s ahead', { iat: NOON + 60 }],
    ['a start 60 s ahead', { nbf: NOON + 60 }],
    ['no access token hash', { at_hash: undefined }],
    ['no session id', { sid: undefined }],
    ['fractions of seconds', { iat: NOON - 0.5, exp: NOON + 300.25 }],
  ])

  it('is accepted with a subject of 255 characters', async () => {
    otrotl.behaviour.userInfo = { sub: 'x'.repeat(255) }
    expect(await withClaims({ sub: 'x'.repeat(255) })).toBe('accepted')
  })

  it('keeps any session id of up to 2048 characters as it came', async () => {
    for (const sid of ['ab c/?&"<é>\n', 'x'.repeat(1500)]) {
      otrotl.behaviour.idTokenClaims = { sid }
      const signedIn = await signIn(identityProvider, otrotl)
      expect(signedIn.ok && signedIn.value.upstreamSid).toBe(sid)
    }
  })

  it('may bring optional claims of the wrong type, which then say nothing', async () => {
    otrotl.behaviour.idTokenClaims = { acr: 7, amr: 'pwd' }
    const signedIn = await signIn(identityProvider, otrotl)
    expect(signedIn).toMatchObject({ ok: true, value: { acr: undefined, amr: undefined } })
    otrotl.behaviour.idTokenClaims = { acr: 'gold', amr: ['pwd', 'otp'] }
    const again = await signIn(identityProvider, otrotl)
    expect(again).toMatchObject({ ok: true, value: { acr: 'gold', amr: ['pwd', 'otp'] } })
  })

  it('of one tenant is refused where another tenant of the same server is configured', async () => {
    const config = { ...otrotlConfig, issuer: 'https://tenants.example/t1/v2.0' }
    const tenant = await createProvider(internet, config)
    tenant.behaviour.idTokenClaims = { iss: 'https://tenants.example/t2/v2.0' }
    expect(verdict(await signIn(freshIsolate(config).all[0]!, tenant))).toBe('id_token_invalid/iss')
  })

  it("of another provider, under that one's key, is refused", async () => {
    const second = await createProvider(internet, secondConfig)
    otrotl.behaviour.idToken = ({ claims }) => second.sign({ ...claims, iss: second.issuer })
    expect(verdict(await signIn(identityProvider, otrotl))).toBe('id_token_invalid/alg')
  })

  it('cannot reach the prototype of anything', async () => {
    otrotl.behaviour.idToken = ({ claims }) => {
      const json = JSON.stringify(claims).replace(
        '{',
        '{"__proto__":{"admin":true,"sub":"sub-bob"},"constructor":{"prototype":{"admin":true}},',
      )
      return signJws({ alg: 'RS256', kid: otrotl.key().kid }, json, otrotl.key())
    }
    const signedIn = await signIn(identityProvider, otrotl)
    expect(signedIn).toMatchObject({ ok: true, value: { subject: 'sub-alice' } })
    expect(({} as { admin?: unknown }).admin).toBeUndefined()
  })
})
