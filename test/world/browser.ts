/**
 * A browser, as far as a gateway can tell: cookies with their rules, redirects, the headers that say what
 * kind of request it is. Providers are visited through their pages; any other foreign site ends the trip.
 */
import { CookieJar } from './cookie-jar.ts'
import type { PersonName } from './people.ts'
import type { Provider } from './provider.ts'
import { settings } from './settings.ts'

export interface Visit {
  readonly method?: 'GET' | 'HEAD' | 'POST'
  readonly body?: URLSearchParams | string
  readonly headers?: Readonly<Record<string, string>>
  /** Whose page the request comes from: a URL, or nobody's (typed, or a bookmark). */
  readonly from?: string | undefined
  /** Nobody clicked: a script or a redirect of `from` did it. */
  readonly isUnasked?: boolean
  /** Who sits at the provider. */
  readonly as?: PersonName
  /** When that person authenticated there, epoch seconds. */
  readonly authTime?: number
}

export interface Page {
  /** Where the tab is now. */
  readonly url: URL
  /** The gateway's last answer. */
  readonly response: Response
  /** Every URL on the way, the first one included. */
  readonly trail: readonly URL[]
}

export interface Browser {
  readonly jar: CookieJar
  /** The address that the platform sees. */
  readonly address: string
  /** One navigation of the tab, redirects not followed. */
  request(url: string | URL, visit?: Visit): Promise<Response>
  /** The same, followed to its end. */
  navigate(url: string | URL, visit?: Visit): Promise<Page>
  /** What a page's script does with `fetch(url, { credentials: 'include' })`. */
  fetch(url: string | URL, init?: RequestInit & { readonly from?: string }): Promise<Response>
  /** Another tab: same cookies, same address. */
  newTab(): Browser
  /** Cookies of the gateway, by name. */
  cookie(name: string): string | undefined
  /** The gateway's session cookie. */
  session(): string | undefined
}

const MAX_HOPS = 20
let browsers = 0

export function createBrowser(world: {
  readonly fetch: (request: Request) => Promise<Response>
  readonly providers: readonly Provider[]
}): Browser {
  browsers += 1
  const address = `10.${(browsers >> 16) & 255}.${(browsers >> 8) & 255}.${browsers & 255}`
  return tabOf(new CookieJar(), address, world)
}

function tabOf(
  jar: CookieJar,
  address: string,
  world: Parameters<typeof createBrowser>[0],
): Browser {
  const gatewayHost = new URL(settings.ISSUER).host

  async function send(url: URL, init: RequestInit, fetchSite: string, isNavigation: boolean) {
    const method = init.method ?? 'GET'
    const cookies = jar.headerFor(url, {
      isSameSite: fetchSite !== 'cross-site',
      isSafeTopLevel: isNavigation && method === 'GET',
    })
    const headers = new Headers(init.headers)
    if (!headers.has('cf-connecting-ip')) headers.set('cf-connecting-ip', address)
    headers.set('sec-fetch-site', fetchSite)
    const own = headers.get('cookie')
    const all = [own, cookies].filter((line) => line !== null && line !== undefined).join('; ')
    if (all !== '') headers.set('cookie', all)
    const response = await world.fetch(new Request(url, { ...init, headers, redirect: 'manual' }))
    for (const line of response.headers.getSetCookie()) jar.store(line, url)
    return response
  }

  const browser: Browser = {
    jar,
    address,
    request(target, { method = 'GET', body, headers, from, isUnasked = false } = {}) {
      const url = new URL(target)
      const origin = from === undefined ? {} : { origin: new URL(from).origin }
      const init: RequestInit = {
        method,
        ...(body !== undefined && { body }),
        headers: {
          accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
          'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-dest': 'document',
          ...(!isUnasked && { 'sec-fetch-user': '?1' }),
          ...(method !== 'GET' && origin),
          ...headers,
        },
      }
      return send(url, init, siteOf(from, url), true)
    },

    async navigate(target, visit = {}) {
      let url = new URL(target)
      let next: Visit = visit
      const trail: URL[] = [url]
      let response = await browser.request(url, next)
      for (let hops = 0; hops < MAX_HOPS; hops += 1) {
        const location = response.headers.get('location')
        if (location === null) return { url, response, trail }
        url = new URL(location, url)
        trail.push(url)
        next = { ...next, method: 'GET' }
        delete (next as { body?: unknown }).body
        const provider = world.providers.find(({ issuer }) => new URL(issuer).origin === url.origin)
        if (provider !== undefined) {
          next = { ...next, from: provider.issuer }
          const person = {
            ...(visit.as !== undefined && { as: visit.as }),
            ...(visit.authTime !== undefined && { authTime: visit.authTime }),
          }
          if (url.searchParams.get('response_mode') === 'form_post') {
            const to = url.searchParams.get('redirect_uri')!
            const body = await provider.authorizeForm(url, person)
            url = new URL(to)
            next = { ...next, method: 'POST', body }
          } else {
            url = await provider.authorize(url, person)
          }
          trail.push(url)
        }
        if (url.host !== gatewayHost) return { url, response, trail }
        response = await browser.request(url, next)
      }
      throw new Error(`too many redirects: ${trail.join(' → ')}`)
    },

    fetch(target, { from = settings.ISSUER, ...init } = {}) {
      const url = new URL(target, settings.ISSUER)
      const headers = new Headers(init.headers)
      headers.set('sec-fetch-mode', 'cors')
      headers.set('sec-fetch-dest', 'empty')
      const isSameOrigin = new URL(from).origin === url.origin
      if (!isSameOrigin || (init.method ?? 'GET') !== 'GET')
        headers.set('origin', new URL(from).origin)
      return send(url, { ...init, headers }, siteOf(from, url), false)
    },

    newTab: () => tabOf(jar, address, world),
    cookie: (name) => jar.list(gatewayHost).find((cookie) => cookie.name === name)?.value,
    session: () => browser.cookie('__Host-drawbridge_session'),
  }
  return browser
}

/** `Sec-Fetch-Site`. In the test world every host is a site of its own. */
function siteOf(from: string | undefined, to: URL): 'none' | 'same-origin' | 'cross-site' {
  if (from === undefined) return 'none'
  return new URL(from).origin === to.origin ? 'same-origin' : 'cross-site'
}
