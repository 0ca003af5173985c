import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { SigningAlgorithm } from '../../protocol/signing-algorithms.ts'
import { failingRegisteredClaim } from './registered-claims.ts'
import { verifyProviderJwt } from './verify-provider-jwt.ts'
import type { Claims, ProviderJwtRules } from './verify-provider-jwt.ts'

/** A provider tells us when it happens, and again a little later if we did not hear. */
const MAXIMUM_AGE_SECONDS = 300

const BACK_CHANNEL_LOGOUT = 'http://schemas.openid.net/event/backchannel-logout'

/** What a logout token of one provider must say. */
export interface ExpectedLogoutToken {
  readonly issuer: string
  readonly clientId: string
  readonly algorithm: SigningAlgorithm
  /** The provider is one that leaves `exp` out, as the specification did once; `iat` decides then. */
  readonly mayLackExpiry: boolean
  /** The provider is one that says `logout+jwt` in all of them. */
  readonly isTypeRequired: boolean
}

/** Who is signed out: `subject`, or the upstream session `sid`, or that session of that subject. */
export interface LogoutToken {
  readonly subject: string | undefined
  /** The provider's own session id, as opaque as it came. */
  readonly sid: string | undefined
  readonly jti: string
  readonly issuedAt: EpochSeconds
}

/**
 * Verifies a logout token wholly (Back-Channel Logout 1.0 §2.6): header, signature and claims. Its `typ` is
 * `logout+jwt`, or, from providers of before that was said, `JWT` or absent, unless the configuration knows
 * better (C3). An encrypted one has not the form of what we take.
 */
export async function verifyLogoutToken(
  token: unknown,
  expected: ExpectedLogoutToken,
  keys: ProviderJwtRules['keys'],
  now: EpochSeconds,
): Promise<Result<LogoutToken, 'logout_token_invalid' | 'provider_unavailable'>> {
  const { algorithm, isTypeRequired } = expected
  const types = isTypeRequired ? ['logout+jwt'] : ['jwt', 'logout+jwt']
  const rules = { algorithm, keys, types, isTypeRequired }
  const verified = await verifyProviderJwt(token, rules, now)
  if (verified.ok) return checkLogoutTokenClaims(verified.value, expected, now)
  const { code, facts } = verified.refusal
  return code === 'jwt_invalid' ? refuse('logout_token_invalid', facts) : refuse(code, facts)
}

/**
 * Back-Channel Logout 1.0 §2.4 and §2.6. `facts.check` names the claim that failed. What makes a logout
 * token is `events` with its member and no `nonce`: an ID token has it the other way round.
 */
export function checkLogoutTokenClaims(
  claims: Claims,
  expected: Omit<ExpectedLogoutToken, 'isTypeRequired'>,
  now: EpochSeconds,
): Result<LogoutToken, 'logout_token_invalid'> {
  const { iat, jti, events, sub, sid } = claims
  const invalid = (check: string) => refuse('logout_token_invalid', { check })

  const { issuer, clientId, mayLackExpiry } = expected
  const registered = { issuer, clientId, mayLackExpiry, maximumAgeSeconds: MAXIMUM_AGE_SECONDS }
  const failing = failingRegisteredClaim(claims, registered, now)
  if (failing !== undefined) return invalid(failing)
  if (!isLogoutEvent(events)) return invalid('events')
  if (Object.hasOwn(claims, 'nonce')) return invalid('nonce')
  if (!isTextUpTo(512, jti)) return invalid('jti')
  if (sub !== undefined && !(typeof sub === 'string' && /^[\x20-\x7e]{1,255}$/.test(sub))) {
    return invalid('sub')
  }
  if (sid !== undefined && !isTextUpTo(2048, sid)) return invalid('sid')
  if (sub === undefined && sid === undefined) return invalid('sub_or_sid')
  return ok({ subject: sub, sid, jti, issuedAt: Math.floor(Number(iat)) })
}

/** §2.4: the member's value is an object, and need not be an empty one; other members are other events. */
const isLogoutEvent = (events: unknown): boolean =>
  isObject(events) &&
  Object.hasOwn(events, BACK_CHANNEL_LOGOUT) &&
  isObject(events[BACK_CHANNEL_LOGOUT])

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isTextUpTo = (length: number, value: unknown): value is string =>
  typeof value === 'string' && value.length >= 1 && value.length <= length
