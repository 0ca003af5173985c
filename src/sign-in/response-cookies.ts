/**
 * A provider's answer that came by `form_post`, on its way to the callback. The provider's page posts from
 * another site, so the browser leaves our Lax cookies out; the answer is sealed into a cookie of its own
 * for the moment that it takes the browser to come back by GET, with all of them.
 */
import type { EpochSeconds } from '../platform/clock.ts'
import { createSeal } from '../platform/seal.ts'
import type { RotatingSecret } from '../platform/secrets.ts'
import {
  cookieName,
  cookiesNamed,
  expireCookie,
  fitsInCookie,
  setCookie,
} from '../protocol/cookies.ts'

const LIFETIME_SECONDS = 60

export interface ResponseCookies {
  /** The `Set-Cookie` line; undefined when the answer is too large for a cookie. */
  keep(
    attemptId: string,
    parameters: URLSearchParams,
    now: EpochSeconds,
  ): Promise<string | undefined>
  /** An answer put by for that attempt; the caller compares its `state`. */
  find(
    attemptId: string,
    cookieHeader: string | null,
    now: EpochSeconds,
  ): Promise<URLSearchParams | undefined>
  clear(attemptId: string): string
}

export function createResponseCookies(
  handleKey: RotatingSecret,
  isHttps: boolean,
): ResponseCookies {
  const sealing = createSeal(handleKey, 'authorization-response')
  const nameOf = (attemptId: string) => cookieName(`response_${attemptId}`, isHttps)
  return {
    async keep(attemptId, parameters, now) {
      const value = await sealing.seal([now + LIFETIME_SECONDS, parameters.toString()])
      const name = nameOf(attemptId)
      if (!fitsInCookie(name, value)) return undefined
      return setCookie(name, value, { maxAgeSeconds: LIFETIME_SECONDS, isHttps })
    },

    async find(attemptId, cookieHeader, now) {
      for (const [name, value] of cookiesNamed(cookieHeader, nameOf(attemptId))) {
        if (name !== nameOf(attemptId)) continue
        const opened = (await sealing.unseal(value)) as [EpochSeconds, string] | undefined
        if (opened === undefined) continue
        const [expiresAt, parameters] = opened
        if (now < expiresAt) return new URLSearchParams(parameters)
      }
      return undefined
    },

    clear: (attemptId) => expireCookie(nameOf(attemptId), isHttps),
  }
}
