/**
 * Verifies the access tokens that we have signed. The signature of each is verified once in an isolate, and
 * remembered; what its key and the time may have changed since is asked anew at every use.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { LeastRecentlyUsed } from '../../platform/lru.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { ACCESS_TOKEN_TYPE } from './access-token.ts'
import { LONGEST_ACCESS_TOKEN_SECONDS } from './key-lifetimes.ts'
import { LONGEST_OWN_JWT_CHARACTERS, ownJwtHeader, verifyOwnJwt } from './own-jwt.ts'
import type { PublicKeys } from './public-keys.ts'

/** The clocks that issue and verify are both ours, but not of one machine. For `iat` only, never for `exp`. */
const CLOCK_TOLERANCE_SECONDS = 5

const HEADER = { type: ACCESS_TOKEN_TYPE, algorithms: ['ES256'] } as const

/** What every access token says, whoever it is for. */
interface CommonClaims {
  readonly iss: string
  readonly aud: string
  readonly iat: EpochSeconds
  readonly exp: EpochSeconds
}

interface Expected<Claims> {
  readonly keys: Pick<PublicKeys, 'publicKey' | 'isKnownGood'>
  readonly issuer: string
  /** Any, where the caller looks at it. */
  readonly audience?: string
  /** The claims of a signed payload, if it is all of what it must be. */
  readonly parse: (
    payload: Record<string, unknown>,
  ) => Claims | undefined | Promise<Claims | undefined>
  /** How many tokens an isolate remembers. Only genuine ones come in. */
  readonly remembered: number
}

/** A token whose signature has been verified, by the key with this id. */
interface VerifiedToken<Claims> {
  readonly claims: Claims
  readonly kid: string
}

type VerifyRefusal = 'invalid_token' | 'unavailable'

export function createVerify<Claims extends CommonClaims>({
  keys,
  issuer,
  audience,
  parse,
  remembered,
}: Expected<Claims>): (token: string, now: EpochSeconds) => Promise<Result<Claims, VerifyRefusal>> {
  const known = new LeastRecentlyUsed<string, VerifiedToken<Claims>>(remembered)

  /** What must hold anew at every use: who it is from, who it is for, and when. */
  function checkClaims({ iss, aud, iat, exp }: Claims, now: EpochSeconds) {
    if (iss !== issuer) return refuse('invalid_token', { check: 'iss' })
    if (audience !== undefined && aud !== audience) return refuse('invalid_token', { check: 'aud' })
    if (iat > now + CLOCK_TOLERANCE_SECONDS)
      return refuse('invalid_token', { check: 'iat', iat, now })
    // Bounds what a wrong clock or milliseconds for seconds could do.
    const isOverlong = exp - iat > LONGEST_ACCESS_TOKEN_SECONDS
    if (exp <= iat || isOverlong) return refuse('invalid_token', { check: 'lifetime', iat, exp })
    if (now >= exp) return refuse('invalid_token', { check: 'exp', exp, now })
    return undefined
  }

  async function verifySignature(
    token: string,
    now: EpochSeconds,
  ): Promise<Result<VerifiedToken<Claims>, VerifyRefusal>> {
    if (token.length > LONGEST_OWN_JWT_CHARACTERS) return refuse('invalid_token', { check: 'size' })
    const header = ownJwtHeader(token, HEADER)
    if (header === undefined) return refuse('invalid_token', { check: 'header' })
    const signed = await verifyOwnJwt(keys, token, header, now)
    if (!signed.ok) {
      const { code, facts } = signed.refusal
      return refuse(code === 'unavailable' ? 'unavailable' : 'invalid_token', facts)
    }
    const claims = await parse(signed.value)
    if (claims === undefined) return refuse('invalid_token', { check: 'claims' })
    return ok({ claims, kid: header.kid })
  }

  /** Asked also for a remembered signature: a compromised key takes all of its tokens with it. */
  async function checkKey(kid: string, now: EpochSeconds) {
    const key = await keys.publicKey(kid, 'ES256', now)
    if (key.ok) return undefined
    if (key.refusal.code === 'unavailable') return refuse('unavailable')
    return refuse('invalid_token', { check: 'key' })
  }

  return async (token, now) => {
    const seen = known.get(token)
    if (seen !== undefined) {
      const { claims, kid } = seen
      const isGood = keys.isKnownGood(kid, 'ES256', now)
      const refusal = (isGood ? undefined : await checkKey(kid, now)) ?? checkClaims(claims, now)
      return refusal ?? ok(claims)
    }
    const verified = await verifySignature(token, now)
    if (!verified.ok) return verified
    const { claims } = verified.value
    const refusal = checkClaims(claims, now)
    if (refusal !== undefined) return refusal
    known.set(token, verified.value)
    return ok(claims)
  }
}
