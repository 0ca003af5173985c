/**
 * How often somebody has tried this user's password lately (`password_attempts`, one row). An attempt counts
 * before the password is looked at, so that any number of guesses at the same time are as many attempts; a
 * right password sets the count back. It throttles passwords and nothing else: a stranger who guesses keeps
 * nobody from signing in through their provider, nor for longer than the window from using the password.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'

export const passwordAttemptsTable = `
  CREATE TABLE password_attempts (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    tried INTEGER NOT NULL,
    window_ends_at INTEGER NOT NULL
  ) STRICT;`

/** So many attempts are looked at in a window, and no more until it ends. */
const MOST_ATTEMPTS = 10
const WINDOW_SECONDS = 900

/** Call inside a transaction. */
export function countPasswordAttempt(
  sql: SqlStorage,
  now: EpochSeconds,
): Result<undefined, 'throttled'> {
  forgetOldPasswordAttempts(sql, now)
  const [{ tried } = { tried: 0 }] = sql
    .exec<{ tried: number }>('SELECT tried FROM password_attempts')
    .toArray()
  if (tried >= MOST_ATTEMPTS) return refuse('throttled')
  sql.exec(
    `INSERT INTO password_attempts (only_row, tried, window_ends_at) VALUES (1, 1, ?)
     ON CONFLICT (only_row) DO UPDATE SET tried = tried + 1`,
    now + WINDOW_SECONDS,
  )
  return ok(undefined)
}

export function forgetPasswordAttempts(sql: SqlStorage): void {
  sql.exec('DELETE FROM password_attempts')
}

export function forgetOldPasswordAttempts(sql: SqlStorage, now: EpochSeconds): void {
  sql.exec('DELETE FROM password_attempts WHERE window_ends_at <= ?', now)
}

/** When the count may be forgotten, if there is one. */
export const nextPasswordAttemptsAt = (sql: SqlStorage): EpochSeconds | undefined =>
  sql.exec<{ at: number }>('SELECT window_ends_at AS at FROM password_attempts').toArray()[0]?.at
