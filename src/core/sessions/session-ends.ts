/**
 * How sessions end inside a user's object: whatever the cause, the end is written down once, and the hint
 * is asked for in the same transaction. Every function here runs inside one.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { sha256Base64url } from '../../platform/digest.ts'
import { log } from '../../platform/log.ts'
import { takeOver } from './deliveries-table.ts'
import type { ParticipantProtocol } from './grant.ts'
import { askForHint } from './hint-tasks.ts'
import { handedOverWith, participantsOf } from './participants-table.ts'
import type { Participant } from './participants-table.ts'
import { findOutsideEnd, ruled, startBy } from './session-rules.ts'
import type { SessionRules } from './session-rules.ts'
import { isSharedSession } from './session.ts'
import type { EndCause, SessionId, UserId } from './session.ts'
import { expiryOf } from './session-expiry.ts'
import { countLive, openSessions, purgeEnded, recordEnd, tokensUntil } from './sessions-table.ts'
import type { SessionEnd } from './session-expiry.ts'
import { extendRevokedUntil, raiseEpoch } from './user-table.ts'
import type { UserRow } from './user-table.ts'

/** A session, and why it ends. */
export interface EndOf {
  readonly sid: SessionId
  readonly cause: EndCause
  readonly now: EpochSeconds
}

/** The end of one session; the participant that has asked for it is not told. */
export interface EndOfOne extends EndOf {
  readonly askedBy?: Pick<Participant, 'applicationId' | 'protocol'> | undefined
}

/** One more, and the oldest ends. */
export const MOST_LIVE_SESSIONS = 50

/**
 * Ends sessions one by one, and notes that their participants have to hear of it. Returns the ends that took effect:
 * what had ended before is left as it was.
 */
export function endSessions(
  sql: SqlStorage,
  user: UserRow,
  ends: readonly SessionEnd[],
  now: EpochSeconds,
): SessionEnd[] {
  const first = ends.filter((end) => writeEnd(sql, user, end, now))
  for (const end of first) extendRevokedUntil(sql, tokensUntil(user, end.endedAt))
  if (first.length > 0) askForHint(sql, now, first.some(isRevoking))
  return first
}

/** The same for ends that somebody asks for by name: sign-outs take along what hangs on the same sign-in. */
export const endWithOthers = (
  sql: SqlStorage,
  user: UserRow,
  ends: readonly SessionEnd[],
  now: EpochSeconds,
): SessionEnd[] => endSessions(sql, user, [...ends, ...endsAlong(sql, user, ends)], now)

/** Somebody says that the person has left; a session that ran out, or gave way to another, says nothing of the kind. */
const SIGN_OUTS: ReadonlySet<EndCause> = new Set<EndCause>([
  'person',
  'provider_back_channel',
  'provider_front_channel',
  'handoff_service',
  'handoff_host',
  'operator',
])

/**
 * Whoever signs out of a session of their own has signed out of what sites share: no site is to know them again
 * by a session that it was started beside. A shared session that ends takes no other with it. Where the host of a
 * hand-off hears of it, whatever else came of its session goes too: it ends that, and does not tell us, who said so.
 */
function endsAlong(
  sql: SqlStorage,
  user: UserRow,
  ends: readonly SessionEnd[],
): readonly SessionEnd[] {
  const signOuts = ends.filter(({ cause }) => SIGN_OUTS.has(cause))
  if (signOuts.length === 0) return []
  const open = openSessions(sql, user)
  const signOut = signOuts.find(({ sid }) =>
    open.some((session) => session.sid === sid && !isSharedSession(session)),
  )
  if (signOut === undefined) return []
  const handedOver = isConcerned('handoff_host', signOut) ? handedOverWith(sql, signOut.sid) : []
  const along = open.filter(
    (session) =>
      (isSharedSession(session) || handedOver.includes(session.sid)) &&
      expiryOf(session, signOut.endedAt) === undefined,
  )
  return along.map(({ sid }) => ({ ...signOut, sid }))
}

/** One session's end, with what has to follow from it wherever it is written. False when it had ended before. */
export function writeEnd(
  sql: SqlStorage,
  user: UserRow,
  end: SessionEnd,
  now: EpochSeconds,
): boolean {
  const isFirst = recordEnd(sql, user, end)
  if (!isFirst) return false
  const told = participantsOf(sql, end.sid).filter(({ protocol }) => isConcerned(protocol, end))
  takeOver(sql, told, end.endedAt, now)
  return true
}

/**
 * Who relies on the session hears of every end. The host that has handed the person over to us hears only that the
 * person has left: that a session ran out here, or gave way to another, says nothing of theirs there.
 */
const isConcerned = (protocol: ParticipantProtocol, { cause }: SessionEnd): boolean =>
  protocol !== 'handoff_host' || cause === 'person' || cause === 'handoff_service'

/** Ends every session but the one of this end. They are few: nobody has more than `MOST_LIVE_SESSIONS`. */
export function endOthers(sql: SqlStorage, user: UserRow, but: SessionEnd): SessionEnd[] {
  const others = openSessions(sql, user).filter(({ sid }) => sid !== but.sid)
  return endSessions(
    sql,
    user,
    others.map(({ sid }) => ({ ...but, sid })),
    but.endedAt,
  )
}

/** Ends all sessions with their epoch, at a cost that does not depend on their number. */
export function endEpoch(
  sql: SqlStorage,
  user: UserRow,
  cause: EndCause,
  now: EpochSeconds,
): { ended: number; epoch: number } {
  const ended = countLive(sql, user, { most: MOST_LIVE_SESSIONS, now })
  const epoch = raiseEpoch(sql, cause, now)
  extendRevokedUntil(sql, tokensUntil(user, now))
  askForHint(sql, now, true)
  return { ended, epoch }
}

/** Ends what has run out by `now`: one session, or all. */
export function endExpired(
  sql: SqlStorage,
  user: UserRow,
  now: EpochSeconds,
  sid?: SessionId,
): SessionEnd[] {
  const sessions = openSessions(sql, user, sid)
  return endSessions(
    sql,
    user,
    sessions.flatMap((session) => expiryOf(session, now) ?? []),
    now,
  )
}

/** Ends the session with this id, if a rule from outside says so. */
export function endOutlawed(
  sql: SqlStorage,
  user: UserRow,
  {
    sid,
    rules,
    now,
  }: {
    readonly sid: SessionId
    readonly rules?: SessionRules | undefined
    readonly now: EpochSeconds
  },
): SessionEnd[] {
  if (rules === undefined) return []
  const ends = openSessions(sql, user, sid).flatMap((session): SessionEnd[] => {
    const cause = findOutsideEnd(ruled(user.id, session), rules, now)
    return cause === undefined ? [] : [{ sid, cause, endedAt: now }]
  })
  return endSessions(sql, user, ends, now)
}

/** The end of many sessions, as far as one user is concerned. */
export interface EndBefore {
  /** Sessions that started then or earlier, in epoch milliseconds. */
  readonly startedBy: number
  /** Only those that came from this identity provider. */
  readonly providerId?: string
  readonly cause: EndCause
}

/**
 * Ends the sessions that started by then: with their epoch where none of the others is left, else one by
 * one. What has ended or run out already is left as it was, so doing it again does nothing.
 */
export function endBefore(
  sql: SqlStorage,
  user: UserRow,
  { startedBy, providerId, cause }: EndBefore,
  now: EpochSeconds,
): { ended: number; expired: SessionEnd[] } {
  const expired = endExpired(sql, user, now)
  const open = openSessions(sql, user)
  const condemned = open.filter(
    ({ sid, authentication }) =>
      startBy(sid, now) <= startedBy &&
      (providerId === undefined || authentication.providerId === providerId),
  )
  if (condemned.length === 0) return { ended: 0, expired }
  if (condemned.length === open.length) {
    return { ended: endEpoch(sql, user, cause, now).ended, expired }
  }
  const ends = condemned.map(({ sid }): SessionEnd => ({ sid, cause, endedAt: now }))
  return { ended: endSessions(sql, user, ends, now).length, expired }
}

/** Ends the oldest sessions, those of applications first, until one more fits, and deletes what is left of too many ended ones. */
export function makeRoom(sql: SqlStorage, user: UserRow, now: EpochSeconds): SessionEnd[] {
  purgeEnded(sql, now)
  const expired = endExpired(sql, user, now)
  const live = openSessions(sql, user)
  const isOwn = ({ authentication }: (typeof live)[number]) =>
    authentication.applicationId !== undefined
  // An application that opens one after the other must not sign the person out elsewhere.
  const giveWay = [...live.filter(isOwn), ...live.filter((session) => !isOwn(session))]
  const surplus = giveWay.slice(0, Math.max(0, live.length + 1 - MOST_LIVE_SESSIONS))
  const ends = surplus.map(({ sid }): SessionEnd => ({
    sid,
    cause: 'too_many_sessions',
    endedAt: now,
  }))
  return [...expired, ...endSessions(sql, user, ends, now)]
}

/** No token outlives its session's deadlines, so at a deadline none is alive to be revoked. */
const isRevoking = ({ cause }: SessionEnd): boolean =>
  cause !== 'idle_deadline' && cause !== 'absolute_deadline'

/** The log line of an end that nobody had asked for, as the audit trail writes it of the others. */
export async function logEnd(user: UserId | undefined, { sid, cause }: SessionEnd): Promise<void> {
  const hash = await sha256Base64url(sid)
  log('info', { event: 'session.ended', user, sid_hash: hash.slice(0, 16), cause })
}
