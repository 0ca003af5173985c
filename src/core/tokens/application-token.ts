import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'

/** What an access token of an application says beside a user's (access-token.ts). */
export interface IssueApplicationToken {
  readonly clientId: string
  /** `sub` as the application knows it; the internal user id goes along sealed where it differs. */
  readonly subject: string
  readonly userId: string
  readonly sid: string
  readonly epoch: number
  /** The family of grants that it belongs to: claim `gid`. */
  readonly family: string
  readonly authTime: EpochSeconds
  readonly providerId: string
  readonly acr?: string
  readonly scope: readonly string[]
  /** The API that it is for (RFC 8707), or our UserInfo when undefined. */
  readonly audience?: string
  /** Names of claims that UserInfo is to tell besides those of the scope (the `claims` parameter). */
  readonly claims?: readonly string[]
  readonly notAfter: EpochSeconds
  readonly jkt?: string
  readonly now: EpochSeconds
}

/** A token of `client_credentials`: no user, no session. It ends by expiry, or with its application. */
export interface IssueClientToken {
  readonly clientId: string
  readonly scope: readonly string[]
  readonly audience: string
  readonly jkt?: string
  readonly now: EpochSeconds
}

export interface IssuedToken {
  readonly token: string
  readonly expiresIn: number
  readonly jti: string
}

/** Claims of a verified application token; a client's own has no user. */
export interface ApplicationTokenClaims {
  readonly iss: string
  readonly aud: string
  readonly sub: string
  readonly client_id: string
  readonly iat: EpochSeconds
  readonly exp: EpochSeconds
  readonly jti: string
  readonly scope?: string
  readonly claims?: readonly string[]
  readonly cnf?: { readonly jkt: string }
  readonly user?: {
    readonly userId: string
    readonly sid: string
    readonly epoch: number
    readonly gid: string
    readonly auth_time: EpochSeconds
    readonly idp: string
    readonly acr?: string
  }
}

export interface ApplicationTokens {
  issue(input: IssueApplicationToken): Promise<Result<IssuedToken, 'session_over' | 'unavailable'>>
  issueForClient(input: IssueClientToken): Promise<Result<IssuedToken, 'unavailable'>>
  /** Signature, header, times and claims; of any audience of ours. Says nothing of revocation. */
  verify(
    token: string,
    now: EpochSeconds,
  ): Promise<Result<ApplicationTokenClaims, 'invalid_token' | 'unavailable'>>
}
