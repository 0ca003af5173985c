import type { EpochSeconds } from '../../platform/clock.ts'
import { ok } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { SiteSession, SiteSessions } from '../users/site-sessions-table.ts'
import type { EndSession } from './end-session.ts'

/** Ends the sessions of these tokens, because a site has asked for it. */
export async function endSharedSessions(
  parts: {
    readonly ends: Pick<EndSession, 'endSession'>
    readonly siteSessions: Pick<SiteSessions, 'forget'>
  },
  sessions: readonly SiteSession[],
  facts: RequestFacts,
  now: EpochSeconds,
): Promise<Result<undefined, 'unavailable'>> {
  for (const { userId, sid } of sessions) {
    const ended = await parts.ends.endSession(facts, { userId, sid, cause: 'application', now })
    if (!ended.ok) return ended
  }
  await parts.siteSessions.forget(sessions)
  return ok(undefined)
}
