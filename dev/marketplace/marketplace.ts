/**
 * An application that signs its people in with Drawbridge, small enough to read and complete enough to copy:
 * code with PKCE by openid-client, sign-out, and the back channel by which it hears of every end. It keeps its
 * sessions in memory.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { registerSample } from '../register-sample.ts'
import { listen, redirect, show } from '../sample-server.ts'
import { homePage, problemPage } from './pages.ts'

export interface Marketplace {
  /** For browsers. Its own host name, so that its cookies do not mix with anybody's. */
  readonly origin: string
  /** The gateway is there: registers, and begins to sign people in. */
  register(): Promise<void>
  stop(): Promise<void>
}

interface Session {
  readonly name: string
  readonly idToken: string
  /** As the gateway's logout tokens name it. */
  readonly sid: unknown
}

interface Attempt {
  readonly state: string
  readonly verifier: string
}

const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** Listens on 127.0.0.1; with `port` 0, on any free port. Rejects with the listener's error. */
export async function startMarketplace(options: {
  readonly port: number
  /** The gateway's ISSUER. */
  readonly issuer: string
  readonly adminKey: string
  readonly stateDirectory: string
  readonly log: (line: string) => void
}): Promise<Marketplace> {
  const sessions = new Map<string, Session>()
  const attempts = new Map<string, Attempt>()
  let gateway: client.Configuration | undefined
  const server = await listen({
    port: options.port,
    answer,
    sayFailed: (response) =>
      show(response, 502, problemPage('Drawbridge did not answer as expected. Try again.')),
    log: options.log,
  })
  const { port } = server
  const origin = `http://market.localhost:${port}`
  const redirectUri = `${origin}/callback`

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (gateway === undefined) return show(response, 503, problemPage('Not ready yet.'))
    const url = new URL(request.url ?? '/', origin)
    const browser = /(?:^|; )marketplace=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1]
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /':
        return show(response, 200, homePage(sessions.get(browser ?? '')?.name))
      case 'POST /sign-in':
        return signIn(gateway, response)
      case 'GET /callback':
        return finish(gateway, response, url, browser)
      case 'POST /sign-out':
        return signOut(gateway, response, browser)
      case 'POST /backchannel-logout':
        return receiveLogout(gateway, response, await text(request))
      default:
        return show(response, 404, problemPage('There is nothing here.'))
    }
  }

  async function signIn(config: client.Configuration, response: ServerResponse): Promise<void> {
    const browser = randomBytes(32).toString('base64url')
    const attempt = { state: client.randomState(), verifier: client.randomPKCECodeVerifier() }
    attempts.set(browser, attempt)
    response.setHeader('set-cookie', `marketplace=${browser}; Path=/; HttpOnly; SameSite=Lax`)
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: 'openid profile email',
      state: attempt.state,
      code_challenge: await client.calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: 'S256',
    })
    redirect(response, url)
  }

  async function finish(
    config: client.Configuration,
    response: ServerResponse,
    url: URL,
    browser = '',
  ): Promise<void> {
    const attempt = attempts.get(browser)
    attempts.delete(browser)
    if (attempt === undefined || url.searchParams.has('error')) {
      return show(response, 400, problemPage('This sign-in was not finished. Please try again.'))
    }
    const tokens = await client.authorizationCodeGrant(config, url, {
      expectedState: attempt.state,
      pkceCodeVerifier: attempt.verifier,
      idTokenExpected: true,
    })
    const { sub, sid, name } = tokens.claims()!
    const shown = typeof name === 'string' ? name : sub
    sessions.set(browser, { name: shown, idToken: tokens.id_token!, sid })
    redirect(response, new URL('/', origin))
  }

  /** OpenID Connect RP-Initiated Logout 1.0 §2. */
  function signOut(config: client.Configuration, response: ServerResponse, browser = ''): void {
    const session = sessions.get(browser)
    sessions.delete(browser)
    if (session === undefined) return redirect(response, new URL('/', origin))
    const url = client.buildEndSessionUrl(config, {
      id_token_hint: session.idToken,
      post_logout_redirect_uri: `${origin}/`,
    })
    redirect(response, url)
  }

  /** OpenID Connect Back-Channel Logout 1.0 §2.6: whoever is named by a good token is signed out. */
  async function receiveLogout(
    config: client.Configuration,
    response: ServerResponse,
    body: string,
  ): Promise<void> {
    const { issuer, jwks_uri: keys } = config.serverMetadata()
    try {
      const { payload } = await jwtVerify(
        new URLSearchParams(body).get('logout_token') ?? '',
        createRemoteJWKSet(new URL(keys!)),
        { issuer, audience: config.clientMetadata().client_id, typ: 'logout+jwt' },
      )
      const events = payload['events'] as Record<string, unknown> | undefined
      if (events?.[LOGOUT_EVENT] === undefined || payload['nonce'] !== undefined) throw new Error()
      for (const [browser, { sid }] of sessions) {
        if (sid === payload['sid']) sessions.delete(browser)
      }
      options.log('was told by Drawbridge that a session is over')
      response.writeHead(200, { 'cache-control': 'no-store' }).end()
    } catch {
      response.writeHead(400, { 'cache-control': 'no-store' }).end()
    }
  }

  return {
    origin,
    async register() {
      const { issuer, adminKey, stateDirectory } = options
      const { client_id: clientId, client_secret: secret } = await registerSample(
        { gateway: issuer, adminKey, stateDirectory },
        origin,
        {
          name: 'Marketplace',
          first_party: false,
          oauth: {
            redirect_uris: [redirectUri],
            grant_types: ['authorization_code', 'refresh_token'],
            response_types: ['code'],
            scope: 'openid profile email',
            token_endpoint_auth_method: 'client_secret_basic',
            post_logout_redirect_uris: [`${origin}/`],
            backchannel_logout_uri: `http://127.0.0.1:${port}/backchannel-logout`,
            backchannel_logout_session_required: true,
          },
        },
      )
      gateway = await client.discovery(
        new URL(issuer),
        clientId,
        {},
        client.ClientSecretBasic(secret),
        { execute: [client.allowInsecureRequests] },
      )
    },
    stop: () => server.stop(),
  }
}
