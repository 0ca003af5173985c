/**
 * A site has a user of its company removed. First nobody finds the user any more, so that nothing begins for them;
 * then their sessions end; then they are forgotten. Where one of the two breaks off, the site may ask again, and
 * if it does not, the cron goes on from there: nobody stays half removed, whose login and person the company
 * could never use again.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { inGroups } from '../../platform/in-groups.ts'
import { ok } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { Audit } from '../audit/audit.ts'
import type { SiteSessions } from '../users/site-sessions-table.ts'
import type { SiteUser, SiteUsers } from '../users/site-user.ts'
import type { EndSession } from './end-session.ts'
import { endSharedSessions } from './end-shared-sessions.ts'

export interface RemoveSiteUser {
  /** Throws where the directory does not answer. Doing it again goes on from where it was. */
  remove(
    facts: RequestFacts,
    input: {
      readonly user: SiteUser
      /** The site that asks; undefined where none does any more. */
      readonly applicationId: string | undefined
      readonly now: EpochSeconds
    },
  ): Promise<Result<undefined, 'unavailable'>>
  /** Goes on with the removals that broke off. How many are done now. */
  retryPending(facts: RequestFacts, now: EpochSeconds): Promise<number>
}

/** A dozen queries each, of the 1,000 that D1 answers a run of the cron (disable-user.ts). */
const PENDING_AT_MOST = 40
/** An object that does not answer takes ten seconds, and the cron has other things to do. */
const REMOVED_AT_ONCE = 20

export function createRemoveSiteUser(parts: {
  readonly siteUsers: Pick<SiteUsers, 'leave' | 'listLeaving' | 'isKnownElsewhere' | 'remove'>
  readonly siteSessions: Pick<SiteSessions, 'ofUser' | 'forget'>
  readonly ends: Pick<EndSession, 'endSession' | 'endAllSessions'>
  readonly audit: Audit
}): RemoveSiteUser {
  const { siteUsers, siteSessions, ends, audit } = parts

  const remove: RemoveSiteUser['remove'] = async (facts, { user, applicationId, now }) => {
    const { userId, userToken } = user
    await siteUsers.leave(user)
    const isKnownElsewhere = await siteUsers.isKnownElsewhere(user)
    const shared = await siteSessions.ofUser(userToken)
    const ended = isKnownElsewhere
      ? ok(undefined)
      : await ends.endAllSessions(facts, { userId, cause: 'application', now })
    const forgotten = ended.ok ? await endSharedSessions(parts, shared, facts, now) : ended
    if (!forgotten.ok) return forgotten
    await siteUsers.remove(user)
    const more = { ...(applicationId && { application: applicationId }), what: 'deleted' }
    await audit.record(facts, { event: 'site_user.changed', userId, facts: more })
    return ok(undefined)
  }

  return {
    remove,
    async retryPending(facts, now) {
      const leaving = await siteUsers.listLeaving(PENDING_AT_MOST)
      const removed = await inGroups(leaving, REMOVED_AT_ONCE, async (user) =>
        remove(facts, { user, applicationId: undefined, now }),
      )
      return removed.filter(({ ok: isRemoved }) => isRemoved).length
    },
  }
}
