/**
 * What must still be told to the world outside the object. A task is written in the transaction of the
 * change that it tells of, and is struck out only when it was done, so neither a failure outside nor an
 * eviction in between can lose it.
 */
import type { EpochSeconds } from '../../platform/clock.ts'

export const outboxTable = `
  CREATE TABLE outbox (
    task TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;`

export type OutboxTask =
  /** Write the revocation hint. */
  | 'publish_hint'
  /** Write it again, in case the store lost an acknowledged write. */
  | 'reassert_hint'

export interface OutboxRow {
  /** The user's version that the task tells of. */
  readonly version: number
  /** When the alarm takes the task up. */
  readonly dueAt: EpochSeconds
  readonly attempts: number
}

/** Adds the task, or begins it anew for a later version. */
export function askFor(
  sql: SqlStorage,
  task: OutboxTask,
  { version, dueAt }: Pick<OutboxRow, 'version' | 'dueAt'>,
): void {
  sql.exec(
    `INSERT INTO outbox (task, version, due_at) VALUES (?, ?, ?)
     ON CONFLICT (task) DO UPDATE SET version = excluded.version, due_at = excluded.due_at, attempts = 0`,
    task,
    version,
    dueAt,
  )
}

export function findTask(sql: SqlStorage, task: OutboxTask): OutboxRow | undefined {
  const [row] = sql
    .exec<{ version: number; due_at: number; attempts: number }>(
      'SELECT version, due_at, attempts FROM outbox WHERE task = ?',
      task,
    )
    .toArray()
  return row && { version: row.version, dueAt: row.due_at, attempts: row.attempts }
}

/** Counts an attempt and puts the task off. */
export function putOff(sql: SqlStorage, task: OutboxTask, dueAt: EpochSeconds): void {
  sql.exec('UPDATE outbox SET attempts = attempts + 1, due_at = ? WHERE task = ?', dueAt, task)
}

/** Strikes the task out, unless it was asked for again, for a later version, in the meantime. */
export function settle(sql: SqlStorage, task: OutboxTask, version: number): void {
  sql.exec('DELETE FROM outbox WHERE task = ? AND version <= ?', task, version)
}

export function dropAll(sql: SqlStorage): void {
  sql.exec('DELETE FROM outbox')
}

/** When the alarm is next needed here. */
export const nextTaskAt = (sql: SqlStorage): EpochSeconds | undefined =>
  sql.exec<{ due_at: number | null }>('SELECT MIN(due_at) AS due_at FROM outbox').one().due_at ??
  undefined
