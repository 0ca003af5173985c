import type { EpochSeconds } from '../../platform/clock.ts'
import type { Claims } from './verify-provider-jwt.ts'

/** How far a provider's clock may differ from ours. */
export const CLOCK_TOLERANCE_SECONDS = 60

/** NumericDates after the year 9999 are nonsense, and so are those that are no finite number. */
const LAST_NUMERIC_DATE = 253_402_300_799

export interface ExpectedRegisteredClaims {
  readonly issuer: string
  readonly clientId: string
  /** How old `iat` may be, in seconds. */
  readonly maximumAgeSeconds: number
  /** `exp` may be absent; one that is there is judged. */
  readonly mayLackExpiry: boolean
}

/**
 * What every JWT from a provider must say of itself, whatever its kind (RFC 7519 §4.1, OpenID Connect Core
 * 1.0 §3.1.3.7 (2) to (5) and (9) to (10)): from whom, for whom, and when.
 * @returns the name of the first claim that fails, if one does.
 */
export function failingRegisteredClaim(
  { iss, aud, azp, exp, nbf, iat }: Claims,
  expected: ExpectedRegisteredClaims,
  now: EpochSeconds,
): string | undefined {
  if (iss !== expected.issuer) return 'iss'
  const audiences = Array.isArray(aud) ? (aud as unknown[]) : [aud]
  // We trust no other audience, so a token that names one is not for us alone.
  if (audiences.length === 0 || audiences.some((each) => each !== expected.clientId)) return 'aud'
  if (azp !== undefined && azp !== expected.clientId) return 'azp'
  const isExpiryWaived = exp === undefined && expected.mayLackExpiry
  if (!isExpiryWaived && !(isNumericDate(exp) && now < exp + CLOCK_TOLERANCE_SECONDS)) return 'exp'
  if (nbf !== undefined && !(isNumericDate(nbf) && nbf <= now + CLOCK_TOLERANCE_SECONDS)) {
    return 'nbf'
  }
  const isFresh =
    isNumericDate(iat) &&
    iat <= now + CLOCK_TOLERANCE_SECONDS &&
    now - iat <= expected.maximumAgeSeconds
  return isFresh ? undefined : 'iat'
}

export const isNumericDate = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value <= LAST_NUMERIC_DATE
