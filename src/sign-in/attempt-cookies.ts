/**
 * One sealed cookie for each attempt, so that tabs do not disturb each other: a few at a time, the oldest
 * dropped, because what piles up in a browser ends as a header that no server takes.
 */
import { createSeal } from '../platform/seal.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import type { RotatingSecret } from '../platform/secrets.ts'
import {
  cookieName,
  cookiesNamed,
  expireCookie,
  fitsInCookie,
  setCookie,
} from '../protocol/cookies.ts'
import { ATTEMPT_LIFETIME_SECONDS, expiryOf } from './sign-in-attempt.ts'
import type { SignInAttempt } from './sign-in-attempt.ts'

const MAX_ATTEMPTS = 8
/** Of all attempts' cookies together, names and values. */
const MAX_TOTAL_LENGTH = 12 * 1024

export interface AttemptCookies {
  /** The `Set-Cookie` lines that keep a new attempt and drop what is over; undefined if it is too large to keep. */
  keep(
    attempt: SignInAttempt,
    cookieHeader: string | null,
    now: EpochSeconds,
  ): Promise<readonly string[] | undefined>
  /** The attempt of that id that this browser began. `unreadable`: there is a cookie, but it is not as we sealed it. */
  find(id: string, cookieHeader: string | null): Promise<SignInAttempt | 'absent' | 'unreadable'>
  /** The `Set-Cookie` line that ends an attempt. */
  clear(id: string): string
}

export function createAttemptCookies(handleKey: RotatingSecret, isHttps: boolean): AttemptCookies {
  const sealing = createSeal(handleKey, 'sign-in-attempt')
  const nameOf = (id: string) => cookieName(`attempt_${id}`, isHttps)

  /** Only under its own name: a cookie's value moved to another name is not that attempt. */
  const open = async (name: string, value: string): Promise<SignInAttempt | undefined> => {
    const attempt = (await sealing.unseal(value)) as SignInAttempt | undefined
    return attempt !== undefined && nameOf(attempt.id) === name ? attempt : undefined
  }

  return {
    async keep(attempt, cookieHeader, now) {
      const name = nameOf(attempt.id)
      const value = await sealing.seal(attempt)
      if (!fitsInCookie(name, value)) return undefined
      const others = await Promise.all(
        cookiesNamed(cookieHeader, nameOf('')).map(async ([otherName, otherValue]) => ({
          name: otherName,
          length: otherName.length + otherValue.length,
          createdAt: (await open(otherName, otherValue))?.createdAt ?? 0,
        })),
      )
      let room = MAX_TOTAL_LENGTH - name.length - value.length
      const dropped = others
        .toSorted((a, b) => b.createdAt - a.createdAt)
        .filter((other, place) => {
          room -= other.length
          return place >= MAX_ATTEMPTS - 1 || room < 0 || now >= expiryOf(other)
        })
      const line = setCookie(name, value, { maxAgeSeconds: ATTEMPT_LIFETIME_SECONDS, isHttps })
      return [line, ...new Set(dropped.map((other) => expireCookie(other.name, isHttps)))]
    },

    async find(id, cookieHeader) {
      const cookies = cookiesNamed(cookieHeader, nameOf(id)).filter(([name]) => name === nameOf(id))
      for (const [name, value] of cookies) {
        const attempt = await open(name, value)
        if (attempt !== undefined) return attempt
      }
      return cookies.length === 0 ? 'absent' : 'unreadable'
    },

    clear: (id) => expireCookie(nameOf(id), isHttps),
  }
}
