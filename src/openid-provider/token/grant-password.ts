/**
 * `grant_type=password` (RFC 6749 §4.3), for applications that are registered for it and cannot do better: a
 * username and a password of ours open a session, and the application gets its tokens under that. Unknown
 * names, wrong passwords, disabled users and too many attempts are one answer, after the same work.
 */
import type { Config } from '../../config.ts'
import type { EndSession } from '../../core/revocation/end-session.ts'
import type { PasswordAttempts } from '../../core/sessions/password-attempts.ts'
import { LOCAL_PROVIDER_ID } from '../../core/sessions/session.ts'
import type { LiveSession, UserId } from '../../core/sessions/session.ts'
import type { Sessions } from '../../core/sessions/sessions.ts'
import type { GrantContent, Participation } from '../../core/sessions/grant.ts'
import type { LocalCredentials } from '../../core/users/local-credentials.ts'
import { profileOf } from '../../core/users/user-profile.ts'
import type { Users } from '../../core/users/user.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import { reduceScope } from '../authorization/scope.ts'
import { participationOf } from './grant-request.ts'
import type {
  GrantRequest,
  GrantedTokens,
  Granting,
  SessionGrantParts,
  TokenRefusalCode,
} from './grant-request.ts'
import { prepareTokens } from './session-tokens.ts'

export interface PasswordGrantParts extends SessionGrantParts {
  readonly config: Pick<Config, 'issuer'>
  readonly localCredentials: Pick<LocalCredentials, 'findByUsername' | 'check' | 'isCurrent'>
  readonly passwordAttempts: PasswordAttempts
  readonly users: Pick<Users, 'find'>
  readonly sessions: Pick<Sessions, 'open'>
  readonly ends: Pick<EndSession, 'endSession'>
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
  const scope = reduceScope(request.scope?.join(' '), application.oauth)
  if (!scope.ok) return scope
  const content: GrantContent = {
    scope: scope.value,
    isOpenId: scope.value.includes('openid') || application.oauth.alwaysIssueIdToken,
    ...(request.resource === undefined ? {} : { resource: request.resource }),
    ...(request.requestedScope === undefined ? {} : { requestedScope: request.requestedScope }),
  }
  const opened = await openSession(parts, request, { username, password })
  if (!opened.ok) return opened
  const { session, version } = opened.value
  const granted = await grantTokens(parts, request, session, content)
  // A password that was changed meanwhile opened this session too late.
  const isCurrent = await parts.localCredentials.isCurrent(session.userId, version)
  if (granted.ok && isCurrent.ok && isCurrent.value) return granted
  // Nobody has been told of the session: it does not stay.
  const { userId, sid } = session
  const cause = 'password_changed'
  await parts.ends.endSession(facts, { userId, sid, cause, now: request.now })
  if (!granted.ok) return granted
  return refuse(isCurrent.ok ? 'invalid_grant' : 'unavailable', { check: 'password_changed' })
}

/** The session that a right password opens. The attempt counts before the password is looked at. */
async function openSession(
  parts: PasswordGrantParts,
  { application, userAgent, continent, now }: GrantRequest,
  { username, password }: { readonly username: string; readonly password: string },
): Promise<Result<{ readonly session: LiveSession; readonly version: string }, TokenRefusalCode>> {
  const { localCredentials, passwordAttempts } = parts
  const holder = await localCredentials.findByUsername(username)
  if (!holder.ok) return holder
  const mayTry = await passwordAttempts.mayTry({ userId: holder.value, username }, now)
  if (!mayTry.ok && mayTry.refusal.code === 'unavailable') return refuse('unavailable')
  // Also when there were too many attempts: a quick no would tell names that are somebody's from all others.
  const checked = await localCredentials.check(username, password)
  if (!mayTry.ok) return refuse('invalid_grant', { check: 'throttled' })
  if (!checked.ok) {
    const { code } = checked.refusal
    return code === 'unavailable' ? refuse(code) : refuse('invalid_grant', { check: code })
  }
  const { userId, version } = checked.value
  // The name changed hands between the two looks: what was counted was counted for somebody else.
  if (userId !== holder.value) return refuse('invalid_grant', { check: 'changed_meanwhile' })
  const found = await findUser(parts, userId)
  if (!found.ok) return found
  const user = found.value
  if (user === undefined || user.status === 'disabled')
    return refuse('invalid_grant', { check: 'user_disabled' })
  const opened = await parts.sessions.open({
    userId,
    authentication: {
      providerId: LOCAL_PROVIDER_ID,
      issuer: parts.config.issuer,
      subject: userId,
      authTime: now,
      amr: ['pwd'],
      applicationId: application.id,
    },
    profile: profileOf(user),
    userAgent,
    continent,
    now,
  })
  if (!opened.ok) {
    const { code } = opened.refusal
    return code === 'unavailable' ? refuse(code) : refuse('invalid_grant', { check: code })
  }
  await passwordAttempts.forget(userId)
  return ok({ session: opened.value.session, version })
}

async function findUser({ users }: Pick<PasswordGrantParts, 'users'>, userId: UserId) {
  try {
    return ok(await users.find(userId))
  } catch (thrown) {
    log('error', { event: 'directory.failed', error: describeThrown(thrown) })
    return refuse('unavailable')
  }
}

/** Tokens under the session, with a refresh token where the application is registered for one. */
async function grantTokens(
  parts: PasswordGrantParts,
  request: GrantRequest,
  session: LiveSession,
  content: GrantContent,
): Promise<Result<GrantedTokens, TokenRefusalCode>> {
  const { application, jkt, now } = request
  const participation = await participationOf(parts.subjects, application)(session)
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
