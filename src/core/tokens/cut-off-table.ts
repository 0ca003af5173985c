import { CUT_OFF_KEPT_MILLISECONDS, MOST_USER_CUT_OFFS } from './cut-off.ts'
import type { CutOff, EpochMilliseconds } from './cut-off.ts'

/**
 * The cut-offs that the key ring publishes (`published_cut_offs`): the newest of each scope and id, since a
 * later one ends whatever an earlier one did. Every method is synchronous, and called inside a transaction
 * when it changes something.
 */
export class CutOffTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS published_cut_offs (
        scope TEXT NOT NULL CHECK (scope IN ('everyone', 'provider', 'user')),
        id TEXT NOT NULL,
        at INTEGER NOT NULL,
        cause TEXT NOT NULL,
        PRIMARY KEY (scope, id)
      ) STRICT;
    `)
  }

  all(): CutOff[] {
    return this.#sql
      .exec<CutOff & Record<string, SqlStorageValue>>(
        'SELECT scope, id, at, cause FROM published_cut_offs ORDER BY at',
      )
      .toArray()
  }

  /**
   * Adds one; undefined when there is no room for another user. `at` grows strictly, whatever the clock
   * does, so that of two cut-offs the later one is always the stricter.
   */
  add({ scope, id, at, cause }: CutOff): CutOff | undefined {
    this.#sql.exec('DELETE FROM published_cut_offs WHERE at < ?', at - CUT_OFF_KEPT_MILLISECONDS)
    const known = this.all()
    const isKnown = known.some((other) => other.scope === scope && other.id === id)
    const users = known.filter((other) => other.scope === 'user').length
    if (scope === 'user' && !isKnown && users >= MOST_USER_CUT_OFFS) return undefined
    const cutOff = { scope, id, at: Math.max(at, (known.at(-1)?.at ?? 0) + 1), cause }
    this.#sql.exec(
      'INSERT OR REPLACE INTO published_cut_offs (scope, id, at, cause) VALUES (?, ?, ?, ?)',
      cutOff.scope,
      cutOff.id,
      cutOff.at,
      cutOff.cause,
    )
    return cutOff
  }

  /** Takes a user's back, up to and including the one of `at`. Whether there was one. */
  removeUser(id: string, at: EpochMilliseconds): boolean {
    const { rowsWritten } = this.#sql.exec(
      `DELETE FROM published_cut_offs WHERE scope = 'user' AND id = ? AND at <= ?`,
      id,
      at,
    )
    return rowsWritten > 0
  }
}
