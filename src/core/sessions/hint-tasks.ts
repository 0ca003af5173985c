/** When the revocation hint has to be written, and written again: the tasks that `HintPublisher` then does. */
import type { EpochSeconds } from '../../platform/clock.ts'
import { askFor, findTask, putOff, settle } from './outbox.ts'
import { findUser, raiseVersion } from './user-table.ts'
import type { UserRow } from './user-table.ts'

/** The alarm takes a fresh task up only after its caller has had this long to do it at once. */
const CALLER_SECONDS = 5
/** First gap between a write and its repetition; each further gap is twice the last. */
const REASSERT_SECONDS = 30

/**
 * Notes, in the transaction of a change, that the hint must be published. `revokes` tells whether tokens
 * may be alive that the change condemns: then the write is repeated until they have expired.
 */
export function askForHint(sql: SqlStorage, now: EpochSeconds, revokes: boolean): void {
  const version = raiseVersion(sql)
  askFor(sql, 'publish_hint', { version, dueAt: now + CALLER_SECONDS })
  if (revokes) askFor(sql, 'reassert_hint', { version, dueAt: now + REASSERT_SECONDS })
}

/**
 * Notes that a session has opened under which tokens may live until `neededUntil`. It changes nothing that the hint
 * says: where KV has it for long enough, there is nothing to write.
 */
export function askForHintUntil(
  sql: SqlStorage,
  { hintGoodUntil }: UserRow,
  neededUntil: EpochSeconds,
  now: EpochSeconds,
): void {
  if (hintGoodUntil < neededUntil) askForHint(sql, now, false)
}

/** The alarm's part, before it publishes: repeats what KV may have lost. */
export function askForDueReassertion(sql: SqlStorage, now: EpochSeconds): void {
  const user = findUser(sql)
  const task = findTask(sql, 'reassert_hint')
  if (user === undefined || task === undefined || task.dueAt > now) return
  if (now < user.revokedUntil) askFor(sql, 'publish_hint', { version: user.version, dueAt: now })
  const nextAt = now + REASSERT_SECONDS * 2 ** (task.attempts + 1)
  if (nextAt < user.revokedUntil) putOff(sql, 'reassert_hint', nextAt)
  else settle(sql, 'reassert_hint', task.version)
}
