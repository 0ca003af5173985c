/**
 * Access tokens: the short JWT (RFC 9068) that a session is exchanged for and that APIs check. Issued and
 * verified here, by the keys of keys.ts; whether one has been revoked is for core/revocation to say.
 * Nothing is stored; each isolate remembers which signatures it has verified.
 */
import type { Config } from '../../config.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { LeastRecentlyUsed } from '../../platform/lru.ts'
import { randomId } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { ACCESS_TOKEN_TYPE, BRIDGE_CLIENT_ID, parseAccessTokenClaims } from './access-token.ts'
import type { AccessTokenClaims, AccessTokens } from './access-token.ts'
import { LONGEST_ACCESS_TOKEN_SECONDS } from './key-lifetimes.ts'
import type { Keys } from './keys.ts'
import type { PublicKeys } from './public-keys.ts'
import { LONGEST_OWN_JWT_CHARACTERS, ownJwtHeader, signOwnJwt, verifyOwnJwt } from './own-jwt.ts'

/** The clocks that issue and verify are both ours, but not of one machine. For `iat` only, never for `exp`. */
const CLOCK_TOLERANCE_SECONDS = 5

/** The tokens that a busy isolate sees within their life; about 1.5 KB each. Only genuine ones come in. */
const REMEMBERED_TOKENS = 16_384

/** Who a token must be from and for. */
export interface ExpectedTokens {
  readonly issuer: string
  readonly audience: string
}

/** A token whose signature has been verified, by the key with this id. */
interface VerifiedToken {
  readonly claims: AccessTokenClaims
  readonly kid: string
}

const HEADER = { type: ACCESS_TOKEN_TYPE, algorithms: ['ES256'] } as const

/** What those need who only check tokens. */
export function createTokenVerifier(
  { issuer, audience }: ExpectedTokens,
  keys: Pick<PublicKeys, 'publicKey' | 'isKnownGood'>,
): Pick<AccessTokens, 'verify'> {
  const remembered = new LeastRecentlyUsed<string, VerifiedToken>(REMEMBERED_TOKENS)

  /** What must hold anew at every use: who it is from, who it is for, and when. */
  function checkClaims({ iss, aud, iat, exp }: AccessTokenClaims, now: EpochSeconds) {
    if (iss !== issuer) return refuse('invalid_token', { check: 'iss' })
    if (aud !== audience) return refuse('invalid_token', { check: 'aud' })
    if (iat > now + CLOCK_TOLERANCE_SECONDS)
      return refuse('invalid_token', { check: 'iat', iat, now })
    // Bounds what a wrong clock or milliseconds for seconds could do.
    const isOverlong = exp - iat > LONGEST_ACCESS_TOKEN_SECONDS
    if (exp <= iat || isOverlong) return refuse('invalid_token', { check: 'lifetime', iat, exp })
    if (now >= exp) return refuse('invalid_token', { check: 'exp', exp, now })
    return undefined
  }

  async function verifyAnew(
    token: string,
    now: EpochSeconds,
  ): Promise<Result<VerifiedToken, 'invalid_token' | 'unavailable'>> {
    if (token.length > LONGEST_OWN_JWT_CHARACTERS) return refuse('invalid_token', { check: 'size' })
    const header = ownJwtHeader(token, HEADER)
    if (header === undefined) return refuse('invalid_token', { check: 'header' })
    const signed = await verifyOwnJwt(keys, token, header, now)
    if (!signed.ok) {
      const { code, facts } = signed.refusal
      return refuse(code === 'unavailable' ? 'unavailable' : 'invalid_token', facts)
    }
    const claims = parseAccessTokenClaims(signed.value)
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

  return {
    async verify(token, now) {
      const known = remembered.get(token)
      if (known !== undefined) {
        const { claims, kid } = known
        const isGood = keys.isKnownGood(kid, 'ES256', now)
        const refusal = (isGood ? undefined : await checkKey(kid, now)) ?? checkClaims(claims, now)
        return refusal ?? ok(claims)
      }
      const verified = await verifyAnew(token, now)
      if (!verified.ok) return verified
      const { claims } = verified.value
      const refusal = checkClaims(claims, now)
      if (refusal !== undefined) return refusal
      remembered.set(token, verified.value)
      return ok(claims)
    },
  }
}

export function createAccessTokens({ config, keys }: { config: Config; keys: Keys }): AccessTokens {
  const { audience, lifetimeSeconds, scope } = config.accessToken
  return {
    ...createTokenVerifier({ issuer: config.issuer, audience }, keys),

    async issue({ sub, sid, epoch, authTime, providerId, acr, notAfter, jkt, now }) {
      const expiresIn = Math.min(lifetimeSeconds, LONGEST_ACCESS_TOKEN_SECONDS, notAfter - now)
      if (expiresIn <= 0) return refuse('session_over', { not_after: notAfter, now })
      const jti = randomId()
      const claims: AccessTokenClaims = {
        iss: config.issuer,
        aud: audience,
        sub,
        client_id: BRIDGE_CLIENT_ID,
        iat: now,
        exp: now + expiresIn,
        jti,
        sid,
        epoch,
        auth_time: authTime,
        idp: providerId,
        ...(acr === undefined ? {} : { acr }),
        ...(scope === '' ? {} : { scope }),
        ...(jkt === undefined ? {} : { cnf: { jkt } }),
      }
      const signed = await signOwnJwt(keys, {
        type: ACCESS_TOKEN_TYPE,
        alg: 'ES256',
        claims: { ...claims },
        now,
      })
      return signed.ok ? ok({ token: signed.value, expiresIn, jti }) : signed
    },
  }
}
