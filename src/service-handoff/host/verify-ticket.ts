import type { HandoffApplication } from '../../core/applications/application.ts'
import type { GrantRefusal, PeekedGrant } from '../../core/sessions/grant.ts'
import { deadlineOf } from '../../core/sessions/session.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { IssuedToken } from '../../core/tokens/application-token.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Refusal, Result } from '../../platform/refusal.ts'
import type { HostParts } from './host-parts.ts'
import { mayEnter } from './open-service.ts'

export interface VerifiedTicket {
  readonly apiSid: string
  readonly accessToken: IssuedToken
  readonly refreshToken: string | undefined
  /** The person as this service knows them. */
  readonly subject: string
  readonly scope: readonly string[]
  readonly session: LiveSession
}

type TicketRefusal = 'token_not_valid' | 'ticket_used' | 'ticket_expired' | 'unavailable'

/**
 * A service shows the ticket that a browser has brought it, and learns who has come. Whatever can fail is done
 * before the ticket is taken, so that none is used up for an answer that could not be given; and it is taken
 * in the session's object, once, however many show it. A ticket of another service stays what it is.
 *
 * A used one is only refused: nothing of what came of it ends, since a browser that reloads the page which it
 * was brought to shows it again.
 */
export async function verifyTicket(
  parts: HostParts,
  { application, ticket, now }: Showing,
): Promise<Result<VerifiedTicket, TicketRefusal>> {
  const { config, grants, handoffSessions, subjects } = parts
  const take = () =>
    grants.take({
      kind: 'handoff_ticket',
      handle: ticket,
      presented: { applicationId: application.id },
      ...(application.handoff.refreshToken && {
        refresh: { lifetimeSeconds: config.session.absoluteSeconds, isKeyBound: false },
      }),
      now,
    })
  const seen = await grants.peek('handoff_ticket', ticket, now)
  if (!seen.ok) {
    // Whose it was, the object tells whoever would take it; and of one that has run out nothing can be taken.
    const taken = seen.refusal.code === 'expired' ? await take() : seen
    return ticketRefused(taken.ok ? seen.refusal : taken.refusal)
  }
  const { binding, content, family, isSpent, session } = seen.value
  if (binding.applicationId !== application.id) return ticketRefused({ code: 'not_bound' })
  if (isSpent) return ticketRefused({ code: 'reused' })
  const { providerId } = session.authentication
  // What is registered now is what holds, also for tickets that are under way.
  if (!mayEnter(application.handoff.identityProviders, { providerId })) {
    return refuse('token_not_valid', { check: 'identity_provider' })
  }
  const scope = content.scope.filter((value) => application.handoff.scope.includes(value))
  const subject = await subjects.subjectFor(application, session.userId)
  const issued = await issueAccess(parts, { application, subject, scope, family, session, now })
  if (!issued.ok) return issued
  const indexed = await handoffSessions.index({ applicationId: application.id, session, now })
  if (!indexed.ok) return indexed

  const taken = await take()
  if (!taken.ok) return ticketRefused(taken.refusal)
  return ok({
    apiSid: indexed.value.apiSid,
    accessToken: issued.value,
    refreshToken: taken.value.refreshToken,
    subject,
    scope,
    session,
  })
}

interface Showing {
  readonly application: HandoffApplication
  readonly ticket: string
  readonly now: EpochSeconds
}

/** By which a service acts for the person; it expires with the session at the latest. */
export async function issueAccess(
  { applicationTokens }: Pick<HostParts, 'applicationTokens'>,
  input: Pick<PeekedGrant, 'family' | 'session'> & {
    readonly application: HandoffApplication
    readonly subject: string
    readonly scope: readonly string[]
    readonly now: EpochSeconds
  },
): Promise<Result<IssuedToken, 'token_not_valid' | 'unavailable'>> {
  const { application, subject, scope, family, session, now } = input
  const { userId, sid, epoch, authentication } = session
  const { authTime, providerId, acr } = authentication
  const issued = await applicationTokens.issue({
    clientId: application.id,
    subject,
    userId,
    sid,
    epoch,
    family,
    authTime,
    providerId,
    ...(acr !== undefined && { acr }),
    scope,
    notAfter: deadlineOf(session),
    now,
  })
  if (issued.ok) return issued
  const { code, facts } = issued.refusal
  return refuse(code === 'unavailable' ? code : 'token_not_valid', facts)
}

/** Only its own service learns that a ticket was used or has expired; to any other it is one of nobody. */
export function ticketRefused({ code, facts }: Refusal<GrantRefusal>) {
  const more = { ...facts, ticket: code }
  switch (code) {
    case 'reused':
      return refuse('ticket_used', more)
    case 'expired':
      return refuse('ticket_expired', more)
    case 'unavailable':
      return refuse('unavailable', more)
    default:
      return refuse('token_not_valid', more)
  }
}
