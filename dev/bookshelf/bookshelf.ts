/**
 * A service that people are handed over to, small enough to read and complete enough to copy: it takes a ticket,
 * shows it to the host with its API key, acknowledges, and hears of every end. It keeps its sessions in memory.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { registerSample } from '../register-sample.ts'
import { listen, redirect, show } from '../sample-server.ts'
import { homePage, landingPage, problemPage } from './pages.ts'

export interface Bookshelf {
  /** For browsers. Its own host name, so that its cookies do not mix with anybody's. */
  readonly origin: string
  /** The gateway is there: registers, and begins to take people over. */
  register(): Promise<void>
  stop(): Promise<void>
}

interface Session {
  readonly name: string
  readonly apiSid: string
}

/** Listens on 127.0.0.1; with `port` 0, on any free port. Rejects with the listener's error. */
export async function startBookshelf(options: {
  readonly port: number
  /** The gateway's ISSUER. */
  readonly issuer: string
  readonly adminKey: string
  readonly stateDirectory: string
  readonly log: (line: string) => void
}): Promise<Bookshelf> {
  const { issuer, log } = options
  const sessions = new Map<string, Session>()
  let apiKey = ''
  const server = await listen({
    port: options.port,
    answer,
    sayFailed: (response) =>
      show(response, 502, problemPage('Drawbridge did not answer as expected. Try again.')),
    log: log,
  })
  const { port } = server
  const origin = `http://books.localhost:${port}`

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', origin)
    const browser = /(?:^|; )bookshelf=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1] ?? ''
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /':
        return show(
          response,
          200,
          homePage(sessions.get(browser)?.name, `${issuer}/account/services`),
        )
      case 'GET /sso/login':
        return show(response, 200, landingPage(url.searchParams.get('token') ?? ''))
      case 'POST /sso/login':
        return takeOver(response, new URLSearchParams(await text(request)).get('token') ?? '')
      case 'POST /sso/logout/':
        return hearOfLogout(response, await text(request))
      case 'POST /sign-out':
        return signOut(response, browser)
      default:
        return show(response, 404, problemPage('There is nothing here.'))
    }
  }

  /** A call of the host's API, with our key. */
  const ask = (path: string, body: Readonly<Record<string, string>>) =>
    fetch(`${issuer}/api/v1/sso/${path}/`, {
      method: 'POST',
      headers: { apikey: apiKey, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  async function takeOver(response: ServerResponse, token: string): Promise<void> {
    const verified = await ask('token-verify', { token })
    if (!verified.ok) {
      return show(response, 403, problemPage('Your ticket is not valid any more. Come over again.'))
    }
    const { api_sid, user } = (await verified.json()) as {
      api_sid: string
      user: { id: string; name?: string }
    }
    const browser = randomBytes(32).toString('base64url')
    sessions.set(browser, { name: user.name ?? user.id, apiSid: api_sid })
    // Only who has acknowledged hears of the end: a session of which we would not is none.
    const acknowledged = await ask('login-acknowledgement', { api_sid })
    if (!acknowledged.ok) {
      sessions.delete(browser)
      return show(response, 403, problemPage('You have been signed out meanwhile.'))
    }
    log(`${user.name ?? user.id} came over`)
    response.setHeader('set-cookie', `bookshelf=${browser}; Path=/; HttpOnly; SameSite=Lax`)
    redirect(response, origin)
  }

  function hearOfLogout(response: ServerResponse, body: string): void {
    const { api_sid: apiSid } = JSON.parse(body) as { api_sid?: string }
    const ended = [...sessions].filter(([, session]) => session.apiSid === apiSid)
    for (const [browser, { name }] of ended) {
      sessions.delete(browser)
      log(`${name} was signed out by the host`)
    }
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ status: 'logged_out', api_sid: apiSid }))
  }

  async function signOut(response: ServerResponse, browser: string): Promise<void> {
    const session = sessions.get(browser)
    sessions.delete(browser)
    if (session !== undefined) await ask('logout', { api_sid: session.apiSid })
    redirect(response, origin)
  }

  return {
    origin,
    async register() {
      const { adminKey, stateDirectory } = options
      const { handoff } = await registerSample(
        { gateway: issuer, adminKey, stateDirectory },
        origin,
        {
          name: 'Bookshelf',
          handoff: {
            login_url: `${origin}/sso/login`,
            logout_url: `http://127.0.0.1:${port}/sso/logout/`,
          },
        },
      )
      apiKey = handoff?.apikey ?? ''
    },
    stop: () => server.stop(),
  }
}
