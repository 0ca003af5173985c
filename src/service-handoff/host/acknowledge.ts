import type { HandoffApplication } from '../../core/applications/application.ts'
import type { HandoffSession } from '../../core/applications/handoff-sessions.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { HostParts } from './host-parts.ts'

/**
 * A service has signed the person in, and from here on takes part in the session: it is told when that ends. One
 * that is over already is not there to take part in. Saying it again does nothing.
 */
export async function acknowledge(
  { handoffSessions, grants, subjects, ends }: HostParts,
  {
    application,
    apiSid,
    facts,
    now,
  }: {
    readonly application: HandoffApplication
    readonly apiSid: string
    readonly facts: RequestFacts
    readonly now: EpochSeconds
  },
): Promise<Result<HandoffSession, 'unknown_api_sid' | 'unavailable'>> {
  const found = await handoffSessions.find(apiSid, application.id, now)
  if (!found.ok) return found
  const { userId, sid } = found.value
  const noted = await grants.participate({
    userId,
    sid,
    participation: {
      applicationId: application.id,
      subject: await subjects.subjectFor(application, userId),
      clientSid: apiSid.toLowerCase(),
      protocol: 'handoff',
    },
    scope: application.handoff.scope,
    now,
  })
  if (noted.ok) {
    const still = await handoffSessions.find(apiSid, application.id, now)
    if (still.ok || still.refusal.code === 'unavailable') return still
    // The person has left the service since: it must not be there again behind their back.
    const leaving = { userId, applicationId: application.id, now }
    const left = await ends.disconnectApplication(facts, leaving)
    return left.ok ? still : left
  }
  const { code, facts: more } = noted.refusal
  return refuse(code === 'unavailable' ? code : 'unknown_api_sid', { ...more, check: code })
}
