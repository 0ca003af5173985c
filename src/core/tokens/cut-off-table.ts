import {
  CUT_OFF_KEPT_MILLISECONDS,
  MOST_APPLICATION_CUT_OFFS,
  MOST_USER_CUT_OFFS,
} from './cut-off.ts'
import type { CutOff, CutOffScope, EpochMilliseconds } from './cut-off.ts'
import { LONGEST_ACCESS_TOKEN_SECONDS } from './key-lifetimes.ts'

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

/** The life of a token that was minted just before the object was told, and what two clocks may differ by. */
const LAST_TOKEN_MILLISECONDS = (LONGEST_ACCESS_TOKEN_SECONDS + 60) * 1000

/**
 * The cut-offs that the key ring publishes (`published_cut_offs`): the newest of each scope and id, since a
 * later one ends whatever an earlier one did; and the users whose object has been told meanwhile (`told_users`).
 * Every method is synchronous, and called inside a transaction when it changes something.
 */
export class CutOffTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS published_cut_offs ${COLUMNS};
      CREATE TABLE IF NOT EXISTS told_users (id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT`)
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
    this.forgetTold(at)
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

  /**
   * A user's object knows by now what their cut-off of `at` or before says. It stays as long as a token from before
   * could live: what KV has of the object may be older, and would let it in again.
   */
  noteTold(id: string, at: EpochMilliseconds): void {
    this.#sql.exec('INSERT OR REPLACE INTO told_users (id, at) VALUES (?, ?)', id, at)
  }

  /**
   * Takes back those of users that have nothing more to say. That needs no new version of the record: whoever goes
   * on with the one before refuses nothing that would pass.
   */
  forgetTold(now: EpochMilliseconds): void {
    this.#sql.exec(
      `DELETE FROM published_cut_offs WHERE scope = 'user' AND EXISTS (SELECT 1 FROM told_users AS told
         WHERE told.id = published_cut_offs.id AND published_cut_offs.at <= told.at AND told.at <= ?)`,
      now - LAST_TOKEN_MILLISECONDS,
    )
    this.#sql.exec('DELETE FROM told_users WHERE at <= ?', now - LAST_TOKEN_MILLISECONDS)
  }
}
