import type { OAuthApplication } from '../../core/applications/application.ts'
import type { Subjects } from '../../core/applications/subject.ts'
import type { Grants, Participation } from '../../core/sessions/grant.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { IssuedToken } from '../../core/tokens/application-token.ts'
import type { Keys } from '../../core/tokens/keys.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'
import type { IdTokenParts } from '../id-token.ts'
import type { UserTokenParts } from '../user-token.ts'

/** What every grant that has a session behind it is redeemed with. */
export interface SessionGrantParts extends IdTokenParts, UserTokenParts {
  readonly grants: Grants
  readonly keys: Pick<Keys, 'signingKey'>
  /** How long a refresh token may live: as long as any session. */
  readonly refreshLifetimeSeconds: number
}

const PARAMETERS = [
  'grant_type',
  'scope',
  'code',
  'redirect_uri',
  'code_verifier',
  'refresh_token',
  'username',
  'password',
  'device_code',
] as const

export const tokenParameters = PARAMETERS
export type TokenParameters = Readonly<Record<(typeof PARAMETERS)[number], string | undefined>>

/** A token request that has passed everything that does not depend on the grant. */
export interface GrantRequest {
  readonly application: OAuthApplication
  readonly parameters: TokenParameters
  /** Undefined when the request names no scope; empty when nothing is left of it. */
  readonly scope: readonly string[] | undefined
  /** The scope as it was sent, where the application's adapter has rewritten it. */
  readonly requestedScope: string | undefined
  /** RFC 8707: one that this application is registered for, or undefined. */
  readonly resource: string | undefined
  /** RFC 9449: thumbprint of the key that the request has proven to hold. */
  readonly jkt: string | undefined
  /** The application says `openid_code`, which is the code grant with `openid`. */
  readonly mustBeOpenId: boolean
  readonly userAgent: string | undefined
  readonly now: EpochSeconds
}

/** What is handed out. */
export interface GrantedTokens {
  readonly accessToken: IssuedToken
  readonly idToken?: string | undefined
  readonly refreshToken?: string | undefined
  /** As the answer says it. */
  readonly scope: string
  /** Whose; a client's own tokens are nobody's. */
  readonly session?: Pick<LiveSession, 'userId' | 'sid'> | undefined
  readonly family?: string | undefined
}

export type TokenRefusalCode =
  | 'invalid_request'
  | 'invalid_grant'
  | 'grant_reused' // invalid_grant to the outside; everything that came of the grant is revoked
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_dpop_proof'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'authorization_pending'
  | 'slow_down'
  | 'access_denied'
  | 'expired_token'
  | 'unavailable'

export type Granting = Promise<Result<GrantedTokens, TokenRefusalCode>>

/** How an application knows a session, for when it ends. */
export const participationIn = async (
  subjects: Subjects,
  application: OAuthApplication,
  { userId, sid }: Pick<LiveSession, 'userId' | 'sid'>,
): Promise<Participation> => ({
  applicationId: application.id,
  subject: await subjects.subjectFor(application, userId),
  clientSid: await subjects.sessionIdFor(application, sid),
})
