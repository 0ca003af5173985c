import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkLogoutTokenClaims } from '../../../src/core/identity-providers/logout-token.ts'
import { otrotlConfig, secondConfig } from '../../world/config.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import { publicKeyAsSecret, unsigned } from '../../world/forgeries.ts'
import { createInternet } from '../../world/internet.ts'
import { BACK_CHANNEL_LOGOUT, logoutClaims, logoutToken } from '../../world/logout-token.ts'
import type { Members } from '../../world/provider-behaviour.ts'
import { createProvider } from '../../world/provider.ts'
import { providerKey } from '../../world/provider-keys.ts'
import { bytesOf, signJws, signJwsWithSecret } from '../../world/sign-jws.ts'
import { freshIsolate, signIn, verdict } from '../../world/upstream-sign-in.ts'

const expected = {
  issuer: 'https://otrotl.example',
  clientId: 'tuberaker',
  algorithm: 'RS256',
  mayLackExpiry: false,
} as const
const right: Members = {
  iss: expected.issuer,
  aud: expected.clientId,
  iat: NOON,
  exp: NOON + 120,
  jti: 'jti-1',
  events: { [BACK_CHANNEL_LOGOUT]: {} },
  sub: 'sub-alice',
  sid: 'sid-1',
}

const check = (changes: Members, mayLackExpiry = false): string => {
  const entries = Object.entries({ ...right, ...changes }).filter(
    ([, value]) => value !== undefined,
  )
  const claims = Object.fromEntries(entries)
  return verdict(checkLogoutTokenClaims(claims, { ...expected, mayLackExpiry }, NOON))
}

describe('the claims of a logout token (Back-Channel Logout 1.0 §2.4, §2.6)', () => {
  it('are taken when they are right', () => {
    const checked = checkLogoutTokenClaims(right, expected, NOON)
    expect(checked.ok && checked.value).toEqual({
      subject: 'sub-alice',
      sid: 'sid-1',
      jti: 'jti-1',
      issuedAt: NOON,
    })
  })

  const good: [string, Members][] = [
    ['with a subject only', { sid: undefined }],
    ['with a session only', { sub: undefined }],
    ['with our client alone in a list', { aud: ['tuberaker'] }],
    ['with our client as the authorised party', { azp: 'tuberaker' }],
    ['with other events beside the logout', { events: { ...(right.events as object), other: 1 } }],
    ['with something in the event', { events: { [BACK_CHANNEL_LOGOUT]: { why: 'x' } } }],
    ['with claims that nobody knows', { auth_time: 'never', roles: [] }],
    ['issued five minutes ago', { iat: NOON - 300 }],
    ['issued a minute ahead of us', { iat: NOON + 60 }],
    ['that expired less than a minute ago', { exp: NOON - 59 }],
    ['of a session with a strange id', { sid: `'";%00 #ü王${'x'.repeat(1000)}` }],
  ]
  it.each(good)('are taken %s', (_, changes) => expect(check(changes)).toBe('accepted'))

  const bad: [string, Members, string][] = [
    ['another issuer', { iss: 'https://second.example' }, 'iss'],
    ['the issuer with a slash', { iss: 'https://otrotl.example/' }, 'iss'],
    ['no issuer', { iss: undefined }, 'iss'],
    ['another audience', { aud: 'somebody' }, 'aud'],
    ['our client among others', { aud: ['tuberaker', 'somebody'] }, 'aud'],
    ['an empty audience', { aud: [] }, 'aud'],
    ['no audience', { aud: undefined }, 'aud'],
    ['another authorised party', { azp: 'somebody' }, 'azp'],
    ['an authorised party of null', { azp: null }, 'azp'],
    ['no events', { events: undefined }, 'events'],
    ['events as a list', { events: [BACK_CHANNEL_LOGOUT] }, 'events'],
    ['events as text', { events: BACK_CHANNEL_LOGOUT }, 'events'],
    ['events of null', { events: null }, 'events'],
    ['another event', { events: { 'http://schemas.openid.net/event/other': {} } }, 'events'],
    ['an event that is true', { events: { [BACK_CHANNEL_LOGOUT]: true } }, 'events'],
    ['an event that is a list', { events: { [BACK_CHANNEL_LOGOUT]: [] } }, 'events'],
    ['an event that is text', { events: { [BACK_CHANNEL_LOGOUT]: '{}' } }, 'events'],
    ['an event of null', { events: { [BACK_CHANNEL_LOGOUT]: null } }, 'events'],
    ['a nonce', { nonce: 'n' }, 'nonce'],
    ['an empty nonce', { nonce: '' }, 'nonce'],
    ['a nonce of null', { nonce: null }, 'nonce'],
    ['no iat', { iat: undefined }, 'iat'],
    ['an iat as text', { iat: String(NOON) }, 'iat'],
    ['an iat of more than five minutes ago', { iat: NOON - 301, exp: NOON + 999 }, 'iat'],
    ['an iat in the future', { iat: NOON + 61 }, 'iat'],
    ['no exp', { exp: undefined }, 'exp'],
    ['an exp in the past', { exp: NOON - 60 }, 'exp'],
    ['an exp of null', { exp: null }, 'exp'],
    ['an nbf in the future', { nbf: NOON + 61 }, 'nbf'],
    ['no jti', { jti: undefined }, 'jti'],
    ['an empty jti', { jti: '' }, 'jti'],
    ['a jti that is a number', { jti: 7 }, 'jti'],
    ['an endless jti', { jti: 'j'.repeat(513) }, 'jti'],
    ['neither subject nor session', { sub: undefined, sid: undefined }, 'sub_or_sid'],
    ['a subject of null beside a session', { sub: null }, 'sub'],
    ['an empty subject', { sub: '' }, 'sub'],
    ['a subject with other letters than ASCII', { sub: 'älice' }, 'sub'],
    ['a subject of 256 letters', { sub: 'a'.repeat(256) }, 'sub'],
    ['a session of null beside a subject', { sid: null }, 'sid'],
    ['an empty session', { sid: '' }, 'sid'],
    ['an endless session', { sid: 's'.repeat(2049) }, 'sid'],
  ]
  it.each(bad)('are refused with %s', (_, changes, claim) =>
    expect(check(changes)).toBe(`logout_token_invalid/${claim}`),
  )

  it('may lack the expiry of a provider that is configured so, and of no other', () => {
    expect(check({ exp: undefined }, true)).toBe('accepted')
    expect(check({ exp: undefined, iat: NOON - 301 }, true)).toBe('logout_token_invalid/iat')
    expect(check({ exp: NOON - 60 }, true)).toBe('logout_token_invalid/exp')
    expect(check({ exp: null }, true)).toBe('logout_token_invalid/exp')
  })

  it('are never taken when issuer, audience or event is anything else', () => {
    const anything = fc.oneof(fc.jsonValue(), fc.constantFrom(undefined, [], {}, 'tuberaker'))
    fc.assert(
      fc.property(fc.constantFrom('iss', 'aud', 'events'), anything, (name, value) => {
        fc.pre(JSON.stringify(value) !== JSON.stringify(right[name]))
        fc.pre(!(name === 'aud' && JSON.stringify(value) === '["tuberaker"]'))
        expect(check({ [name]: value })).toBe(`logout_token_invalid/${name}`)
      }),
    )
  })
})

describe('a logout token', () => {
  async function world() {
    freezeClock(NOON)
    const internet = createInternet()
    const provider = await createProvider(internet)
    const identityProvider = freshIsolate().find('otrotl')!
    const judge = async (token: string) =>
      verdict(await identityProvider.verifyLogoutToken(token, NOON))
    return { internet, provider, identityProvider, judge }
  }
  const who = { sub: 'sub-alice' }

  it.each(['logout+jwt', 'LOGOUT+JWT', 'application/logout+jwt', 'JWT', 'jwt', undefined])(
    'is taken with the type %s',
    async (typ) => {
      const { provider, judge } = await world()
      expect(await judge(await logoutToken(provider, who, { typ }))).toBe('accepted')
    },
  )

  it.each(['at+jwt', 'id_token', '', 'logout', null, 7])(
    'is refused with the type %s',
    async (typ) => {
      const { provider, judge } = await world()
      expect(await judge(await logoutToken(provider, who, { typ }))).toBe(
        'logout_token_invalid/typ',
      )
    },
  )

  it('needs its own type where the provider is configured so (C3)', async () => {
    const { provider } = await world()
    const strict = freshIsolate({ ...otrotlConfig, logoutTokenTypRequired: true }).find('otrotl')!
    const judge = async (typ: string | undefined) =>
      verdict(await strict.verifyLogoutToken(await logoutToken(provider, who, { typ }), NOON))
    expect(await judge('logout+jwt')).toBe('accepted')
    for (const typ of ['JWT', undefined]) expect(await judge(typ)).toBe('logout_token_invalid/typ')
  })

  it('is refused when nobody or somebody else has signed it', async () => {
    const { provider, judge } = await world()
    const token = await logoutToken(provider, who)
    const claims = logoutClaims(provider, who)
    const header = { alg: 'RS256', kid: provider.key().kid, typ: 'logout+jwt' }
    const parts = { header, claims, key: provider.key(), token, clientSecret: undefined }
    for (const alg of ['none', 'None', 'NONE', '']) {
      expect(await judge(await unsigned(alg)(parts))).toMatch(/\/(form|alg)$/)
      expect(await judge(await unsigned(alg, { keepSignature: true })(parts))).toMatch(/\/alg$/)
    }
    const [head, , signature] = token.split('.')
    const [, other] = (await logoutToken(provider, { sub: 'sub-bob' })).split('.')
    expect(await judge(`${head}.${other}.${signature}`)).toBe('logout_token_invalid/signature')
    expect(await judge(`${head}.${other}.`)).toBe('logout_token_invalid/form')
    const stranger = await providerKey('RS256', 'stranger')
    expect(await judge(await signJws(header, claims, stranger))).toBe(
      'logout_token_invalid/signature',
    )
  })

  it('is refused under any other algorithm, and under the public key as a secret', async () => {
    const { provider, judge } = await world()
    const claims = logoutClaims(provider, who)
    const other = await providerKey('ES256', 'otrotl-1')
    const header = { alg: 'ES256', kid: 'otrotl-1', typ: 'logout+jwt' }
    expect(await judge(await signJws(header, claims, other))).toBe('logout_token_invalid/alg')
    const { kid } = provider.key()
    for (const secret of Object.values(await publicKeyAsSecret(provider.key()))) {
      const token = await signJwsWithSecret(
        { alg: 'HS256', kid, typ: 'logout+jwt' },
        claims,
        secret,
      )
      expect(await judge(token)).toBe('logout_token_invalid/alg')
    }
  })

  it('is refused encrypted, also when it calls itself signed', async () => {
    const { judge } = await world()
    const part = (value: unknown) => btoa(JSON.stringify(value)).replaceAll('=', '')
    const head = part({ alg: 'RSA-OAEP', enc: 'A256GCM', cty: 'JWT' })
    expect(await judge(`${head}.a.b.c.d`)).toBe('logout_token_invalid/form')
    expect(await judge(`${part({ alg: 'RS256', cty: 'JWT' })}.e30.AAAA`)).toMatch(/\/cty$/)
  })

  it('is no other token of the provider: no ID token, no access token', async () => {
    const { provider, identityProvider, judge } = await world()
    const assertion = await signIn(identityProvider, provider)
    expect(assertion.ok && (await judge(assertion.value.idToken))).toBe(
      'logout_token_invalid/events',
    )
    const access = await logoutToken(provider, { ...who, events: undefined }, { typ: 'at+jwt' })
    expect(await judge(access)).toBe('logout_token_invalid/typ')
    expect(await judge(provider.grants[0]!.accessToken)).toBe('logout_token_invalid/form')
  })

  it('is not this provider’s when it is another one’s', async () => {
    const { internet, judge } = await world()
    const second = await createProvider(internet, secondConfig)
    expect(await judge(await logoutToken(second, who))).toBe('logout_token_invalid/alg')
    const sameAlgorithm = await createProvider(internet, {
      ...otrotlConfig,
      issuer: 'https://third.example',
    })
    expect(await judge(await logoutToken(sameAlgorithm, who))).toBe('logout_token_invalid/iss')
  })

  it('is not judged without the provider’s keys', async () => {
    const { provider, judge } = await world()
    const token = await logoutToken(provider, who)
    provider.behaviour.answers = { keys: () => new Response(null, { status: 500 }) }
    expect(await judge(token)).toBe('provider_unavailable')
    // Junk is refused for what it is, and makes nobody fetch a key.
    expect(await judge(new TextDecoder().decode(bytesOf('junk')))).toBe('logout_token_invalid/form')
  })
})

describe('the URL that signs out at the provider (RP-Initiated Logout 1.0 §2)', () => {
  const hint = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtYXJrZWQifQ.c2lnbmF0dXJl'

  it('names us, the way back, the ID token as it came, and the state', async () => {
    const provider = await createProvider(createInternet())
    provider.behaviour.discovery = {
      end_session_endpoint: 'https://otrotl.example/bye?tenant=7&state=theirs',
    }
    const url = await freshIsolate()
      .find('otrotl')!
      .endSessionUrl({ idToken: hint, state: 'a&b=c' }, NOON)
    expect(url.ok && url.value.origin + url.value.pathname).toBe('https://otrotl.example/bye')
    expect(url.ok && Object.fromEntries(url.value.searchParams)).toEqual({
      client_id: 'tuberaker',
      id_token_hint: hint,
      post_logout_redirect_uri: 'https://login.example/auth/sso/logout/callback',
      state: 'a&b=c',
      tenant: '7',
    })
  })

  it('is none where the provider has none, or cannot be reached', async () => {
    const provider = await createProvider(createInternet())
    provider.behaviour.discovery = { end_session_endpoint: undefined }
    const ask = { idToken: hint, state: 's' }
    expect(verdict(await freshIsolate().find('otrotl')!.endSessionUrl(ask, NOON))).toBe(
      'no_end_session_endpoint',
    )
    expect(verdict(await freshIsolate().find('second')!.endSessionUrl(ask, NOON))).toBe(
      'provider_unavailable',
    )
  })
})
