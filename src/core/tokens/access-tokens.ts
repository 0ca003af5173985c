/**
 * Access tokens: the short JWT (RFC 9068) that a session is exchanged for and that APIs check. Issued and
 * verified here, by the keys of keys.ts; whether one has been revoked is for core/revocation to say.
 * Nothing is stored; each isolate remembers which signatures it has verified.
 */
import type { Config } from '../../config.ts'
import { randomId } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import { ACCESS_TOKEN_TYPE, BRIDGE_CLIENT_ID, parseAccessTokenClaims } from './access-token.ts'
import type { AccessTokenClaims, AccessTokens } from './access-token.ts'
import { LONGEST_ACCESS_TOKEN_SECONDS } from './key-lifetimes.ts'
import type { Keys } from './keys.ts'
import type { PublicKeys } from './public-keys.ts'
import { signOwnJwt } from './own-jwt.ts'
import { createVerify } from './token-verifier.ts'

/** The tokens that a busy isolate sees within their life; about 1.5 KB each. Only genuine ones come in. */
const REMEMBERED_TOKENS = 16_384

/** Who a token must be from and for. */
export interface ExpectedTokens {
  readonly issuer: string
  readonly audience: string
}

/** What those need who only check tokens. */
export function createTokenVerifier(
  { issuer, audience }: ExpectedTokens,
  keys: Pick<PublicKeys, 'publicKey' | 'isKnownGood'>,
): Pick<AccessTokens, 'verify'> {
  return {
    verify: createVerify({
      keys,
      issuer,
      audience,
      parse: parseAccessTokenClaims,
      remembered: REMEMBERED_TOKENS,
    }),
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
