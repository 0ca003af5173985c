import type { HandoffApplication } from '../../core/applications/application.ts'
import type { HandoffSession } from '../../core/applications/handoff-sessions.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { HostParts } from './host-parts.ts'

/**
 * The person has left a service, and leaves us with it: the session ends, with everything that hangs on it, and
 * every other participant is told. Other sessions of theirs go on. Ending what has ended does nothing.
 */
export async function endFromService(
  { handoffSessions, ends }: Pick<HostParts, 'handoffSessions' | 'ends'>,
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
  const ended = await ends.endSession(facts, {
    ...found.value,
    cause: 'handoff_service',
    askedBy: { applicationId: application.id, protocol: 'handoff' },
    now,
  })
  return ended.ok ? ok(found.value) : ended
}
