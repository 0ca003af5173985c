/** What the alarm of a user's object does to the tables, and when it is needed next. */
import type { EpochSeconds } from '../../platform/clock.ts'
import { hasConsents } from './consents-table.ts'
import { forgetSettled, nextDeliveryAt } from './deliveries-table.ts'
import { forgetOldPasswordAttempts, nextPasswordAttemptsAt } from './password-attempts-table.ts'
import { purgeGrants } from './grants-table.ts'
import { askForDueReassertion } from './hint-tasks.ts'
import { dropAll, findTask, nextTaskAt } from './outbox.ts'
import { deleteParticipant, participatedSids, participantsOf } from './participants-table.ts'
import { forgetRevokedIds } from './revoked-ids.ts'
import { endExpired, writeEnd } from './session-ends.ts'
import { forgetSeenLogoutTokens, nextSeenLogoutTokenAt } from './seen-logout-tokens.ts'
import {
  endsByEpoch,
  findSession,
  hasSessionRows,
  lastDeadlineAt,
  nextSessionAt,
  openSessions,
  purgeEnded,
} from './sessions-table.ts'
import type { SessionEnd } from './session-expiry.ts'
import { endedEpochs, findUser, forgetEndedEpoch, mayForgetAt } from './user-table.ts'
import type { UserRow } from './user-table.ts'

/** How the alarm itself spends its time. */
export const alarmTimes = {
  /** It waits so long for the hint to be published. */
  publishWaitMilliseconds: 10_000,
  /** And so long for participants to be told; what takes longer goes on beside it. */
  deliveryWaitMilliseconds: 6000,
  /** After a fault it comes again this much later. */
  retrySeconds: 60,
  /** Our clock may be behind the one that rings. */
  earlyMilliseconds: 1000,
}

/** The most rows that one run writes for an ended epoch: no answer waits longer for them than for a few requests. */
const ROWS_AT_ONCE = 100

/**
 * Brings the tables up to `now`, inside a transaction. Returns the ends that nobody had asked for, and whether the hint may be published now.
 */
export function sweep(
  sql: SqlStorage,
  now: EpochSeconds,
): { ends: SessionEnd[]; isHintDue: boolean } {
  const user = findUser(sql)
  if (user === undefined) return { ends: [], isHintDue: false }
  const ends = [...endExpired(sql, user, now), ...writeDownEndedEpochs(sql, user, now)]
  purgeEnded(sql, now)
  forgetWhatFollowed(sql, user, now)
  forgetSeenLogoutTokens(sql, now)
  forgetOldPasswordAttempts(sql, now)
  forgetSettled(sql, now)
  askForDueReassertion(sql, now)
  // Nobody holds a token that could be judged by the hint: there is nothing left to tell.
  if (now >= Math.max(findUser(sql)!.revokedUntil, lastDeadlineAt(sql, user))) dropAll(sql)
  const task = findTask(sql, 'publish_hint')
  const isPutOff = task !== undefined && task.attempts > 0 && task.dueAt > now
  return { ends, isHintDue: task !== undefined && !isPutOff }
}

/**
 * Deletes what sessions had led to and nothing needs any more. It needs no alarm of its own: every session
 * that it hangs on has one, at its end and when its row goes.
 */
function forgetWhatFollowed(sql: SqlStorage, user: UserRow, now: EpochSeconds): void {
  const sids = openSessions(sql, user).map(({ sid }) => sid)
  purgeGrants(sql, { epoch: user.epoch, sids }, now)
  forgetRevokedIds(sql, now)
  // By then everybody has been told, or given up.
  const gone = participatedSids(sql).filter((sid) => findSession(sql, sid) === undefined)
  for (const part of gone.flatMap((sid) => participantsOf(sql, sid))) deleteParticipant(sql, part)
}

/**
 * Gives the sessions that ended with their epoch their own end. They have been dead since the epoch was
 * raised and whoever asked for it has audited it; returned are those that had run out before.
 */
function writeDownEndedEpochs(sql: SqlStorage, user: UserRow, now: EpochSeconds): SessionEnd[] {
  return endedEpochs(sql).flatMap((epoch) => {
    const ends = endsByEpoch(sql, epoch, ROWS_AT_ONCE)
    for (const end of ends) writeEnd(sql, user, end, now)
    if (ends.length < ROWS_AT_ONCE) forgetEndedEpoch(sql, epoch.epoch)
    return ends.filter(({ endedAt }) => endedAt !== epoch.endedAt)
  })
}

/** When the alarm is needed next; undefined where there is nothing to do but to remember: a disabled user, a consent. */
export function nextAlarmAt(sql: SqlStorage): EpochSeconds | undefined {
  const user = findUser(sql)
  if (user === undefined) return undefined
  const times = [
    nextTaskAt(sql),
    nextSessionAt(sql, user),
    nextSeenLogoutTokenAt(sql),
    nextDeliveryAt(sql),
    nextPasswordAttemptsAt(sql),
    // At once: only then can their participants be told.
    ...endedEpochs(sql).map(({ endedAt }) => endedAt),
  ].filter((at) => at !== undefined)
  if (times.length > 0) return Math.min(...times)
  return isKeptAnyway(sql, user) ? undefined : mayForgetAt(user)
}

/** Somebody has decided on what no deadline ends. */
const isKeptAnyway = (sql: SqlStorage, user: UserRow) =>
  (user.isDisabled && !user.isErased) || hasConsents(sql)

/** Whether the object may be deleted wholly: nothing to end, to tell or to remember, and no counter to keep. */
export function isForgettable(sql: SqlStorage, now: EpochSeconds): boolean {
  const user = findUser(sql)
  return (
    user !== undefined &&
    !isKeptAnyway(sql, user) &&
    !hasSessionRows(sql) &&
    endedEpochs(sql).length === 0 &&
    nextTaskAt(sql) === undefined &&
    nextSeenLogoutTokenAt(sql) === undefined &&
    nextDeliveryAt(sql) === undefined &&
    nextPasswordAttemptsAt(sql) === undefined &&
    now >= mayForgetAt(user)
  )
}
