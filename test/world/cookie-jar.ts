/** The cookies of one browser, kept by the rules of RFC 6265bis as far as a gateway can notice them. */
export interface Cookie {
  readonly name: string
  readonly value: string
  readonly path: string
  readonly isSecure: boolean
  readonly isHttpOnly: boolean
  readonly sameSite: 'strict' | 'lax' | 'none'
  /** Milliseconds; undefined for a cookie that ends with the browser. */
  readonly expiresAt: number | undefined
}

/** What decides, of a request, which cookies go with it. */
export interface CookieContext {
  readonly isSameSite: boolean
  /** A navigation of the whole tab by GET. */
  readonly isSafeTopLevel: boolean
}

const LONGEST = 4096

export class CookieJar {
  readonly #hosts = new Map<string, Map<string, Cookie>>()

  /** The `Cookie` header for a request, or undefined. */
  headerFor(url: URL, context: CookieContext): string | undefined {
    const sent = this.list(url.host).filter(
      (cookie) =>
        matchesPath(url.pathname, cookie.path) &&
        (!cookie.isSecure || url.protocol === 'https:') &&
        (context.isSameSite ||
          cookie.sameSite === 'none' ||
          (cookie.sameSite === 'lax' && context.isSafeTopLevel)),
    )
    return sent.length === 0
      ? undefined
      : sent.map(({ name, value }) => `${name}=${value}`).join('; ')
  }

  /** Keeps one `Set-Cookie` line of a response, or does not, as a browser would decide. */
  store(line: string, url: URL): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
    const end = pair.indexOf('=')
    const name = pair.slice(0, end)
    const value = pair.slice(end + 1)
    const attribute = (wanted: string): string | undefined =>
      attributes
        .map((part) => part.split('='))
        .findLast(([key]) => key?.toLowerCase() === wanted)
        ?.slice(1)
        .join('=')
    const has = (wanted: string) => attributes.some((part) => part.toLowerCase() === wanted)
    const maxAge = attribute('max-age')
    const sameSite = attribute('samesite')?.toLowerCase()
    const cookie: Cookie = {
      name,
      value,
      path: attribute('path') ?? '/',
      isSecure: has('secure'),
      isHttpOnly: has('httponly'),
      sameSite: sameSite === 'strict' || sameSite === 'none' ? sameSite : 'lax',
      expiresAt: maxAge === undefined ? undefined : Date.now() + Number(maxAge) * 1000,
    }
    if (end < 1 || name.length + value.length > LONGEST) return
    if (cookie.isSecure && url.protocol !== 'https:') return
    const isHostOnly = attribute('domain') === undefined && attribute('path') === '/'
    if (name.startsWith('__Host-') && !(cookie.isSecure && isHostOnly)) return
    if (attribute('domain') !== undefined) return
    this.put(url.host, cookie)
  }

  put(host: string, cookie: Cookie): void {
    const cookies = this.#hosts.get(host) ?? new Map<string, Cookie>()
    this.#hosts.set(host, cookies)
    cookies.delete(cookie.name)
    if (!hasExpired(cookie)) cookies.set(cookie.name, cookie)
  }

  list(host: string): Cookie[] {
    return [...(this.#hosts.get(host)?.values() ?? [])].filter((cookie) => !hasExpired(cookie))
  }

  /** Forgets the host's cookies whose names match. */
  remove(host: string, name: RegExp): void {
    for (const cookie of this.list(host))
      if (name.test(cookie.name)) this.#hosts.get(host)?.delete(cookie.name)
  }
}

const hasExpired = ({ expiresAt }: Cookie) => expiresAt !== undefined && expiresAt <= Date.now()

const matchesPath = (path: string, cookiePath: string) =>
  path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`)
