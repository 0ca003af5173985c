/** A client that nobody here wrote: oauth4webapi, from discovery to revocation. It checks every answer as its specifications say. */
import {
  ClientSecretBasic,
  ClientSecretPost,
  DPoP,
  None,
  PrivateKeyJwt,
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  clientCredentialsGrantRequest,
  customFetch,
  deviceAuthorizationRequest,
  deviceCodeGrantRequest,
  discoveryRequest,
  generateKeyPair,
  generateRandomCodeVerifier,
  getValidatedIdTokenClaims,
  introspectionRequest,
  processAuthorizationCodeResponse,
  processClientCredentialsResponse,
  processDeviceAuthorizationResponse,
  processDeviceCodeResponse,
  processDiscoveryResponse,
  processIntrospectionResponse,
  processPushedAuthorizationResponse,
  processRefreshTokenResponse,
  processRevocationResponse,
  processUserInfoResponse,
  pushedAuthorizationRequest,
  refreshTokenGrantRequest,
  revocationRequest,
  userInfoRequest,
  validateApplicationLevelSignature,
  validateAuthResponse,
} from 'oauth4webapi'
import type { AuthorizationServer, Client, ClientAuth } from 'oauth4webapi'
import { exportJWK } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { registerApplication } from '../world/applications.ts'
import type { RegisteredApplication } from '../world/applications.ts'
import { signIn } from '../world/sign-in.ts'
import { formOf } from './authorization/asking.ts'
import { tokenWorld } from './token/token-world.ts'
import type { TokenWorld } from './token/token-world.ts'

const ISSUER = new URL('https://login.example')
const CALLBACK = 'https://shop.example/callback'
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

let world: TokenWorld
let server: AuthorizationServer
const options = {
  [customFetch]: async (url: string, init: object) =>
    world.fetch(new Request(url, init as RequestInit)),
}

beforeEach(async () => {
  world = await tokenWorld()
  const found = await discoveryRequest(ISSUER, options)
  server = await processDiscoveryResponse(ISSUER, found)
})

const register = (oauth: object) =>
  registerApplication({
    name: 'Shop',
    isFirstParty: true,
    oauth: {
      redirectUris: [CALLBACK],
      grantTypes: ['authorization_code', 'refresh_token'],
      scope: ['openid', 'profile', 'email', 'offline_access'],
      ...oauth,
    },
  })

/** The code grant with PKCE and PAR, as far as a signed-in person's browser has to go. */
async function codeGrant(
  application: RegisteredApplication,
  auth: ClientAuth,
  dpop?: ReturnType<typeof DPoP>,
) {
  const client: Client = {
    client_id: application.id,
    id_token_signed_response_alg: application.application.oauth.idTokenSignedResponseAlg,
  }
  const verifier = generateRandomCodeVerifier()
  const parameters = {
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid profile email',
    state: 'state-1',
    nonce: 'nonce-1',
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }
  const more = dpop === undefined ? options : { ...options, DPoP: dpop }
  const pushed = await pushedAuthorizationRequest(server, client, auth, parameters, more)
  const { request_uri } = await processPushedAuthorizationResponse(server, client, pushed)
  const url = new URL(server.authorization_endpoint!)
  url.search = new URLSearchParams({ client_id: application.id, request_uri }).toString()
  const browser = world.newBrowser()
  await signIn(browser, world.otrotl)
  const page = await browser.navigate(url, { from: 'https://shop.example', as: 'alice' })
  const answered = validateAuthResponse(server, client, page.url, 'state-1')
  const response = await authorizationCodeGrantRequest(
    server,
    client,
    auth,
    answered,
    CALLBACK,
    verifier,
    more,
  )
  const tokens = await processAuthorizationCodeResponse(server, client, response, {
    expectedNonce: 'nonce-1',
    requireIdToken: true,
  })
  await validateApplicationLevelSignature(server, response, options)
  return { client, tokens, more, claims: getValidatedIdTokenClaims(tokens)! }
}

const keyed = async (alg: string) => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid: 'k-1', alg, use: 'sig' } }
}

describe('the code grant, driven by oauth4webapi', () => {
  it.each(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'])(
    'works with %s: PAR, PKCE, UserInfo, refresh, introspection, revocation',
    async (method) => {
      const { privateKey, jwk } = await keyed('ES256')
      const application = await register({
        tokenEndpointAuthMethod: method,
        ...(method === 'private_key_jwt' ? { jwks: { keys: [jwk] } } : {}),
      })
      const auth = {
        client_secret_basic: () => ClientSecretBasic(application.secret),
        client_secret_post: () => ClientSecretPost(application.secret),
        private_key_jwt: () => PrivateKeyJwt({ key: privateKey, kid: 'k-1' }),
        none: () => None(),
      }[method]!()
      const { client, tokens, claims } = await codeGrant(application, auth)
      const told = await userInfoRequest(server, client, tokens.access_token, options)
      const info = await processUserInfoResponse(server, client, claims.sub, told)
      expect(info).toMatchObject({ email: 'alice@example.org', email_verified: true })

      const refreshed = await processRefreshTokenResponse(
        server,
        client,
        await refreshTokenGrantRequest(server, client, auth, tokens.refresh_token!, options),
      )
      expect(getValidatedIdTokenClaims(refreshed)?.sub).toBe(claims.sub)
      if (method !== 'none') {
        const asked = await introspectionRequest(
          server,
          client,
          auth,
          refreshed.access_token,
          options,
        )
        const seen = await processIntrospectionResponse(server, client, asked)
        expect(seen).toMatchObject({ active: true, sub: claims.sub })
      }
      const revoked = await revocationRequest(
        server,
        client,
        auth,
        refreshed.refresh_token!,
        options,
      )
      await processRevocationResponse(revoked)
      const after = await userInfoRequest(server, client, refreshed.access_token, options)
      expect(after.status).toBe(401)
    },
  )

  it.each(['RS256', 'ES256', 'PS256'])('reads ID tokens under %s', async (alg) => {
    const application = await register({ idTokenSignedResponseAlg: alg })
    const auth = ClientSecretBasic(application.secret)
    const { claims } = await codeGrant(application, auth)
    expect(claims.aud).toBe(application.id)
  })

  it('binds tokens to a key (RFC 9449)', async () => {
    const application = await register({
      tokenEndpointAuthMethod: 'none',
      dpopBoundAccessTokens: true,
    })
    const dpop = DPoP({}, await generateKeyPair('ES256'))
    const { client, tokens, claims, more } = await codeGrant(application, None(), dpop)
    expect(tokens.token_type).toBe('dpop')
    const told = await userInfoRequest(server, client, tokens.access_token, more)
    await processUserInfoResponse(server, client, claims.sub, told)
    const response = await refreshTokenGrantRequest(
      server,
      client,
      None(),
      tokens.refresh_token!,
      more,
    )
    const refreshed = await processRefreshTokenResponse(server, client, response)
    expect(refreshed.token_type).toBe('dpop')
  })
})

describe('other grants, driven by oauth4webapi', () => {
  it('the device grant (RFC 8628)', async () => {
    const application = await register({
      redirectUris: [],
      responseTypes: [],
      grantTypes: [DEVICE_GRANT, 'refresh_token'],
      tokenEndpointAuthMethod: 'none',
    })
    const client: Client = { client_id: application.id }
    const asked = await deviceAuthorizationRequest(
      server,
      client,
      None(),
      { scope: 'openid email' },
      options,
    )
    const codes = await processDeviceAuthorizationResponse(server, client, asked)
    const poll = async () =>
      processDeviceCodeResponse(
        server,
        client,
        await deviceCodeGrantRequest(server, client, None(), codes.device_code, options),
      )
    await expect(poll()).rejects.toMatchObject({ error: 'authorization_pending' })
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const { body } = await formOf(await browser.request(codes.verification_uri_complete!), 'allow')
    const from = 'https://login.example'
    await browser.request(codes.verification_uri, { method: 'POST', from, body })
    const tokens = await poll()
    const { sub } = getValidatedIdTokenClaims(tokens)!
    const told = await userInfoRequest(server, client, tokens.access_token, options)
    await processUserInfoResponse(server, client, sub, told)
  })

  it('client credentials', async () => {
    const application = await register({
      redirectUris: [],
      responseTypes: [],
      grantTypes: ['client_credentials'],
      scope: ['orders'],
    })
    const client: Client = { client_id: application.id }
    const auth = ClientSecretBasic(application.secret)
    const response = await clientCredentialsGrantRequest(server, client, auth, {}, options)
    const tokens = await processClientCredentialsResponse(server, client, response)
    expect(tokens.scope).toBe('orders')
  })
})
