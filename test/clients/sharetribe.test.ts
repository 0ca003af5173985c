/**
 * A Sharetribe marketplace, piece by piece as its web template does it: passport-google-oauth with our URLs,
 * Google's scopes, a raw JSON `state` and no PKCE; then Sharetribe's SDK hands the ID token to their API,
 * which checks it through our discovery document and key set.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { OAuth2Strategy as GoogleStrategy } from 'passport-google-oauth'
import type { Profile, VerifyFunction } from 'passport-google-oauth'
import sharetribeSdk from 'sharetribe-flex-sdk'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startApplicationServer } from './application-server.ts'
import type { ApplicationServer } from './application-server.ts'
import { driveStrategy } from './drive-strategy.ts'
import { HttpVisitor } from './http-visitor.ts'
import { register } from './register.ts'
import type { Registered } from './register.ts'

const { gateway } = inject('clientsWorld')

const state = JSON.stringify({
  from: '/l/a-boat?x=1&y="2"',
  defaultReturn: '/',
  defaultConfirm: '/confirm',
  userType: 'customer',
})

/** Sharetribe's Marketplace API, as far as signing in needs it: it trusts what our key set has signed. */
async function startMarketplaceApi(clientId: string) {
  const server = createServer(async (request, response) => {
    const form = new URLSearchParams(await text(request))
    const answer = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    try {
      const found = await fetch(`${gateway}/.well-known/openid-configuration`)
      const { issuer, jwks_uri: keys } = (await found.json()) as {
        issuer: string
        jwks_uri: string
      }
      const { payload } = await jwtVerify(
        form.get('idp_token') ?? '',
        createRemoteJWKSet(new URL(keys)),
        { issuer, audience: clientId, algorithms: ['RS256'] },
      )
      if (payload['email_verified'] !== true) throw new Error('the address is not verified')
      answer(200, {
        access_token: `marketplace-token-of-${String(payload['given_name'])}`,
        scope: 'user',
        token_type: 'bearer',
        expires_in: 3600,
        refresh_token: 'refresh',
      })
    } catch (error) {
      answer(401, { error: String(error) })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => void server.close(),
  }
}

describe('a Sharetribe marketplace', () => {
  let server: ApplicationServer
  let registered: Registered
  let callbackURL: string
  beforeAll(async () => {
    server = await startApplicationServer()
    callbackURL = `${server.origin}/api/auth/drawbridge/callback`
    registered = await register({
      redirect_uris: [callbackURL],
      default_redirect_uri: callbackURL,
      grant_types: ['authorization_code'],
      response_types: ['code'],
      scope: 'openid profile email',
      token_endpoint_auth_method: 'client_secret_post',
      id_token_signed_response_alg: 'RS256',
      always_issue_id_token: true,
      userinfo_query_token: true,
      request_adapter: [
        { rule: 'scope_map', from: 'https://www.googleapis.com/auth/plus.login', to: [] },
        {
          rule: 'scope_map',
          from: 'https://www.googleapis.com/auth/userinfo.profile',
          to: ['profile'],
        },
        {
          rule: 'scope_map',
          from: 'https://www.googleapis.com/auth/userinfo.email',
          to: ['email'],
        },
      ],
    })
  })
  afterAll(() => server.stop())

  it('signs a person in, from the strategy of its template to the marketplace token', async () => {
    const { client_id: clientID, client_secret: clientSecret } = registered
    let idToken: string | undefined
    // With the token answer among the arguments, as the template has it; its types do not know that form.
    const verify = (
      _access: string,
      _refresh: string,
      parameters: { id_token?: string },
      profile: Profile,
      done: VerifyFunction,
    ) => {
      idToken = parameters.id_token
      done(null, profile)
    }
    const strategy = new GoogleStrategy(
      {
        clientID,
        clientSecret,
        callbackURL,
        authorizationURL: `${gateway}/oauth/authorize`,
        tokenURL: `${gateway}/oauth/token`,
        userProfileURL: `${gateway}/oauth/userinfo`,
      },
      verify as never,
    )
    const scope = ['plus.login', 'userinfo.profile', 'userinfo.email'].map(
      (name) => `https://www.googleapis.com/auth/${name}`,
    )
    const started = await driveStrategy(strategy, { query: {} }, { scope, state })
    if (started.kind !== 'redirected') throw new Error(`not redirected: ${started.kind}`)
    const visitor = new HttpVisitor()
    const back = await visitor.choosePerson(await visitor.visit(started.to))
    expect(back.url.pathname).toBe('/api/auth/drawbridge/callback')
    expect(back.url.searchParams.get('state')).toBe(state)

    const query = Object.fromEntries(back.url.searchParams)
    const finished = await driveStrategy(strategy, { query }, { state })
    expect(finished).toMatchObject({
      kind: 'succeeded',
      user: {
        displayName: 'Ada Lovelace',
        name: { givenName: 'Ada', familyName: 'Lovelace' },
        emails: [{ value: 'ada@otrotl.example', verified: true }],
      },
    })

    const api = await startMarketplaceApi(clientID)
    try {
      const sdk = sharetribeSdk.createInstance({
        clientId: 'marketplace',
        clientSecret: 'marketplace-secret',
        baseUrl: api.baseUrl,
        tokenStore: sharetribeSdk.tokenStore.memoryStore(),
      })
      const signedIn = await sdk.loginWithIdp({
        idpId: 'drawbridge',
        idpClientId: clientID,
        idpToken: idToken!,
      })
      expect(signedIn.data.access_token).toBe('marketplace-token-of-Ada')
    } finally {
      api.stop()
    }
  })
})
