// Contract; to be implemented by its owner.
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'

/** The claims of our access token (RFC 9068 §2.2, plus `sid` and `epoch`). */
export interface AccessTokenClaims {
  readonly iss: string
  readonly aud: string
  readonly sub: string
  readonly client_id: string
  readonly iat: EpochSeconds
  readonly exp: EpochSeconds
  readonly jti: string
  readonly sid: string
  readonly epoch: number
  readonly auth_time: EpochSeconds
  readonly acr?: string
  readonly scope?: string
  /** RFC 9449 §6.1: the token is bound to the key with this thumbprint. */
  readonly cnf?: { readonly jkt: string }
}

export interface IssueAccessToken {
  readonly sub: string
  readonly sid: string
  readonly epoch: number
  readonly authTime: EpochSeconds
  readonly acr?: string
  /** The token expires at the latest then (the session's deadline). */
  readonly notAfter: EpochSeconds
  /** Thumbprint of the DPoP key to bind to. */
  readonly jkt?: string
  readonly now: EpochSeconds
}

export interface AccessTokens {
  issue(input: IssueAccessToken): Promise<Result<{ token: string; expiresIn: number; jti: string }, 'unavailable'>>
  /** Signature, header and claims only; says nothing of revocation. */
  verify(token: string, now: EpochSeconds): Promise<Result<AccessTokenClaims, 'invalid_token' | 'unavailable'>>
}
