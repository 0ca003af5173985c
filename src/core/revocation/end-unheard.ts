import type { EpochSeconds } from '../../platform/clock.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { SessionId, UserId } from '../sessions/session.ts'
import type { EndSession } from './end-session.ts'

/**
 * Ends, behind the answer to the request, a session whose opening was not heard of: it may be the object's answer
 * that was lost, and then nobody has the handle of what is open.
 */
export const endUnheard = (
  ends: Pick<EndSession, 'endSession'>,
  facts: RequestFacts,
  session: { readonly userId: UserId; readonly sid: SessionId; readonly now: EpochSeconds },
): void => facts.waitUntil(ends.endSession(facts, { ...session, cause: 'sign_in_unfinished' }))
