/**
 * Cookies of ours, all of them for our own host alone and out of the reach of scripts. On https a name has the
 * `__Host-` prefix, so that no other host and no plain connection can set it (RFC 6265bis §4.1.3.2). On plain http (a
 * developer's own machine) browsers refuse `Secure`, and with it the prefix.
 */
export const cookieName = (name: string, isHttps: boolean): string =>
  `${isHttps ? '__Host-' : ''}drawbridge_${name}`

/** What a browser keeps of one cookie at most is 4096 bytes, name and attributes included. */
const MAX_PAIR_LENGTH = 4000

/** Whether a browser keeps such a cookie, rather than silently dropping it for its size. */
export const fitsInCookie = (name: string, value: string): boolean =>
  name.length + value.length <= MAX_PAIR_LENGTH

/**
 * A `Set-Cookie` line. `Lax`, because people come back to us by top-level navigations from other sites
 * (RFC 6265bis §5.6.7.1).
 */
export const setCookie = (
  name: string,
  value: string,
  { maxAgeSeconds, isHttps }: { readonly maxAgeSeconds: number; readonly isHttps: boolean },
): string =>
  `${name}=${value}; Max-Age=${maxAgeSeconds}; Path=/;${isHttps ? ' Secure;' : ''} HttpOnly; SameSite=Lax`

/** The `Set-Cookie` line that takes a cookie back. */
export const expireCookie = (name: string, isHttps: boolean): string =>
  setCookie(name, '', { maxAgeSeconds: 0, isHttps })

/**
 * The cookies whose names begin with a prefix, as name and value, in the order sent. Names are compared byte for byte:
 * nothing is trimmed but the space after a semicolon, nothing is unquoted, nothing is decoded, because each of these
 * lets a sub-domain's cookie pass for a `__Host-` one.
 */
export function cookiesNamed(
  header: string | null | undefined,
  nameStart: string,
): readonly (readonly [name: string, value: string])[] {
  const found: [string, string][] = []
  for (const pair of header?.split(';') ?? []) {
    const text = pair.startsWith(' ') ? pair.slice(1) : pair
    const end = text.indexOf('=')
    if (end > 0 && text.startsWith(nameStart)) found.push([text.slice(0, end), text.slice(end + 1)])
  }
  return found
}

/**
 * The value of the cookie of exactly this name. Two of the name are none: one of them was planted, and nobody can tell
 * which.
 */
export function readCookie(header: string | null | undefined, name: string): string | undefined {
  const [cookie, ...others] = cookiesNamed(header, `${name}=`)
  return others.length > 0 ? undefined : cookie?.[1]
}
