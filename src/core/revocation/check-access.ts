/**
 * The whole check of one API request, in one order and in one place: the guard (require-user.ts) and the
 * entrypoint for other Workers both ask here. Nothing is read from the query or the body (RFC 9700 §4.3.2).
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Refusal } from '../../platform/refusal.ts'
import { parseAuthorization } from '../../protocol/authorization-header.ts'
import type { AccessTokenClaims, AccessTokens } from '../tokens/access-token.ts'
import { createDpopProofs } from '../tokens/dpop-proof.ts'
import type { DpopProofs } from '../tokens/dpop-proof.ts'
import type { Revocation, RevocationLevel } from './revocation.ts'

export type AccessRefusalCode =
  | 'no_credentials'
  | 'malformed_credentials'
  | 'invalid_token'
  | 'invalid_dpop_proof'
  | 'revoked'
  | 'insufficient_scope'
  | 'unavailable'

export interface AccessRequest {
  /** The `Authorization` header as it came. */
  readonly authorization: string | undefined
  /** The `DPoP` header as it came, and what its proof is of; looked at for bound tokens only. */
  readonly dpop: string | undefined
  readonly method: string
  /** The absolute URL that the API is served under: for the proof's `htu`. */
  readonly url: string
  readonly level: RevocationLevel
  /** Scopes that the token must have, separated by blanks. */
  readonly scope?: string | undefined
}

/** `whose`: the user and session that a refused but genuine token names; for the audit trail only. */
export type AccessDecision =
  | { readonly ok: true; readonly value: AccessTokenClaims }
  | {
      readonly ok: false
      readonly refusal: Refusal<AccessRefusalCode>
      readonly whose?: { readonly sub: string; readonly sid: string }
    }

export interface AccessChecks {
  check(request: AccessRequest, now: EpochSeconds): Promise<AccessDecision>
}

export function createAccessChecks({
  accessTokens,
  revocation,
  proofs = createDpopProofs(),
}: {
  readonly accessTokens: Pick<AccessTokens, 'verify'>
  readonly revocation: Revocation
  readonly proofs?: DpopProofs
}): AccessChecks {
  return {
    async check(request, now) {
      const { authorization, level, scope } = request
      const credentials = parseAuthorization(authorization)
      if (credentials.kind === 'none') return refuse('no_credentials')
      if (credentials.kind === 'malformed') return refuse('malformed_credentials')

      const verified = await accessTokens.verify(credentials.token, now)
      if (!verified.ok) return verified
      const claims = verified.value
      const { sub, sid, cnf } = claims
      const refuseHolder = (refusal: Refusal<AccessRefusalCode>): AccessDecision => ({
        ok: false,
        refusal,
        whose: { sub, sid },
      })

      // RFC 9449 §7.1, §7.2: a bound token is worth nothing without its key, and the scheme says which it is.
      if (credentials.scheme === 'Bearer' && cnf !== undefined) {
        return refuseHolder({ code: 'invalid_token', facts: { check: 'bound_token_as_bearer' } })
      }
      if (credentials.scheme === 'DPoP') {
        if (cnf === undefined) {
          return refuseHolder({ code: 'invalid_token', facts: { check: 'token_not_bound' } })
        }
        const token = { value: credentials.token, jkt: cnf.jkt }
        const { dpop, method, url } = request
        const proof = await proofs.check({ proof: dpop, method, url, token }, now)
        if (!proof.ok) {
          const { code, facts } = proof.refusal
          const isOtherKey = code === 'wrong_dpop_key'
          return refuseHolder({
            code: isOtherKey ? 'invalid_token' : 'invalid_dpop_proof',
            ...(facts === undefined ? {} : { facts }),
          })
        }
      }

      const standing = await revocation.check(level, claims, now)
      if (!standing.ok) return refuseHolder(standing.refusal)

      const missing = missingScope(scope, claims.scope)
      if (missing !== undefined)
        return refuseHolder({ code: 'insufficient_scope', facts: { missing } })
      return ok(claims)
    },
  }
}

/** The first required scope that was not granted. Scope values are compared whole (RFC 6749 §3.3). */
function missingScope(
  required: string | undefined,
  granted: string | undefined,
): string | undefined {
  if (required === undefined) return undefined
  const scopes = new Set(granted?.split(' '))
  return required.split(' ').find((value) => value !== '' && !scopes.has(value))
}
