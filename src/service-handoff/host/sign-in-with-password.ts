import type { HandoffApplication } from '../../core/applications/application.ts'
import { LOCAL_PROVIDER_ID } from '../../core/sessions/session.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { IssuedToken } from '../../core/tokens/application-token.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { HostParts } from './host-parts.ts'
import { mayEnter } from './open-service.ts'
import { issueAccess } from './verify-ticket.ts'

export interface PasswordSignIn {
  /** By which the application says that it wants to hear of the session's end, or that the person has left it. */
  readonly apiSid: string
  readonly session: LiveSession
  readonly accessToken: IssuedToken
  readonly refreshToken: string | undefined
}

interface Asking {
  readonly application: HandoffApplication
  readonly username: string
  readonly password: string
  readonly userAgent: string | undefined
  readonly facts: RequestFacts
  readonly now: EpochSeconds
}

/**
 * A person's username and password, typed into an application that is registered for the password grant, open a
 * session that ends with that application. What it gets is what a hand-off would give it.
 */
export async function signInWithPassword(
  parts: HostParts,
  asking: Asking,
): Promise<
  Result<
    PasswordSignIn,
    'service_not_allowed' | 'wrong_credentials' | 'token_not_valid' | 'unavailable'
  >
> {
  const { passwordSessions } = parts
  const { application, username, password, userAgent, facts, now } = asking
  if (application.oauth?.grantTypes.includes('password') !== true) {
    return refuse('service_not_allowed', { check: 'grant_types' })
  }
  if (!mayEnter(application.handoff.identityProviders, { providerId: LOCAL_PROVIDER_ID })) {
    return refuse('service_not_allowed', { check: 'identity_provider' })
  }
  const opened = await passwordSessions.open(facts, {
    applicationId: application.id,
    username,
    password,
    userAgent,
    now,
  })
  if (!opened.ok) return opened
  const granted = await grant(parts, asking, opened.value.session)
  if (!granted.ok) {
    await passwordSessions.discard(facts, opened.value, now)
    return granted
  }
  const confirmed = await passwordSessions.confirm(facts, opened.value, now)
  return confirmed.ok ? granted : confirmed
}

type Begun = Result<
  { readonly family: string; readonly handle?: string },
  'no_session' | 'no_consent' | 'unavailable'
>

async function grant(
  parts: HostParts,
  { application, now }: Asking,
  session: LiveSession,
): Promise<Result<PasswordSignIn, 'token_not_valid' | 'unavailable'>> {
  const { config, grants, handoffSessions, subjects } = parts
  const { userId, sid } = session
  const indexed = await handoffSessions.index({ applicationId: application.id, session, now })
  if (!indexed.ok) return indexed
  const { scope, refreshToken: isRefreshable } = application.handoff
  const subject = await subjects.subjectFor(application, userId)
  const participation = {
    applicationId: application.id,
    subject,
    clientSid: await subjects.sessionIdFor(application, sid),
  }
  const begun: Begun = isRefreshable
    ? await grants.mint({
        userId,
        sid,
        participation,
        now,
        grant: {
          kind: 'refresh_token',
          binding: { applicationId: application.id },
          content: { scope, isOpenId: scope.includes('openid') },
          lifetimeSeconds: config.session.absoluteSeconds,
        },
      })
    : await grants.participate({ userId, sid, participation, scope, now })
  if (!begun.ok) {
    const { code, facts } = begun.refusal
    return refuse(code === 'unavailable' ? code : 'token_not_valid', facts)
  }
  const { family } = begun.value
  const issued = await issueAccess(parts, { application, subject, scope, family, session, now })
  if (!issued.ok) return issued
  const { apiSid } = indexed.value
  return ok({ apiSid, session, accessToken: issued.value, refreshToken: begun.value.handle })
}
