import { generateKeyPair, exportJWK } from 'jose'
import { calculatePKCECodeChallenge } from 'oauth4webapi'
import { beforeEach, describe, expect, it } from 'vitest'
import type { IdentityProviderConfig } from '../../../src/config.ts'
import { otrotlConfig, secondConfig } from '../../world/config.ts'
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

describe('the identity providers', () => {
  it('are found by their configured id, and the first when none is named', () => {
    const isolate = freshIsolate()
    expect(isolate.all.map(({ config }) => config.id)).toEqual(['otrotl', 'second'])
    expect(isolate.find(undefined)).toBe(isolate.all[0])
    expect(isolate.find('second')).toBe(isolate.all[1])
    for (const id of ['', 'third', '__proto__', 'constructor', 'OTROTL', 'otrotl ']) {
      expect(isolate.find(id)).toBeUndefined()
    }
  })
})

describe('the authorization URL (OpenID Connect Core 1.0 §3.1.2.1)', () => {
  it('asks for a code with PKCE S256, state and nonce', async () => {
    const secrets = newSecrets()
    const url = await otrotlIn().authorizationUrl(secrets, {}, epochSeconds())
    expect(url.ok && Object.fromEntries(url.value.searchParams)).toEqual({
      response_type: 'code',
      client_id: 'tuberaker',
      redirect_uri: 'https://login.example/auth/sso/callback/otrotl',
      scope: 'openid profile email',
      state: secrets.state,
      nonce: secrets.nonce,
      code_challenge: await calculatePKCECodeChallenge(secrets.codeVerifier),
      code_challenge_method: 'S256',
    })
    expect(url.ok && url.value.origin + url.value.pathname).toBe('https://otrotl.example/authorize')
  })

  it('passes on what the caller asks of the provider', async () => {
    const request = { prompt: 'login', loginHint: 'a&b=c', maxAge: 0, acrValues: 'gold silver' }
    const url = await otrotlIn().authorizationUrl(newSecrets(), request, epochSeconds())
    expect(url.ok && Object.fromEntries(url.value.searchParams)).toMatchObject({
      prompt: 'login',
      login_hint: 'a&b=c',
      max_age: '0',
      acr_values: 'gold silver',
    })
  })

  it('keeps the query of the endpoint, and overrides what it would fix for us', async () => {
    otrotl.behaviour.discovery = {
      authorization_endpoint:
        'https://otrotl.example/authorize?tenant=7&state=fixed&code_challenge_method=plain&prompt=none&response_mode=fragment',
    }
    const secrets = newSecrets()
    const url = await otrotlIn().authorizationUrl(secrets, {}, epochSeconds())
    const parameters = url.ok ? url.value.searchParams : new URLSearchParams()
    expect(parameters.get('tenant')).toBe('7')
    expect(parameters.getAll('state')).toEqual([secrets.state])
    expect(parameters.getAll('code_challenge_method')).toEqual(['S256'])
    expect(parameters.has('prompt')).toBe(false)
    expect(parameters.has('response_mode')).toBe(false)
  })

  it.each([
    { code_challenge_methods_supported: ['plain'] },
    { code_challenge_methods_supported: undefined },
    { response_types_supported: ['id_token', 'code id_token token'] },
  ])('is the same when discovery offers %j', async (discovery) => {
    otrotl.behaviour.discovery = discovery
    const url = await otrotlIn().authorizationUrl(newSecrets(), {}, epochSeconds())
    const parameters = url.ok ? url.value.searchParams : new URLSearchParams()
    expect(parameters.get('code_challenge_method')).toBe('S256')
    expect(parameters.get('response_type')).toBe('code')
  })
})

describe('a sign-in', () => {
  it('tells who the person is, from the ID token completed by UserInfo', async () => {
    const signedIn = await signIn(otrotlIn(), otrotl, { as: 'bob' })
    expect(signedIn).toMatchObject({
      ok: true,
      value: {
        issuer: 'https://otrotl.example',
        subject: 'sub-bob',
        idToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) as string,
        authTime: otrotl.grants[0]!.authTime,
        upstreamSid: otrotl.grants[0]!.sid,
        claims: {
          name: 'Bob Brewer',
          email: 'bob@example.org',
          email_verified: true,
          picture: 'https://pictures.example/bob.png',
        },
      },
    })
  })

  it('works with ES256 and client_secret_post', async () => {
    const second = await createProvider(internet, secondConfig)
    expect(verdict(await signIn(freshIsolate().find('second')!, second))).toBe('accepted')
  })

  it('works with every client authentication method, and uses no other', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const methods: IdentityProviderConfig['clientAuthentication'][] = [
      { method: 'client_secret_basic', clientSecret: 'a:b%c d+é/ü' },
      { method: 'client_secret_post', clientSecret: 'a:b%c d+é/ü&' },
      {
        method: 'private_key_jwt',
        privateKey: (await exportJWK(privateKey)) as JsonWebKey,
        algorithm: 'ES256',
        keyId: 'our-key',
      },
      { method: 'none' },
    ]
    for (const clientAuthentication of methods) {
      const config = {
        ...otrotlConfig,
        issuer: `https://${clientAuthentication.method.replaceAll('_', '-')}.example`,
        clientAuthentication,
      }
      const provider = await createProvider(internet, config)
      expect(verdict(await signIn(freshIsolate(config).all[0]!, provider))).toBe('accepted')
    }
  })

  it('works with form_post, which is asked for by name', async () => {
    const config = { ...otrotlConfig, responseMode: 'form_post' as const }
    const [identityProvider] = freshIsolate(config).all
    const secrets = newSecrets()
    const url = await identityProvider!.authorizationUrl(secrets, {}, epochSeconds())
    expect(url.ok && url.value.searchParams.get('response_mode')).toBe('form_post')
    const form = await otrotl.authorizeForm(url.ok ? url.value : new URL(''))
    const checked = await identityProvider!.checkResponse(form, secrets, epochSeconds())
    expect(verdict(checked)).toBe('accepted')
  })

  it('works at a provider whose issuer has a path', async () => {
    for (const issuer of ['https://tenants.example/one', 'https://tenants.example/two/']) {
      const config = { ...otrotlConfig, issuer }
      const provider = await createProvider(internet, config)
      expect(verdict(await signIn(freshIsolate(config).all[0]!, provider))).toBe('accepted')
    }
  })

  it('works without UserInfo when discovery names none', async () => {
    otrotl.behaviour.discovery = { userinfo_endpoint: undefined }
    otrotl.behaviour.idTokenClaims = { name: 'Alice', email: 'alice@example.org' }
    const signedIn = await signIn(otrotlIn(), otrotl)
    expect(signedIn).toMatchObject({ ok: true, value: { claims: { name: 'Alice' } } })
    expect(internet.requestsTo('https://otrotl.example/userinfo')).toEqual([])
  })

  it('gives every secret to the endpoints of its own provider only', async () => {
    const second = await createProvider(internet, secondConfig)
    const isolate = freshIsolate()
    await signIn(otrotlIn(isolate), otrotl)
    await signIn(isolate.find('second')!, second)
    const grantOf = (provider: Provider) => provider.grants[0]!
    for (const [provider, other] of [
      [otrotl, second],
      [second, otrotl],
    ] as const) {
      const sent = JSON.stringify(internet.requestsTo(provider.issuer))
      expect(sent).toContain(grantOf(provider).code)
      expect(sent).not.toContain(grantOf(other).code)
      expect(sent).not.toContain(grantOf(other).accessToken)
    }
    expect(JSON.stringify(internet.requestsTo(otrotl.issuer))).not.toContain('second')
    const origins = new Set(internet.requests.map(({ url }) => new URL(url).origin))
    expect(origins).toEqual(new Set([otrotl.issuer, second.issuer]))
  })

  it('sends a code with the verifier and redirect URI of its own attempt, once', async () => {
    const secrets = newSecrets()
    await signIn(otrotlIn(), otrotl, { secrets })
    expect(tokenForms()).toHaveLength(1)
    expect(Object.fromEntries(tokenForms()[0]!)).toEqual({
      grant_type: 'authorization_code',
      code: otrotl.grants[0]!.code,
      redirect_uri: 'https://login.example/auth/sso/callback/otrotl',
      code_verifier: secrets.codeVerifier,
    })
  })
})
