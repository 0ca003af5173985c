import { beforeEach, describe, expect, it } from 'vitest'
import { createInternet } from '../../world/internet.ts'
import type { Internet } from '../../world/internet.ts'
import { createProvider } from '../../world/provider.ts'
import type { Provider } from '../../world/provider.ts'
import {
  epochSeconds,
  freshIsolate,
  newSecrets,
  signIn,
  verdict,
} from '../../world/upstream-sign-in.ts'

let internet: Internet
let otrotl: Provider
beforeEach(async () => {
  internet = createInternet()
  otrotl = await createProvider(internet)
})

const otrotlIn = (isolate = freshIsolate()) => isolate.find('otrotl')!

/** The parameters of the one request to the token endpoint. */
const tokenForms = (issuer = otrotl.issuer) =>
  internet.requestsTo(`${issuer}/token`).map(({ body }) => new URLSearchParams(body))

const attempt = () => ({ request: {}, createdAt: epochSeconds() })

describe('a code that is not of this attempt', () => {
  it('is refused by the provider for the verifier, and nobody is signed in', async () => {
    const identityProvider = otrotlIn()
    const stolen = newSecrets()
    const url = await identityProvider.authorizationUrl(stolen, {}, epochSeconds())
    const victim = await otrotl.authorize(url.ok ? url.value : new URL(''), { as: 'alice' })
    const own = newSecrets()
    const parameters = new URLSearchParams(victim.search)
    parameters.set('state', own.state)
    const checked = await identityProvider.checkResponse(parameters, own, epochSeconds())
    expect(verdict(checked)).toBe('accepted')
    const redeemed = await identityProvider.redeem({ parameters }, own, attempt(), epochSeconds())
    expect(verdict(redeemed)).toBe('code_refused')
  })

  it('is refused when it was redeemed before', async () => {
    const identityProvider = otrotlIn()
    const secrets = newSecrets()
    await signIn(identityProvider, otrotl, { secrets })
    const { code } = otrotl.grants[0]!
    const parameters = new URLSearchParams({ code, state: secrets.state, iss: otrotl.issuer })
    const again = await identityProvider.redeem({ parameters }, secrets, attempt(), epochSeconds())
    expect(verdict(again)).toBe('code_refused')
  })
})

describe('a token endpoint that does not play along', () => {
  it.each([
    ['invalid_grant', 'code_refused', 'invalid_grant'],
    ['invalid_client', 'provider_error', 'invalid_client'],
    ['server_error', 'provider_error', 'server_error'],
    ['<script>alert(1)</script>', 'provider_error', 'unregistered'],
  ])('and answers with the error %s is refused as %s', async (tokenError, code, error) => {
    otrotl.behaviour.tokenError = tokenError
    const refused = await signIn(otrotlIn(), otrotl)
    expect(refused).toMatchObject({ ok: false, refusal: { code, facts: { error } } })
  })

  it('and challenges us to authenticate is refused as provider_error', async () => {
    otrotl.behaviour.answers = {
      token: () =>
        new Response('{"error":"invalid_client"}', {
          status: 401,
          headers: { 'www-authenticate': 'Basic realm="x"', 'content-type': 'application/json' },
        }),
    }
    expect(verdict(await signIn(otrotlIn(), otrotl))).toBe('provider_error')
  })

  it.each(['html', 'empty', 'brokenJson', 'jsonNull', 'jsonArray'] as const)(
    'and answers %s instead of tokens is refused',
    async (misanswer) => {
      otrotl.behaviour.answers = { token: misanswer }
      expect(verdict(await signIn(otrotlIn(), otrotl))).toBe('provider_unavailable/not_json')
    },
  )

  it('and gives no ID token is refused', async () => {
    otrotl.behaviour.tokenResponse = { id_token: undefined }
    expect(verdict(await signIn(otrotlIn(), otrotl))).toBe('id_token_invalid/form')
  })

  it.each([
    'serverError',
    'notFound',
    'redirect',
    'permanentRedirect',
    'huge',
    'endless',
    'unreachable',
  ] as const)(
    'and answers %s is refused as unavailable, and the code goes nowhere else',
    async (misanswer) => {
      otrotl.behaviour.answers = { token: misanswer }
      internet.serve('https://elsewhere.example', () => Response.json({}))
      expect(verdict(await signIn(otrotlIn(), otrotl))).toBe('provider_unavailable')
      expect(tokenForms()).toHaveLength(1)
      expect(internet.requestsTo('https://elsewhere.example')).toEqual([])
    },
  )

  it.each<[string, object]>([
    ['no access token', { access_token: undefined }],
    ['an access token that is no text', { access_token: 7 }],
    ['no token type', { token_type: undefined }],
    ['a token type that nobody knows', { token_type: 'mac' }],
    ['a lifetime that is an object', { expires_in: { toString: 1 } }],
    ['a scope that is a list', { scope: [] }],
  ])('and gives %s is refused', async (_, change) => {
    otrotl.behaviour.idTokenClaims = { at_hash: undefined }
    otrotl.behaviour.tokenResponse = change as Record<string, unknown>
    expect(verdict(await signIn(otrotlIn(), otrotl))).toMatch(/^provider_unavailable/)
  })

  it.each(['a\r\nx: y', 'a\u0000', 'é'])(
    'and gives the access token %j is refused before that is sent anywhere',
    async (accessToken) => {
      otrotl.behaviour.idTokenClaims = { at_hash: undefined }
      otrotl.behaviour.tokenResponse = { access_token: accessToken }
      expect(verdict(await signIn(otrotlIn(), otrotl))).toBe('provider_unavailable/access_token')
    },
  )

  it('says nothing of tokens, codes or secrets in any refusal', async () => {
    for (const tokenResponse of [{ id_token: 'eyJhbGciOiJub25lIn0.e30.' }, { token_type: 'mac' }]) {
      otrotl.behaviour.tokenResponse = tokenResponse
      const secrets = newSecrets()
      const refused = JSON.stringify(await signIn(otrotlIn(), otrotl, { secrets }))
      const { code, accessToken } = otrotl.grants.at(-1)!
      for (const secret of [code, accessToken, ...Object.values(secrets), 'eyJ', 'alice']) {
        expect(refused).not.toContain(secret)
      }
    }
  })
})

describe('UserInfo (OpenID Connect Core 1.0 §5.3)', () => {
  it.each<[string, Record<string, unknown>]>([
    ['another subject', { sub: 'sub-bob' }],
    ['no subject', { sub: undefined }],
    ['a subject that is no text', { sub: 7 }],
    ['an empty subject', { sub: '' }],
    ['a subject in a list', { sub: ['sub-alice'] }],
    ['the subject in other letters', { sub: 'SUB-ALICE' }],
  ])('of %s refuses the sign-in', async (_, userInfo) => {
    otrotl.behaviour.userInfo = userInfo
    expect(verdict(await signIn(otrotlIn(), otrotl))).toBe('id_token_invalid/userinfo_sub')
  })

  it.each([
    'html',
    'empty',
    'serverError',
    'notFound',
    'redirect',
    'huge',
    'endless',
    'unreachable',
  ] as const)('that answers %s makes the provider unavailable', async (misanswer) => {
    otrotl.behaviour.answers = { userinfo: misanswer }
    expect(verdict(await signIn(otrotlIn(), otrotl))).toMatch(/^provider_unavailable/)
  })

  it('that is a JWT is not taken, since nobody checked its signature', async () => {
    const jwt = await otrotl.sign({ iss: otrotl.issuer, aud: 'tuberaker', sub: 'sub-alice' })
    otrotl.behaviour.answers = {
      userinfo: () => new Response(jwt, { headers: { 'content-type': 'application/jwt' } }),
    }
    expect(verdict(await signIn(otrotlIn(), otrotl))).toBe('provider_unavailable/content_type')
  })
})
