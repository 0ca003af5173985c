/** How a session ends by itself, at the first of its deadlines. */
import type { EpochSeconds } from '../../platform/clock.ts'
import { deadlineOf } from './session.ts'
import type { EndCause, LiveSession, SessionId } from './session.ts'

/** What is said of a session's end: in storage, in the log. */
export interface SessionEnd {
  readonly sid: SessionId
  readonly cause: EndCause
  readonly endedAt: EpochSeconds
}

/** How a session that nobody has ended came to its end by itself, if it has (C19: at the deadline, not after it). */
export function expiryOf(
  session: Pick<LiveSession, 'sid' | 'idleDeadlineAt' | 'absoluteDeadlineAt'>,
  now: EpochSeconds,
): SessionEnd | undefined {
  const endedAt = deadlineOf(session)
  if (now < endedAt) return undefined
  const isIdle = session.idleDeadlineAt < session.absoluteDeadlineAt
  return { sid: session.sid, cause: isIdle ? 'idle_deadline' : 'absolute_deadline', endedAt }
}
