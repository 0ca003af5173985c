/** The session cookie: an opaque handle and nothing else. */
import type { Config } from '../../config.ts'
import { cookieName, expireCookie, readCookie, setCookie } from '../../protocol/cookies.ts'

type CookieConfig = Pick<Config, 'isHttps'>

/**
 * What a 401 names that misses this cookie: RFC 9110 §15.5.2 wants a challenge in each. No scheme is registered for
 * cookies, so it is a word of ours, and no browser asks for a password by a scheme that it does not know.
 */
export const SESSION_CHALLENGE = 'session'

/** Longer than any handle; a cookie beyond it is not ours. */
const LONGEST_COOKIE = 4096

export const sessionCookieName = ({ isHttps }: CookieConfig): string =>
  cookieName('session', isHttps)

/** The `Set-Cookie` value that hands the session to the browser; it outlives the tab, as the session does. */
export const setSessionCookie = (
  cookie: string,
  { isHttps, session }: CookieConfig & Pick<Config, 'session'>,
): string =>
  setCookie(sessionCookieName({ isHttps }), cookie, {
    maxAgeSeconds: session.absoluteSeconds,
    isHttps,
  })

/** The `Set-Cookie` value that takes the cookie back. */
export const clearSessionCookie = ({ isHttps }: CookieConfig): string =>
  expireCookie(sessionCookieName({ isHttps }), isHttps)

/** The session cookie's value in a `Cookie` header, or undefined. */
export function readSessionCookie(
  header: string | null | undefined,
  config: CookieConfig,
): string | undefined {
  const value = readCookie(header, sessionCookieName(config)) ?? ''
  return value !== '' && value.length <= LONGEST_COOKIE ? value : undefined
}
