/**
 * The session cookie: an opaque handle and nothing else. On https its name has the `__Host-` prefix, so
 * that no other host and no plain connection can set it (RFC 6265bis §4.1.3.2).
 */
import type { Config } from '../../config.ts'

type CookieConfig = Pick<Config, 'isHttps'>

/**
 * What a 401 names that misses this cookie: RFC 9110 §15.5.2 wants a challenge in each. No scheme is registered for
 * cookies, so it is a word of ours, and no browser asks for a password by a scheme that it does not know.
 */
export const SESSION_CHALLENGE = 'session'

/** Longer than any handle; a cookie beyond it is not ours. */
const LONGEST_COOKIE = 4096

export const sessionCookieName = ({ isHttps }: CookieConfig): string =>
  isHttps ? '__Host-drawbridge_session' : 'drawbridge_session'

/** The `Set-Cookie` value that hands the session to the browser; it outlives the tab, as the session does. */
export const setSessionCookie = (
  cookie: string,
  config: CookieConfig & Pick<Config, 'session'>,
): string => serialize(cookie, config.session.absoluteSeconds, config)

/** The `Set-Cookie` value that takes the cookie back. */
export const clearSessionCookie = (config: CookieConfig): string => serialize('', 0, config)

/**
 * The session cookie's value in a `Cookie` header, or undefined. The name is compared byte for byte:
 * nothing is trimmed but the space after a semicolon, nothing is unquoted, nothing is decoded, because
 * each of these lets a sub-domain's cookie pass for a `__Host-` one. Two cookies of the name are none:
 * one of them was planted, and nobody can tell which.
 */
export function readSessionCookie(
  header: string | null | undefined,
  config: CookieConfig,
): string | undefined {
  const start = `${sessionCookieName(config)}=`
  const values = (header ?? '')
    .split(';')
    .map((pair) => (pair.startsWith(' ') ? pair.slice(1) : pair))
    .filter((pair) => pair.startsWith(start))
    .map((pair) => pair.slice(start.length))
  const [value] = values
  if (values.length !== 1 || value === '') return undefined
  return value !== undefined && value.length <= LONGEST_COOKIE ? value : undefined
}

const serialize = (value: string, maxAgeSeconds: number, config: CookieConfig): string =>
  [
    `${sessionCookieName(config)}=${value}`,
    `Max-Age=${maxAgeSeconds}`,
    'Path=/',
    ...(config.isHttps ? ['Secure'] : []),
    'HttpOnly',
    'SameSite=Lax',
  ].join('; ')
