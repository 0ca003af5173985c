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
import { ACCESS_TOKEN_TYPE, BRIDGE_CLIENT_ID, parseAccessTokenClaims } from './access-token.ts'
import type { AccessTokenClaims, AccessTokens } from './access-token.ts'
import { LONGEST_ACCESS_TOKEN_SECONDS } from './key-lifetimes.ts'
import type { Keys } from './keys.ts'
import { LONGEST_OWN_JWT_CHARACTERS, ownJwtHeader, signOwnJwt, verifyOwnJwt } from './own-jwt.ts'

/** The clocks that issue and verify are both ours, but not of one machine. For `iat` only, never for `exp`. */
const CLOCK_TOLERANCE_SECONDS = 5

/** About a megabyte in an isolate. */
const REMEMBERED_TOKENS = 1000

export function createAccessTokens({ config, keys }: { config: Config; keys: Keys }): AccessTokens {
  const { audience, lifetimeSeconds, scope } = config.accessToken
  const verified = new LeastRecentlyUsed<string, AccessTokenClaims>(REMEMBERED_TOKENS)

  /** What must hold anew at every use: who it is from, who it is for, and when. */
  function checkClaims({ iss, aud, iat, exp }: AccessTokenClaims, now: EpochSeconds) {
    if (iss !== config.issuer) return refuse('invalid_token', { check: 'iss' })
    if (aud !== audience) return refuse('invalid_token', { check: 'aud' })
    if (iat > now + CLOCK_TOLERANCE_SECONDS)
      return refuse('invalid_token', { check: 'iat', iat, now })
    // Bounds what a wrong clock or milliseconds for seconds could do.
    const isOverlong = exp - iat > LONGEST_ACCESS_TOKEN_SECONDS
    if (exp <= iat || isOverlong) return refuse('invalid_token', { check: 'lifetime', iat, exp })
    if (now >= exp) return refuse('invalid_token', { check: 'exp', exp, now })
    return undefined
  }

  return {
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

    async verify(token, now) {
      if (token.length > LONGEST_OWN_JWT_CHARACTERS)
        return refuse('invalid_token', { check: 'size' })
      const header = ownJwtHeader(token, { type: ACCESS_TOKEN_TYPE, algorithms: ['ES256'] })
      if (header === undefined) return refuse('invalid_token', { check: 'header' })
      let claims = verified.get(token)
      if (claims === undefined) {
        const signed = await verifyOwnJwt(keys, token, header, now)
        if (!signed.ok) {
          const { code, facts } = signed.refusal
          return refuse(code === 'unavailable' ? 'unavailable' : 'invalid_token', facts)
        }
        claims = parseAccessTokenClaims(signed.value)
        if (claims === undefined) return refuse('invalid_token', { check: 'claims' })
      } else {
        // Asked also for a remembered signature: a compromised key takes all of its tokens with it.
        const key = await keys.publicKey(header.kid, header.alg, now)
        if (!key.ok) {
          if (key.refusal.code === 'unavailable') return refuse('unavailable')
          return refuse('invalid_token', { check: 'key' })
        }
      }
      const refusal = checkClaims(claims, now)
      if (refusal !== undefined) return refusal
      verified.set(token, claims)
      return ok(claims)
    },
  }
}
