/**
 * Two small sites of one company, on hosts of their own, that share one sign-in: small enough to read and
 * complete enough to copy. Each keeps its own sign-ins in memory, and asks whether the shared session still
 * lives whenever it shows a page.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { listen, redirect, show } from '../sample-server.ts'
import { openSiteApi } from './site-api.ts'
import type { SiteApi, ToldUser } from './site-api.ts'
import { sitePage } from './site-page.ts'

export interface SharedSites {
  /** For browsers: each on its own host name. */
  readonly origins: readonly [shop: string, blog: string]
  /** The gateway is there: registers both. */
  register(): Promise<void>
  stop(): Promise<void>
}

interface SignedIn {
  readonly name: string
  readonly identityToken: string
  /** Of the shared session. */
  readonly token: string
}

const NAMES = ['shop', 'blog'] as const
type SiteName = (typeof NAMES)[number]

/** Listens on 127.0.0.1; with `port` 0, on any free port. Rejects with the listener's error. */
export async function startSharedSites(options: {
  readonly port: number
  /** The gateway's ISSUER. */
  readonly issuer: string
  readonly adminKey: string
  readonly stateDirectory: string
  readonly log: (line: string) => void
}): Promise<SharedSites> {
  const apis = new Map<SiteName, SiteApi>()
  const signedIn = new Map<string, SignedIn>()
  const server = await listen({
    port: options.port,
    answer,
    sayFailed: (response) =>
      show(response, 502, 'Drawbridge did not answer as expected. Try again.'),
    log: options.log,
  })
  const { port } = server
  const originOf = (name: SiteName) => `http://${name}.localhost:${port}`

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = NAMES.find((each) => request.headers.host === new URL(originOf(each)).host)
    const api = name && apis.get(name)
    if (name === undefined || api === undefined) {
      response.writeHead(name === undefined ? 404 : 503).end()
      return
    }
    const browser = /(?:^|; )site=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1]
    const key = `${name} ${browser ?? ''}`
    const { pathname } = new URL(request.url ?? '/', originOf(name))
    switch (`${request.method} ${pathname}`) {
      case 'GET /': {
        const person = await stillSignedIn(api, key)
        const libraryUrl = `${options.issuer}/oneall/${name}/socialize/library.js`
        const title = name === 'shop' ? 'The shop' : 'The blog'
        return show(response, 200, sitePage({ title, libraryUrl, person }))
      }
      case 'POST /sign-in':
        return signIn(request, response, { name, api })
      case 'POST /callback':
        return comeFromElsewhere(request, response, { name, api })
      case 'POST /sign-out': {
        const person = signedIn.get(key)
        signedIn.delete(key)
        if (person) {
          const path = `/sso/sessions/identities/${person.identityToken}.json?confirm_deletion=true`
          await api.ask('DELETE', path)
        }
        return redirect(response, '/')
      }
      default:
        response.writeHead(404).end()
    }
  }

  /** Whoever has signed out anywhere has signed out here. */
  async function stillSignedIn(api: SiteApi, key: string): Promise<SignedIn | undefined> {
    const person = signedIn.get(key)
    if (person === undefined) return undefined
    const { status } = await api.ask('GET', `/sso/sessions/${person.token}.json`)
    if (status === 200) return person
    signedIn.delete(key)
    return undefined
  }

  /** A form of the site's own; a real one would ask for a password. */
  async function signIn(
    request: IncomingMessage,
    response: ServerResponse,
    { name, api }: { readonly name: SiteName; readonly api: SiteApi },
  ): Promise<void> {
    const form = new URLSearchParams(await text(request))
    const person = form.get('name') ?? ''
    const pushed = await api.ask('PUT', '/storage/users/user/synchronize.json', {
      synchronize: {
        identifier: { field: 'login', value: person.toLowerCase() },
        user: { identity: { displayName: person } },
      },
    })
    const { identity } = pushed.data['user'] as ToldUser
    const path = `/sso/sessions/identities/${identity.identity_token}.json`
    const started = await api.ask('PUT', path, { sso_session: { data: originOf(name) } })
    keep(response, name, person, started.data)
  }

  /** The gateway says through the browser that somebody is known; the site asks who. */
  async function comeFromElsewhere(
    request: IncomingMessage,
    response: ServerResponse,
    { name, api }: { readonly name: SiteName; readonly api: SiteApi },
  ): Promise<void> {
    const form = new URLSearchParams(await text(request))
    const connection = await api.ask('GET', `/connections/${form.get('connection_token')}.json`)
    if (connection.status !== 200) return redirect(response, '/')
    const { identity } = connection.data['user'] as ToldUser
    const path = `/sso/sessions/identities/${identity.identity_token}.json`
    const found = await api.ask('GET', path)
    // Somebody who has signed in at Drawbridge itself has no shared session yet.
    const { data } = found.status === 200 ? found : await api.ask('PUT', path)
    keep(response, name, identity.displayName ?? 'somebody', data)
  }

  function keep(
    response: ServerResponse,
    site: SiteName,
    name: string,
    data: Readonly<Record<string, unknown>>,
  ): void {
    const session = data['sso_session'] as { identity_token: string; sso_session_token: string }
    const browser = randomBytes(32).toString('base64url')
    const { identity_token: identityToken, sso_session_token: token } = session
    signedIn.set(`${site} ${browser}`, { name, identityToken, token })
    response.setHeader('set-cookie', `site=${browser}; Path=/; HttpOnly; SameSite=Lax`)
    redirect(response, '/')
  }

  return {
    origins: [originOf('shop'), originOf('blog')],
    async register() {
      for (const subdomain of NAMES) {
        const { issuer: gateway, adminKey, stateDirectory } = options
        const allowedDomain = `${subdomain}.localhost`
        const site = { gateway, adminKey, stateDirectory, subdomain, allowedDomain }
        apis.set(subdomain, await openSiteApi(site))
      }
    },
    stop: () => server.stop(),
  }
}
