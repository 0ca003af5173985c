/**
 * `grant_type=password` (RFC 6749 §4.3), for applications that are registered for it and cannot do better: a
 * username and a password of ours open a session, and the application gets its tokens under that. Unknown
 * names, wrong passwords, disabled users and too many attempts are one answer, after the same work.
 */
import type { PasswordSessions } from '../../core/revocation/password-sessions.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { GrantContent, Participation } from '../../core/sessions/grant.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Refusal, Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import { reduceScope, spelledScope } from '../authorization/scope.ts'
import { participationIn } from './grant-request.ts'
import type {
  GrantRequest,
  GrantedTokens,
  Granting,
  SessionGrantParts,
  TokenRefusalCode,
} from './grant-request.ts'
import { prepareTokens } from './session-tokens.ts'

export interface PasswordGrantParts extends SessionGrantParts {
  readonly passwordSessions: PasswordSessions
}

export async function grantPassword(
  parts: PasswordGrantParts,
  request: GrantRequest,
  facts: RequestFacts,
): Granting {
  const { application, parameters } = request
  const { username, password } = parameters
  if (username === undefined || password === undefined)
    return refuse('invalid_request', { missing: username === undefined ? 'username' : 'password' })
  const asked = request.scope?.join(' ')
  const scope = reduceScope(asked, application.oauth)
  if (!scope.ok) return scope
  const requestedScope = spelledScope(request.requestedScope, asked, scope.value)
  const content: GrantContent = {
    scope: scope.value,
    isOpenId: scope.value.includes('openid') || application.oauth.alwaysIssueIdToken,
    ...(request.resource === undefined ? {} : { resource: request.resource }),
    ...(requestedScope === undefined ? {} : { requestedScope }),
  }
  const { userAgent, now } = request
  const opened = await parts.passwordSessions.open(facts, {
    applicationId: application.id,
    username,
    password,
    userAgent,
    now,
  })
  if (!opened.ok) return asGrantRefusal(opened.refusal)
  const granted = await grantTokens(parts, request, opened.value.session, content)
  if (!granted.ok) {
    await parts.passwordSessions.discard(facts, opened.value, now)
    return granted
  }
  const confirmed = await parts.passwordSessions.confirm(facts, opened.value, now)
  return confirmed.ok ? granted : asGrantRefusal(confirmed.refusal)
}

const asGrantRefusal = ({ code, facts }: Refusal<'wrong_credentials' | 'unavailable'>) =>
  refuse(code === 'unavailable' ? code : 'invalid_grant', facts)

/** Tokens under the session, with a refresh token where the application is registered for one. */
async function grantTokens(
  parts: PasswordGrantParts,
  request: GrantRequest,
  session: LiveSession,
  content: GrantContent,
): Promise<Result<GrantedTokens, TokenRefusalCode>> {
  const { application, jkt, now } = request
  const participation = await participationIn(parts.subjects, application, session)
  const begun = await beginFamily(parts, request, { session, content, participation })
  if (!begun.ok) {
    const { code } = begun.refusal
    return code === 'unavailable' ? refuse(code) : refuse('invalid_grant', { check: code })
  }
  const { family, refreshToken } = begun.value
  const asked = { application, jkt, resource: undefined, now }
  const prepared = await prepareTokens(parts, asked, { session, family, content })
  return prepared.ok ? ok({ ...prepared.value, refreshToken, session, family }) : prepared
}

async function beginFamily(
  { grants, refreshLifetimeSeconds: lifetimeSeconds }: PasswordGrantParts,
  { application, now }: GrantRequest,
  {
    session: { userId, sid },
    content,
    participation,
  }: {
    readonly session: LiveSession
    readonly content: GrantContent
    readonly participation: Participation
  },
): Promise<
  Result<
    { readonly family: string; readonly refreshToken?: string },
    'no_session' | 'no_consent' | 'unavailable'
  >
> {
  if (!application.oauth.grantTypes.includes('refresh_token')) {
    return grants.participate({ userId, sid, participation, scope: content.scope, now })
  }
  const binding = { applicationId: application.id }
  const grant = { kind: 'refresh_token', binding, content, lifetimeSeconds } as const
  const minted = await grants.mint({ userId, sid, grant, participation, now })
  return minted.ok ? ok({ family: minted.value.family, refreshToken: minted.value.handle }) : minted
}
