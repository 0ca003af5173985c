/**
 * Access tokens that were revoked while their session goes on: single ones by their `jti`, those of a family
 * of grants by their `gid`. Both are random ids of one form, so one list serves, here and in the hint.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { askForHint } from './hint-tasks.ts'
import { tokensUntil } from './sessions-table.ts'
import { extendRevokedUntil } from './user-table.ts'
import type { UserRow } from './user-table.ts'

export const revokedIdsTable = `
  CREATE TABLE revoked_ids (
    id TEXT PRIMARY KEY,
    -- Tokens of an earlier epoch are dead without it.
    epoch INTEGER NOT NULL,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX revoked_ids_by_time ON revoked_ids (epoch, until);`

/** Revokes them, inside the transaction of the reason. The caller sees to it that the hint is published. */
export function revokeIds(
  sql: SqlStorage,
  user: UserRow,
  ids: readonly string[],
  now: EpochSeconds,
): void {
  if (ids.length === 0) return
  const until = tokensUntil(user, now)
  for (const id of ids) {
    sql.exec(
      `INSERT INTO revoked_ids (id, epoch, until) VALUES (?1, ?2, ?3)
       ON CONFLICT (id) DO UPDATE SET epoch = ?2, until = MAX(until, ?3)`,
      id,
      user.epoch,
      until,
    )
  }
  extendRevokedUntil(sql, until)
  askForHint(sql, now, true)
}

/** Whether any of these ids of a token was revoked. */
export const isAnyRevoked = (sql: SqlStorage, ids: readonly string[]): boolean =>
  sql.exec<{ is_revoked: number }>(`SELECT ${anyRevokedOf(ids)} AS is_revoked`, ...ids).one()
    .is_revoked === 1

/** The same as an expression in a query; the ids are to be bound. */
export const anyRevokedOf = (ids: readonly string[]): string =>
  `EXISTS (SELECT 1 FROM revoked_ids WHERE revoked_ids.id IN (${ids.map(() => '?').join(', ')}))`

/** Those that tokens of the current epoch could carry. */
export const revokedIds = (
  sql: SqlStorage,
  user: UserRow,
  limit: number,
  now: EpochSeconds,
): { id: string; until: EpochSeconds }[] =>
  sql
    .exec<{ id: string; until: EpochSeconds }>(
      'SELECT id, until FROM revoked_ids WHERE epoch = ? AND until > ? LIMIT ?',
      user.epoch,
      now,
      limit,
    )
    .toArray()

export function forgetRevokedIds(sql: SqlStorage, now: EpochSeconds): void {
  sql.exec('DELETE FROM revoked_ids WHERE until <= ?', now)
}
