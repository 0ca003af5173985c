import type { OAuthApplication } from '../core/applications/application.ts'
import type { Subjects } from '../core/applications/subject.ts'
import type { GrantContent } from '../core/sessions/grant.ts'
import { deadlineOf } from '../core/sessions/session.ts'
import type { LiveSession } from '../core/sessions/session.ts'
import type { ApplicationTokens, IssuedToken } from '../core/tokens/application-token.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import type { Result } from '../platform/refusal.ts'
import { keptClaimsRequest } from './claims-request.ts'

export interface UserTokenParts {
  readonly subjects: Subjects
  readonly applicationTokens: Pick<ApplicationTokens, 'issue'>
}

/**
 * An access token by which an application acts for the person behind a session, with what was granted and
 * nothing more. It expires with the session at the latest.
 */
export async function issueUserToken(
  { subjects, applicationTokens }: UserTokenParts,
  input: {
    readonly application: OAuthApplication
    readonly session: LiveSession
    /** The family of grants that it belongs to; a new id where there is no grant (implicit answers). */
    readonly family: string
    readonly content: Pick<GrantContent, 'scope' | 'isOpenId' | 'claims' | 'resource'>
    readonly jkt?: string | undefined
    readonly now: EpochSeconds
  },
): Promise<Result<IssuedToken, 'session_over' | 'unavailable'>> {
  const { application, session, family, content, jkt, now } = input
  const { authTime, providerId, acr } = session.authentication
  const { userinfo } = keptClaimsRequest(content.claims)
  return applicationTokens.issue({
    clientId: application.id,
    subject: await subjects.subjectFor(application, session.userId),
    userId: session.userId,
    sid: session.sid,
    epoch: session.epoch,
    family,
    authTime,
    providerId,
    ...(acr === undefined ? {} : { acr }),
    scope: grantedScope(content),
    ...(content.resource === undefined ? { claims: userinfo } : { audience: content.resource }),
    notAfter: deadlineOf(session),
    ...(jkt === undefined ? {} : { jkt }),
    now,
  })
}

/**
 * What the access token may do. An application that is always given an ID token may ask UserInfo as well,
 * though its request did not say `openid`: the token says it.
 */
export const grantedScope = ({
  scope,
  isOpenId,
}: Pick<GrantContent, 'scope' | 'isOpenId'>): readonly string[] =>
  isOpenId && !scope.includes('openid') ? ['openid', ...scope] : scope
