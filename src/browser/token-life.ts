/**
 * How long a token is still good for. Counted from when it was received, by differences of this machine's
 * clock: the clock may be hours wrong and the answer is right all the same. The wall clock runs on while a
 * laptop sleeps, so a token that ran out meanwhile is seen to have run out.
 */
import type { StoredToken } from './token-store.ts'

/** What is known of a token's life. */
type Lived = Pick<StoredToken, 'receivedAt' | 'expiresInSeconds'>

/** A token with less life than this is not given out: a request takes time to arrive. */
const usableSeconds = 10
/** A visible page renews when this much life is left. */
const aheadSeconds = 30

/** Seconds of life left; 0 when it cannot be known, because the clock was set back. */
export function remainingSeconds(token: Lived, now: number): number {
  const ageSeconds = (now - token.receivedAt) / 1000
  return ageSeconds < 0 ? 0 : Math.max(0, token.expiresInSeconds - ageSeconds)
}

/** Margins shrink with the token's life, or the short tokens at a session's end would never be good enough. */
const margin = (token: Lived, seconds: number) => Math.min(seconds, token.expiresInSeconds / 4)

export const isUsable = (token: Lived, now: number): boolean =>
  remainingSeconds(token, now) > margin(token, usableSeconds)

export const isDueForRenewal = (token: Lived, now: number): boolean =>
  remainingSeconds(token, now) <= margin(token, aheadSeconds)

/** Milliseconds from now until the token is due for renewal; at least a second, so that no page spins. */
export const renewalDelay = (token: Lived, now: number): number =>
  Math.max(1000, Math.ceil((remainingSeconds(token, now) - margin(token, aheadSeconds)) * 1000))

/** What a JWT says of its session. Read for comparing only: whether it is true is for the API to check. */
export function claimsOf(accessToken: string): {
  readonly sid?: unknown
  readonly iat?: unknown
  readonly jti?: unknown
} {
  try {
    const payload = accessToken.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/')
    const claims: unknown = JSON.parse(atob(payload))
    return typeof claims === 'object' && claims !== null ? claims : {}
  } catch {
    return {}
  }
}
