import {
  CUT_OFF_KEPT_MILLISECONDS,
  MOST_APPLICATION_CUT_OFFS,
  MOST_USER_CUT_OFFS,
} from './cut-off.ts'
import type { CutOff, CutOffScope, EpochMilliseconds } from './cut-off.ts'

const COLUMNS = `(
  scope TEXT NOT NULL CHECK (scope IN ('everyone', 'provider', 'application', 'user')),
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  cause TEXT NOT NULL,
  PRIMARY KEY (scope, id)
) STRICT`

const MOST_OF_SCOPE: Readonly<Partial<Record<CutOffScope, number>>> = {
  user: MOST_USER_CUT_OFFS,
  application: MOST_APPLICATION_CUT_OFFS,
}

/**
 * The cut-offs that the key ring publishes (`published_cut_offs`): the newest of each scope and id, since a
 * later one ends whatever an earlier one did. Every method is synchronous, and called inside a transaction
 * when it changes something.
 */
export class CutOffTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`CREATE TABLE IF NOT EXISTS published_cut_offs ${COLUMNS}`)
    const { made } = sql
      .exec<{ made: string }>(
        `SELECT sql AS made FROM sqlite_master WHERE name = 'published_cut_offs'`,
      )
      .one()
    // Made when nobody could cut an application off: a check cannot be changed, only made anew.
    if (made.includes(`'application'`)) return
    sql.exec(`
      ALTER TABLE published_cut_offs RENAME TO earlier_cut_offs;
      CREATE TABLE published_cut_offs ${COLUMNS};
      INSERT INTO published_cut_offs SELECT scope, id, at, cause FROM earlier_cut_offs;
      DROP TABLE earlier_cut_offs;
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
   * Adds one; undefined when there is no room for another user or application. `at` grows strictly, whatever the clock
   * does, so that of two cut-offs the later one is always the stricter.
   */
  add({ scope, id, at, cause }: CutOff): CutOff | undefined {
    this.#sql.exec('DELETE FROM published_cut_offs WHERE at < ?', at - CUT_OFF_KEPT_MILLISECONDS)
    const known = this.all()
    const isKnown = known.some((other) => other.scope === scope && other.id === id)
    const { length } = known.filter((other) => other.scope === scope)
    if (!isKnown && length >= (MOST_OF_SCOPE[scope] ?? Infinity)) return undefined
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
