import type { HandoffApplication } from '../../core/applications/application.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { IssuedToken } from '../../core/tokens/application-token.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Refusal, Result } from '../../platform/refusal.ts'
import type { HostParts } from './host-parts.ts'
import { mayEnter } from './open-service.ts'
import { issueAccess } from './verify-ticket.ts'

export interface Refreshed {
  readonly accessToken: IssuedToken
  readonly refreshToken: string
  readonly session: LiveSession
}

/**
 * A service renews its access token. The refresh token gives way to its successor; shown again after a moment
 * it ends everything that came of it, as at the token endpoint (RFC 9700 §4.14.2).
 */
export async function refreshAccess(
  parts: HostParts,
  input: {
    readonly application: HandoffApplication
    readonly refresh: string
    readonly now: EpochSeconds
  },
): Promise<Result<Refreshed, 'token_not_valid' | 'unavailable'>> {
  const { config, grants, subjects } = parts
  const { application, refresh, now } = input
  if (!application.handoff.refreshToken) return refuse('token_not_valid', { check: 'registration' })
  const { identityProviders } = application.handoff
  if (identityProviders.length > 0) {
    const seen = await grants.peek('refresh_token', refresh, now)
    if (!seen.ok) return notRefreshed(seen.refusal)
    const { isSpent, session } = seen.value
    // What is registered now is what holds. One that was taken before goes on, so that its family ends.
    if (!isSpent && !mayEnter(identityProviders, session.authentication)) {
      return refuse('token_not_valid', { check: 'identity_provider' })
    }
  }
  const rotated = await grants.rotate({
    handle: refresh,
    presented: { applicationId: application.id },
    lifetimeSeconds: config.session.absoluteSeconds,
    now,
  })
  if (!rotated.ok) return notRefreshed(rotated.refusal)
  const { content, family, session, refreshToken } = rotated.value
  const subject = await subjects.subjectFor(application, session.userId)
  const issued = await issueAccess(parts, {
    application,
    subject,
    family,
    session,
    now,
    scope: content.scope.filter((value) => application.handoff.scope.includes(value)),
  })
  return issued.ok ? ok({ accessToken: issued.value, refreshToken, session }) : issued
}

const notRefreshed = ({ code, facts }: Refusal<string>) =>
  refuse(code === 'unavailable' ? code : 'token_not_valid', { ...facts, grant: code })
