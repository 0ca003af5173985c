/**
 * What a user's object knows of the user as a whole: one row, and one row for each epoch that was ended
 * and whose sessions still have to be written down as ended, one by one, by the alarm.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { EndCause, UserId } from './session.ts'

export const userTable = `
  CREATE TABLE user (
    id TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0,
    token_lifetime_seconds INTEGER NOT NULL DEFAULT 0,
    revoked_until INTEGER NOT NULL DEFAULT 0,
    hint_good_until INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE ended_epochs (
    epoch INTEGER PRIMARY KEY,
    ended_at INTEGER NOT NULL,
    cause TEXT NOT NULL
  ) STRICT;`

/** What the column `disabled` may say. */
const NOT_DISABLED = 0
const DISABLED = 1
const ERASED = 2

/** How far two machines' clocks may differ without a token outliving what is remembered of its end. */
export const CLOCK_MARGIN_SECONDS = 60

export interface UserRow {
  readonly id: UserId
  /** Raised when all sessions end. A session is live only in the epoch it was opened in. */
  readonly epoch: number
  /** Raised at every change that the revocation hint tells of. */
  readonly version: number
  readonly isDisabled: boolean
  /** Disabled for good: as soon as no token is left that could be judged by it, the object goes. */
  readonly isErased: boolean
  /** The longest an access token minted here may live; never shrinks. */
  readonly tokenLifetimeSeconds: number
  /** When the last token that was revoked so far has expired. */
  readonly revokedUntil: EpochSeconds
  /** When the record expires that KV has taken, tells this version and lists nothing; 0 where there is none. */
  readonly hintGoodUntil: EpochSeconds
}

/** As expressions in a query of another table. */
export const USER_ID = '(SELECT id FROM user)'
export const PRESENT_EPOCH = '(SELECT epoch FROM user)'

export function findUser(sql: SqlStorage): UserRow | undefined {
  const [row] = sql
    .exec<{
      id: UserId
      epoch: number
      version: number
      disabled: number
      token_lifetime_seconds: number
      revoked_until: number
      hint_good_until: number
    }>('SELECT * FROM user')
    .toArray()
  return (
    row && {
      id: row.id,
      epoch: row.epoch,
      version: row.version,
      isDisabled: row.disabled !== NOT_DISABLED,
      isErased: row.disabled === ERASED,
      tokenLifetimeSeconds: row.token_lifetime_seconds,
      revokedUntil: row.revoked_until,
      hintGoodUntil: row.hint_good_until,
    }
  )
}

/**
 * The row of a user who is new to this object. The counters begin at the clock's seconds, because an idle
 * user's object is deleted and begins anew: so the counters of a later life are above those of an earlier
 * one, and no hint still lying in a cache can speak against a new token (`mayForget` keeps the other half).
 */
export function createUser(sql: SqlStorage, id: UserId, now: EpochSeconds): UserRow {
  sql.exec('INSERT INTO user (id, epoch, version) VALUES (?, ?, ?)', id, now, now)
  return findUser(sql)!
}

/** Whether nothing could go wrong if this row were deleted and the user came back at once. */
export const mayForgetAt = (user: UserRow): EpochSeconds =>
  Math.max(user.revokedUntil, user.version + 5 * CLOCK_MARGIN_SECONDS)

/** How long the access tokens live that the caller mints from a session. */
export interface Minting {
  readonly tokenLifetimeSeconds: number
}

/** Makes known how long tokens live that are about to be minted. */
export function allowTokenLifetime(sql: SqlStorage, user: UserRow, seconds: number): UserRow {
  if (seconds <= user.tokenLifetimeSeconds) return user
  sql.exec('UPDATE user SET token_lifetime_seconds = ?', seconds)
  return { ...user, tokenLifetimeSeconds: seconds }
}

/** Marks that the revocation hint no longer says what is so. */
export function raiseVersion(sql: SqlStorage): number {
  return sql
    .exec<{ version: number }>(
      'UPDATE user SET version = version + 1, hint_good_until = 0 RETURNING version',
    )
    .one().version
}

/** KV has taken the record of this version. That of an earlier one says nothing of what is so by now. */
export function noteHint(sql: SqlStorage, version: number, goodUntil: EpochSeconds): void {
  sql.exec('UPDATE user SET hint_good_until = ? WHERE version = ?', goodUntil, version)
}

/** Remembers that tokens were revoked which may live until `until`. */
export function extendRevokedUntil(sql: SqlStorage, until: EpochSeconds): void {
  sql.exec('UPDATE user SET revoked_until = MAX(revoked_until, ?)', until)
}

/** Ends every session of the current epoch, however many there are, in two rows. Returns the new epoch. */
export function raiseEpoch(sql: SqlStorage, cause: EndCause, now: EpochSeconds): number {
  sql.exec(
    'INSERT INTO ended_epochs (epoch, ended_at, cause) SELECT epoch, ?, ? FROM user',
    now,
    cause,
  )
  return sql.exec<{ epoch: number }>('UPDATE user SET epoch = epoch + 1 RETURNING epoch').one()
    .epoch
}

/** Of who has been erased it changes nothing. */
export function setDisabled(sql: SqlStorage, isDisabled: boolean): void {
  const disabled = isDisabled ? DISABLED : NOT_DISABLED
  sql.exec('UPDATE user SET disabled = ? WHERE disabled <> ?', disabled, ERASED)
}

/** Stays a while at least: a sign-in under way, which still found the person in the directory, must find this. */
export function markErased(sql: SqlStorage, now: EpochSeconds): void {
  sql.exec('UPDATE user SET disabled = ?', ERASED)
  extendRevokedUntil(sql, now + 5 * CLOCK_MARGIN_SECONDS)
}

export interface EndedEpoch {
  readonly epoch: number
  readonly endedAt: EpochSeconds
  readonly cause: EndCause
}

/** Why an epoch ended, as long as sessions of it have not been told. */
export const causeOfEpoch = (sql: SqlStorage, epoch: number): EndCause | undefined =>
  endedEpochs(sql).find((ended) => ended.epoch === epoch)?.cause

export const endedEpochs = (sql: SqlStorage): EndedEpoch[] =>
  sql
    .exec<{ epoch: number; ended_at: number; cause: EndCause }>('SELECT * FROM ended_epochs')
    .toArray()
    .map(({ epoch, ended_at, cause }) => ({ epoch, endedAt: ended_at, cause }))

export function forgetEndedEpoch(sql: SqlStorage, epoch: number): void {
  sql.exec('DELETE FROM ended_epochs WHERE epoch = ?', epoch)
}
