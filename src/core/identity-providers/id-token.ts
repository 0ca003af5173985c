import { base64url } from 'jose'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { SigningAlgorithm } from '../../protocol/signing-algorithms.ts'
import {
  CLOCK_TOLERANCE_SECONDS,
  failingRegisteredClaim,
  isNumericDate,
} from './registered-claims.ts'
import { verifyProviderJwt } from './verify-provider-jwt.ts'
import type { Claims, ProviderJwtRules } from './verify-provider-jwt.ts'

/** An ID token is taken right after it was made; one older than this belongs to no sign-in under way. */
const MAXIMUM_AGE_SECONDS = 600

/** What the ID token of one sign-in must say. */
export interface ExpectedIdToken {
  readonly issuer: string
  readonly clientId: string
  readonly nonce: string
  /** The access token it came with, which `at_hash` must fit. */
  readonly accessToken: unknown
  readonly algorithm: SigningAlgorithm
  /** Seconds. If given, `auth_time` must be there and no older. */
  readonly maxAge: number | undefined
  /** When `prompt=login` was asked, if it was: an `auth_time` from before shows that it was not heeded. */
  readonly reauthenticationAskedAt: EpochSeconds | undefined
  /** If given, `acr` must be one of them. */
  readonly acrValues: readonly string[] | undefined
}

/** The claims of an ID token after every check. */
export interface IdToken {
  readonly subject: string
  readonly issuedAt: EpochSeconds
  readonly authTime: EpochSeconds | undefined
  readonly acr: string | undefined
  readonly amr: readonly string[] | undefined
  /** The provider's own session id, as opaque as it came. */
  readonly sid: string | undefined
  readonly claims: Claims
}

/**
 * Verifies an ID token wholly: header, signature and claims. RFC 8725 §3.11: another kind of token from the
 * same issuer (`at+jwt`, `logout+jwt`) says so in `typ` and is refused.
 */
export async function verifyIdToken(
  token: unknown,
  expected: ExpectedIdToken,
  keys: ProviderJwtRules['keys'],
  now: EpochSeconds,
): Promise<Result<IdToken, 'id_token_invalid' | 'provider_unavailable'>> {
  const { algorithm } = expected
  const rules = { algorithm, keys, types: ['jwt'], isTypeRequired: false }
  const verified = await verifyProviderJwt(token, rules, now)
  if (verified.ok) return checkIdTokenClaims(verified.value, expected, now)
  const { code, facts } = verified.refusal
  return code === 'jwt_invalid' ? refuse('id_token_invalid', facts) : refuse(code, facts)
}

/** OpenID Connect Core 1.0 §3.1.3.7, and §3.1.3.8 for `at_hash`. `facts.check` names the claim that failed. */
export async function checkIdTokenClaims(
  claims: Claims,
  expected: ExpectedIdToken,
  now: EpochSeconds,
): Promise<Result<IdToken, 'id_token_invalid'>> {
  const { sub, iat, nonce, acr, amr, sid } = claims
  const invalid = (check: string) => refuse('id_token_invalid', { check })

  // Back-Channel Logout 1.0 §2.4: what has `events` is a logout token.
  if (Object.hasOwn(claims, 'events')) return invalid('events')
  const registered = {
    issuer: expected.issuer,
    clientId: expected.clientId,
    maximumAgeSeconds: MAXIMUM_AGE_SECONDS,
    mayLackExpiry: false,
  }
  const failing = failingRegisteredClaim(claims, registered, now)
  if (failing !== undefined) return invalid(failing)
  if (nonce !== expected.nonce) return invalid('nonce')
  if (!isSubject(sub)) return invalid('sub')
  if (!(await isAccessTokenHashRight(claims.at_hash, expected))) return invalid('at_hash')
  if (!isAuthTimeRight(claims.auth_time, expected, now)) return invalid('auth_time')
  if (expected.acrValues !== undefined && !(isText(acr) && expected.acrValues.includes(acr))) {
    return invalid('acr')
  }
  // Dropping a session id that we cannot read would be a logout that silently does not happen.
  if (sid !== undefined && !(typeof sid === 'string' && sid.length >= 1 && sid.length <= 2048)) {
    return invalid('sid')
  }
  return ok({
    subject: sub,
    issuedAt: Math.floor(Number(iat)),
    authTime: isNumericDate(claims.auth_time) ? Math.floor(claims.auth_time) : undefined,
    acr: isText(acr) ? acr : undefined,
    amr: isListOfTexts(amr) ? amr : undefined,
    sid,
    claims,
  })
}

/** OpenID Connect Core 1.0 §2. */
export const isSubject = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x20-\x7e]{1,255}$/.test(value)

/** RFC 7519 §2, and of a time that can be meant. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length >= 1 && value.length <= 255

const isListOfTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length <= 20 && value.every(isText)

function isAuthTimeRight(
  authTime: unknown,
  { maxAge = Infinity, reauthenticationAskedAt = 0 }: ExpectedIdToken,
  now: EpochSeconds,
): boolean {
  if (authTime === undefined) return maxAge === Infinity
  if (!isNumericDate(authTime)) return false
  const earliest = Math.max(now - maxAge, reauthenticationAskedAt)
  return authTime <= now + CLOCK_TOLERANCE_SECONDS && authTime >= earliest - CLOCK_TOLERANCE_SECONDS
}

/** Core §3.1.3.8: an absent hash says nothing. */
export async function isAccessTokenHashRight(
  hash: unknown,
  { accessToken, algorithm }: Pick<ExpectedIdToken, 'accessToken' | 'algorithm'>,
): Promise<boolean> {
  if (hash === undefined) return true
  if (typeof hash !== 'string' || typeof accessToken !== 'string') return false
  const digest = await crypto.subtle.digest(
    hashOf(algorithm),
    new TextEncoder().encode(accessToken),
  )
  return hash === base64url.encode(new Uint8Array(digest.slice(0, digest.byteLength / 2)))
}

/** Core §3.1.3.6: the hash of the signature's algorithm; Ed25519 signs with SHA-512. */
const hashOf = (algorithm: SigningAlgorithm): string =>
  ({ '256': 'SHA-256', '384': 'SHA-384' })[algorithm.slice(2)] ?? 'SHA-512'
