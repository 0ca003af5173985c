/**
 * Tells an answer that belongs to this browser, though the cookie of its attempt is gone, from one that
 * belongs to another browser. It decides how kindly a refusal is worded and nothing else: whoever may
 * finish an attempt is told by the attempt's own cookie. It lives no longer than an attempt.
 */
import { randomToken } from '../platform/random.ts'
import { cookieName, cookiesNamed, setCookie } from '../protocol/cookies.ts'
import { ATTEMPT_LIFETIME_SECONDS } from './sign-in-attempt.ts'

export const newBrowserId = (): string => randomToken(16)

export function readBrowserId(cookieHeader: string | null, isHttps: boolean): string | undefined {
  const name = cookieName('browser', isHttps)
  const value = cookiesNamed(cookieHeader, name).find((cookie) => cookie[0] === name)?.[1]
  return value !== undefined && /^[\w-]{22}$/.test(value) ? value : undefined
}

/** Renewed with every attempt. */
export const setBrowserCookie = (browserId: string, isHttps: boolean): string =>
  setCookie(cookieName('browser', isHttps), browserId, {
    maxAgeSeconds: ATTEMPT_LIFETIME_SECONDS,
    isHttps,
  })
