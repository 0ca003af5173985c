import { ok, refuse } from '../../platform/refusal.ts'
import { askUserSessions } from '../sessions/ask-user-sessions.ts'
import type { LogoutDeliveries } from './logout-delivery.ts'
import type { UndeliveredLogouts } from './undelivered-logouts.ts'

/** Nobody who wants to leave is kept waiting longer for applications to answer. */
const REPORT_WAIT_MILLISECONDS = 2000

/** What others learn of the deliveries of users' objects, and of those that were given up. */
export function createLogoutDeliveries({
  userSessions,
  undelivered,
}: {
  readonly userSessions: Env['USER_SESSIONS']
  readonly undelivered: UndeliveredLogouts
}): LogoutDeliveries {
  return {
    participantsOf: (userId, sid) =>
      askUserSessions(userSessions, userId, async (object) =>
        object.reportDeliveries({ sid, waitMilliseconds: REPORT_WAIT_MILLISECONDS }),
      ),
    listUndelivered: (page) => undelivered.list(page),
    async replay(id, now) {
      const kept = await undelivered.find(id)
      if (kept === undefined) return refuse('unknown')
      const { delivery, givenUpAt } = kept
      // The object first: should the rest fail, the list still has it, and it may be replayed twice.
      const back = await askUserSessions(userSessions, delivery.userId, async (object) =>
        object.putDeliveryBack({ delivery, now }),
      )
      if (!back.ok) return back
      await undelivered.strike(id, givenUpAt)
      return ok(undefined)
    },
    forgetOld: (now) => undelivered.forgetOld(now),
  }
}
