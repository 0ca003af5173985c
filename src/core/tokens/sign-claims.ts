import type { Config } from '../../config.ts'
import { refuse } from '../../platform/refusal.ts'
import type { Keys } from './keys.ts'
import { ownJwtHeader, signOwnJwt, verifyOwnJwt } from './own-jwt.ts'
import type { SignedClaims } from './signed-claims.ts'
import { signingKeyAlgorithms } from './signing-key.ts'

/** Signs ID tokens and logout tokens, and reads back ID tokens. Nothing is stored. */
export function createSignedClaims({
  config,
  keys,
}: {
  readonly config: Pick<Config, 'issuer'>
  readonly keys: Pick<Keys, 'signingKey' | 'publicKey'>
}): SignedClaims {
  return {
    sign: (input) => signOwnJwt(keys, input),

    async readIdToken(token, now) {
      const header = ownJwtHeader(token, { type: 'JWT', algorithms: signingKeyAlgorithms })
      if (header === undefined) return refuse('not_ours', { check: 'header' })
      const claims = await verifyOwnJwt(keys, token, header, now)
      if (claims.ok && claims.value.iss !== config.issuer)
        return refuse('not_ours', { check: 'iss' })
      return claims
    },
  }
}
