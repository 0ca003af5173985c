/** Cookies of the sign-in itself: sealed, short-lived, read by nobody but us. */

/** What a browser keeps of one cookie at most is 4096 bytes, name and attributes included. */
const MAX_PAIR_LENGTH = 4000

// On plain http (a developer's own machine) browsers refuse `Secure`, and with it the `__Host-` prefix.
const prefix = (isHttps: boolean) => (isHttps ? '__Host-' : '')

export const cookieName = (purpose: 'attempt' | 'response', id: string, isHttps: boolean): string =>
  `${prefix(isHttps)}drawbridge_${purpose}_${id}`

export const browserCookieName = (isHttps: boolean): string =>
  `${prefix(isHttps)}drawbridge_browser`

/** Whether a browser keeps such a cookie, rather than silently dropping it for its size. */
export const fitsInCookie = (name: string, value: string): boolean =>
  name.length + value.length <= MAX_PAIR_LENGTH

/**
 * A `Set-Cookie` line. `Lax`, because the provider's answer is a top-level navigation from another site
 * (RFC 6265bis §5.6.7.1).
 */
export const setCookie = (
  name: string,
  value: string,
  { maxAgeSeconds, isHttps }: { readonly maxAgeSeconds: number; readonly isHttps: boolean },
): string =>
  `${name}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${isHttps ? '; Secure' : ''}`

export const expireCookie = (name: string, isHttps: boolean): string =>
  setCookie(name, '', { maxAgeSeconds: 0, isHttps })

/**
 * The cookies whose names begin with a prefix, as name and value, in the order sent. Names and values are
 * taken as they stand: no unquoting, no percent-decoding, no trimming beyond the separator's own space, so
 * that no other spelling of a name is ever read as this one.
 */
export function cookiesNamed(
  header: string | null,
  nameStart: string,
): readonly (readonly [string, string])[] {
  const found: [string, string][] = []
  for (const pair of header?.split(';') ?? []) {
    const text = pair.startsWith(' ') ? pair.slice(1) : pair
    const end = text.indexOf('=')
    if (end > 0 && text.startsWith(nameStart)) found.push([text.slice(0, end), text.slice(end + 1)])
  }
  return found
}
