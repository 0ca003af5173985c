/**
 * Another application of OTROTL's, small enough to read: people sign in with OTROTL, and can sign out of
 * everything that they opened with it. It is here so that a developer can see what then happens at the
 * gateway. It keeps its sessions in memory and has no part in the gateway.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { listen, redirect, show } from '../sample-server.ts'
import { homePage, problemPage } from './pages.ts'

export const secondAppClientId = 'second-app'

export interface SecondApp {
  /** For browsers. Its own host name, so that its cookies do not mix with anybody's. */
  readonly origin: string
  stop(): Promise<void>
}

interface Session {
  readonly idToken: string
  readonly accessToken: string
}

interface Attempt {
  readonly state: string
  readonly verifier: string
}

/** Listens on 127.0.0.1; with `port` 0, on any free port. Rejects with the listener's error. */
export async function startSecondApp(options: {
  readonly port: number
  readonly issuer: string
  readonly log: (line: string) => void
}): Promise<SecondApp> {
  const sessions = new Map<string, Session>()
  const attempts = new Map<string, Attempt>()
  const server = await listen({
    port: options.port,
    answer,
    sayFailed: (response) =>
      show(response, 502, problemPage('OTROTL did not answer as expected. Please try again.')),
    log: options.log,
  })
  const origin = `http://second.localhost:${server.port}`
  const redirectUri = `${origin}/callback`

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', origin)
    const browser = /(?:^|; )second_app=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1]
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /':
        return show(response, 200, homePage(await whoIs(browser)))
      case 'POST /sign-in':
        return signIn(response)
      case 'GET /callback':
        return finish(response, url.searchParams, browser)
      case 'POST /sign-out':
        return signOut(response, browser)
      default:
        return show(response, 404, problemPage('There is nothing here.'))
    }
  }

  /** OTROTL's access tokens end with its session, so asking it is asking whether that session goes on. */
  async function whoIs(browser: string | undefined): Promise<string | undefined> {
    const session = sessions.get(browser ?? '')
    if (session === undefined) return undefined
    const authorization = `Bearer ${session.accessToken}`
    const userInfo = await fetch(`${options.issuer}/me`, { headers: { authorization } })
    if (userInfo.ok) return ((await userInfo.json()) as { name: string }).name
    sessions.delete(browser!)
    return undefined
  }

  function signIn(response: ServerResponse): void {
    const browser = randomText()
    const attempt = { state: randomText(), verifier: randomText() }
    attempts.set(browser, attempt)
    response.setHeader('set-cookie', `second_app=${browser}; Path=/; HttpOnly; SameSite=Lax`)
    leadTo(response, `${options.issuer}/auth`, {
      response_type: 'code',
      client_id: secondAppClientId,
      redirect_uri: redirectUri,
      scope: 'openid profile',
      state: attempt.state,
      code_challenge: createHash('sha256').update(attempt.verifier).digest('base64url'),
      code_challenge_method: 'S256',
    })
  }

  async function finish(
    response: ServerResponse,
    parameters: URLSearchParams,
    browser = '',
  ): Promise<void> {
    const attempt = attempts.get(browser)
    attempts.delete(browser)
    const code = parameters.get('code')
    if (attempt === undefined || parameters.get('state') !== attempt.state || code === null) {
      return show(response, 400, problemPage('This sign-in was not finished. Please try again.'))
    }
    const answered = await fetch(`${options.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: secondAppClientId,
        redirect_uri: redirectUri,
        code,
        code_verifier: attempt.verifier,
      }),
    })
    if (!answered.ok) throw new Error(`the token endpoint answers ${answered.status}`)
    const tokens = (await answered.json()) as { id_token: string; access_token: string }
    sessions.set(browser, { idToken: tokens.id_token, accessToken: tokens.access_token })
    leadTo(response, `${origin}/`)
  }

  /** OpenID Connect RP-Initiated Logout 1.0 §2: OTROTL asks the person, and tells all who must know. */
  function signOut(response: ServerResponse, browser = ''): void {
    const session = sessions.get(browser)
    sessions.delete(browser)
    if (session === undefined) return leadTo(response, `${origin}/`)
    leadTo(response, `${options.issuer}/session/end`, {
      id_token_hint: session.idToken,
      client_id: secondAppClientId,
      post_logout_redirect_uri: `${origin}/`,
    })
  }

  return {
    origin,
    stop: () => server.stop(),
  }
}

const randomText = (): string => randomBytes(32).toString('base64url')

function leadTo(
  response: ServerResponse,
  to: string,
  parameters: Readonly<Record<string, string>> = {},
): void {
  const url = new URL(to)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  redirect(response, url)
}
