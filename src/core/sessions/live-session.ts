import type { EpochSeconds } from '../../platform/clock.ts'
import { isSameHash } from '../../platform/digest.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { isOutlawed, ruled } from './session-rules.ts'
import type { Ruled } from './session-rules.ts'
import type { Authentication, EndCause, LiveSession, SessionId } from './session.ts'
import { expiryOf } from './session-expiry.ts'
import { findSession, openSessions } from './sessions-table.ts'
import type { SessionRow } from './sessions-table.ts'
import { causeOfEpoch } from './user-table.ts'
import type { UserRow } from './user-table.ts'

/** A session by its id and, where a handle was presented, the hash of the handle's secret. */
export interface SessionQuestion {
  readonly sid: SessionId
  /** 43 base64url characters. */
  readonly secretHash?: string
  readonly now: EpochSeconds
}

/** The one place that says whether a session is live now. A refusal carries the cause of its end. */
export function findLive(
  sql: SqlStorage,
  user: UserRow,
  { sid, secretHash, now }: SessionQuestion,
): Result<SessionRow, 'no_session'> {
  const session = findSession(sql, sid)
  if (session === undefined) return refuse('no_session')
  if (secretHash !== undefined && !isSameHash(session.secretHash, secretHash)) {
    return refuse('no_session')
  }
  const cause = session.endCause ?? expiryOf(session, now)?.cause
  if (cause !== undefined) return refuse('no_session', { cause })
  if (session.epoch === user.epoch) return ok(session)
  return refuse('no_session', { cause: causeOfEpoch(sql, session.epoch) })
}

export interface KeptSignIn {
  readonly authentication: Authentication
  readonly sealedIdToken: string
}

/** How a session was signed in, for whoever holds its handle; that it has ended is no hindrance. */
export function findSignIn(
  sql: SqlStorage,
  { sid, secretHash }: Required<Omit<SessionQuestion, 'now'>>,
): KeptSignIn | undefined {
  const session = findSession(sql, sid)
  if (session === undefined || !isSameHash(session.secretHash, secretHash)) return undefined
  return { authentication: session.authentication, sealedIdToken: session.sealedIdToken }
}

/** The live sessions, newest first. */
export const listLive = (
  sql: SqlStorage,
  user: UserRow,
  question: Ruled & { readonly now: EpochSeconds },
): LiveSession[] =>
  openSessions(sql, user)
    .filter((session) => expiryOf(session, question.now) === undefined)
    .filter((session) => !isOutlawed(ruled(user.id, session), question))
    .map((session) => toLiveSession(user, session))
    .toReversed()

/** How a session ended, if it has; the cause is left out once its row is gone. */
export function findEnd(
  sql: SqlStorage,
  user: UserRow | undefined,
  question: SessionQuestion,
): { readonly cause: EndCause | undefined } | undefined {
  if (user === undefined) return { cause: undefined }
  const live = findLive(sql, user, question)
  return live.ok ? undefined : { cause: live.refusal.facts?.cause as EndCause | undefined }
}

/** What the rest of the house learns of a live session: no hash, no sealed ID token. */
export const toLiveSession = (user: UserRow, session: SessionRow): LiveSession => ({
  userId: user.id,
  sid: session.sid,
  epoch: user.epoch,
  authentication: session.authentication,
  profile: session.profile,
  startedAt: session.startedAt,
  lastUsedAt: session.lastUsedAt,
  idleDeadlineAt: session.idleDeadlineAt,
  absoluteDeadlineAt: session.absoluteDeadlineAt,
  device: session.device,
})
