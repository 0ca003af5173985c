/** openid-client, the certified relying-party library for Node, against the running gateway. */
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startApplicationServer } from './application-server.ts'
import type { ApplicationServer } from './application-server.ts'
import { HttpVisitor } from './http-visitor.ts'
import type { Answer } from './http-visitor.ts'
import { register } from './register.ts'

const { gateway } = inject('clientsWorld')
const scope = 'openid profile email'

let server: ApplicationServer
let redirectUri: string
beforeAll(async () => {
  server = await startApplicationServer()
  redirectUri = `${server.origin}/cb`
})
afterAll(() => server.stop())

async function discover(changes: Readonly<Record<string, unknown>> = {}) {
  const registered = await register({
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    scope,
    token_endpoint_auth_method: 'client_secret_basic',
    post_logout_redirect_uris: [`${server.origin}/bye`],
    ...changes,
  })
  const { client_id: clientId, client_secret: secret } = registered
  const config = await client.discovery(
    new URL(gateway),
    clientId,
    {},
    client.ClientSecretBasic(secret),
    { execute: [client.allowInsecureRequests] },
  )
  return { config, clientId }
}

/** A person goes to the application, through the gateway and OTROTL, and comes back. */
async function comeBack(visitor: HttpVisitor, url: URL): Promise<Answer> {
  const page = await visitor.choosePerson(await visitor.visit(url))
  if (page.url.origin !== server.origin) throw new Error(`stayed at ${page.url}:\n${page.body}`)
  return page
}

async function signIn(config: client.Configuration, visitor = new HttpVisitor()) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope,
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  })
  const back = await comeBack(visitor, url)
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
  const tokens = await client.authorizationCodeGrant(config, back.url, checks)
  return { tokens, visitor, claims: tokens.claims()! }
}

describe('openid-client', () => {
  it('signs a person in with code and PKCE, and reads who they are', async () => {
    const { config, clientId } = await discover()
    const { tokens, claims } = await signIn(config)
    expect(claims).toMatchObject({ iss: gateway, aud: clientId, name: 'Ada Lovelace' })
    const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
    expect(info).toMatchObject({
      sub: claims.sub,
      id: claims.sub,
      name: 'Ada Lovelace',
      given_name: 'Ada',
      family_name: 'Lovelace',
      first_name: 'Ada',
      last_name: 'Lovelace',
      email: 'ada@otrotl.example',
      email_verified: true,
    })
  })

  it('signs in again without a question, at another application, as the same person', async () => {
    const first = await discover()
    const { visitor, claims } = await signIn(first.config)
    const second = await discover()
    const again = await signIn(second.config, visitor)
    expect(again.claims.sub).toBe(claims.sub)
    expect(again.claims['sid']).not.toBe(claims['sid'])
  })

  it('refreshes, and finds a token that was rotated away unusable', async () => {
    const { config } = await discover()
    const { tokens, claims } = await signIn(config)
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token!)
    expect(renewed.refresh_token).not.toBe(tokens.refresh_token)
    await client.fetchUserInfo(config, renewed.access_token, claims.sub)
    const introspected = await client.tokenIntrospection(config, renewed.access_token)
    expect(introspected.active).toBe(true)
    await client.tokenRevocation(config, renewed.refresh_token!)
    await expect(client.refreshTokenGrant(config, renewed.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
    })
    await expect(
      client.fetchUserInfo(config, renewed.access_token, claims.sub),
    ).rejects.toMatchObject({ status: 401 })
    expect((await client.tokenIntrospection(config, renewed.access_token)).active).toBe(false)
  })

  it('pushes its authorization request', async () => {
    const { config } = await discover({ require_pushed_authorization_requests: true })
    const pkceCodeVerifier = client.randomPKCECodeVerifier()
    const url = await client.buildAuthorizationUrlWithPAR(config, {
      redirect_uri: redirectUri,
      scope,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    })
    expect([...url.searchParams.keys()].toSorted()).toEqual(['client_id', 'request_uri'])
    const back = await comeBack(new HttpVisitor(), url)
    const tokens = await client.authorizationCodeGrant(config, back.url, { pkceCodeVerifier })
    expect(tokens.claims()?.['name']).toBe('Ada Lovelace')
  })

  it('binds its tokens to a key (DPoP)', async () => {
    const { config } = await discover({ dpop_bound_access_tokens: true })
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair())
    const pkceCodeVerifier = client.randomPKCECodeVerifier()
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    })
    const back = await comeBack(new HttpVisitor(), url)
    const checks = { pkceCodeVerifier }
    const tokens = await client.authorizationCodeGrant(config, back.url, checks, undefined, {
      DPoP,
    })
    expect(tokens.token_type).toBe('dpop')
    const { sub } = tokens.claims()!
    const info = await client.fetchUserInfo(config, tokens.access_token, sub, { DPoP })
    expect(info.sub).toBe(sub)
    await expect(client.fetchUserInfo(config, tokens.access_token, sub)).rejects.toMatchObject({
      status: 401,
    })
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token!, undefined, {
      DPoP,
    })
    expect(renewed.token_type).toBe('dpop')
  })

  it('signs out, is told in the back channel, and nothing of the session goes on', async () => {
    const first = await discover({ backchannel_logout_uri: `${server.origin}/first/bcl` })
    const second = await discover({ backchannel_logout_uri: `${server.origin}/second/bcl` })
    const { tokens, visitor, claims } = await signIn(first.config)
    const other = await signIn(second.config, visitor)

    const url = client.buildEndSessionUrl(first.config, {
      id_token_hint: tokens.id_token!,
      post_logout_redirect_uri: `${server.origin}/bye`,
      state: 'how {"it": "was"}',
    })
    let page = await visitor.visit(url)
    for (let step = 0; step < 4 && page.url.origin !== server.origin; step += 1) {
      page = await visitor.goOn(page)
    }
    expect(`${page.url.origin}${page.url.pathname}`).toBe(`${server.origin}/bye`)
    expect(page.url.searchParams.get('state')).toBe('how {"it": "was"}')

    const keys = createRemoteJWKSet(new URL(first.config.serverMetadata().jwks_uri!))
    for (const [name, { clientId }, known] of [
      ['first', first, claims],
      ['second', second, other.claims],
    ] as const) {
      const { method, body } = await server.next(`/${name}/bcl`)
      expect(method).toBe('POST')
      const { payload } = await jwtVerify(new URLSearchParams(body).get('logout_token')!, keys, {
        issuer: gateway,
        audience: clientId,
        typ: 'logout+jwt',
        requiredClaims: ['iat', 'exp', 'jti', 'events'],
      })
      expect(payload).toMatchObject({ sub: known.sub, sid: known['sid'] })
      expect(payload['events']).toEqual({
        'http://schemas.openid.net/event/backchannel-logout': {},
      })
      expect(payload).not.toHaveProperty('nonce')
    }
    for (const [{ config }, gone] of [
      [first, tokens],
      [second, other.tokens],
    ] as const) {
      await expect(client.refreshTokenGrant(config, gone.refresh_token!)).rejects.toMatchObject({
        error: 'invalid_grant',
      })
    }
  })
})
