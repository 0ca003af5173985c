import type { EpochSeconds } from '../../platform/clock.ts'
import { parsePublicJwk } from './signing-key.ts'
import type {
  AcceptedKeyState,
  KeyState,
  PublicKeyRecord,
  SigningKeyAlgorithm,
} from './signing-key.ts'

/** One row of `signing_keys`. */
export interface KeyRow {
  readonly kid: string
  readonly alg: SigningKeyAlgorithm
  readonly state: KeyState
  readonly publicJwk: string
  /** Sealed under KEY_ENCRYPTION_KEY; erased as soon as the key signs no more. */
  readonly sealedPrivateKey: string | null
  readonly announcedAt: EpochSeconds
  readonly activatedAt: EpochSeconds | null
  /** When it entered the state it is in. */
  readonly changedAt: EpochSeconds
}

/** A key that was made but is not in the table yet. */
export type NewKey = Pick<KeyRow, 'kid' | 'alg' | 'publicJwk'> & {
  readonly sealedPrivateKey: string
}

/**
 * The tables of the key ring. Every method is synchronous; those that change something are called inside a
 * transaction of the object.
 *
 * `signing_keys`: every key there ever was, one row each; rows stay (a `compromised` or `gone` kid must
 * never come back), private halves do not. At most one key per algorithm is `active`, and one `announced`.
 * `published_record`: one row; `version` counts changes of the public set, `published_version` is the last
 * one that KV has taken.
 */
export class KeyTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS signing_keys (
        kid TEXT PRIMARY KEY,
        alg TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('announced', 'active', 'retiring', 'gone', 'compromised')),
        public_jwk TEXT NOT NULL,
        sealed_private_key TEXT,
        announced_at INTEGER NOT NULL,
        activated_at INTEGER,
        changed_at INTEGER NOT NULL,
        CHECK ((sealed_private_key IS NULL) = (state NOT IN ('announced', 'active')))
      ) STRICT;
      CREATE UNIQUE INDEX IF NOT EXISTS one_active_key ON signing_keys (alg) WHERE state = 'active';
      CREATE UNIQUE INDEX IF NOT EXISTS one_announced_key ON signing_keys (alg) WHERE state = 'announced';
      CREATE TABLE IF NOT EXISTS published_record (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        version INTEGER NOT NULL,
        published_version INTEGER NOT NULL
      ) STRICT;
      INSERT OR IGNORE INTO published_record VALUES (1, 0, 0);
    `)
  }

  all(): KeyRow[] {
    return this.#rows('ORDER BY announced_at, kid')
  }

  find(kid: string): KeyRow | undefined {
    return this.#rows('WHERE kid = ?', kid)[0]
  }

  /** Whether there ever was a key of this algorithm. */
  hasKeyOf(alg: SigningKeyAlgorithm): boolean {
    return this.#rows('WHERE alg = ? LIMIT 1', alg).length > 0
  }

  /** The key of an algorithm that signs, or that will sign next. */
  current(alg: SigningKeyAlgorithm, state: 'active' | 'announced'): KeyRow | undefined {
    return this.#rows('WHERE alg = ? AND state = ?', alg, state)[0]
  }

  /** Retiring keys that entered that state at `before` or earlier. */
  retiredBy(before: EpochSeconds): KeyRow[] {
    return this.#rows(`WHERE state = 'retiring' AND changed_at <= ?`, before)
  }

  announce({ kid, alg, publicJwk, sealedPrivateKey }: NewKey, now: EpochSeconds): void {
    this.#sql.exec(
      `INSERT INTO signing_keys
       (kid, alg, state, public_jwk, sealed_private_key, announced_at, activated_at, changed_at)
       VALUES (?, ?, 'announced', ?, ?, ?, NULL, ?)`,
      kid,
      alg,
      publicJwk,
      sealedPrivateKey,
      now,
      now,
    )
  }

  activate(kid: string, now: EpochSeconds): void {
    this.#sql.exec(
      `UPDATE signing_keys SET state = 'active', activated_at = ?, changed_at = ? WHERE kid = ?`,
      now,
      now,
      kid,
    )
  }

  /** A key leaves use: from here on it can sign nothing more, in nobody's hands. */
  withdraw(kid: string, state: 'retiring' | 'gone' | 'compromised', now: EpochSeconds): void {
    this.#sql.exec(
      'UPDATE signing_keys SET state = ?, sealed_private_key = NULL, changed_at = ? WHERE kid = ?',
      state,
      now,
      kid,
    )
  }

  /** Replaces a sealed key by the same key sealed anew, unless it has changed meanwhile. */
  reseal(kid: string, from: string, to: string): void {
    this.#sql.exec(
      'UPDATE signing_keys SET sealed_private_key = ? WHERE kid = ? AND sealed_private_key = ?',
      to,
      kid,
      from,
    )
  }

  raiseVersion(): void {
    this.#sql.exec('UPDATE published_record SET version = version + 1')
  }

  notePublished(version: number): void {
    this.#sql.exec('UPDATE published_record SET published_version = ?', version)
  }

  isPublished(): boolean {
    return (
      this.#sql
        .exec<{ is_published: number }>(
          'SELECT version = published_version AS is_published FROM published_record',
        )
        .one().is_published === 1
    )
  }

  record(): Omit<PublicKeyRecord, 'cutOffs'> {
    const { version } = this.#sql
      .exec<{ version: number }>('SELECT version FROM published_record')
      .one()
    const keys = this.#rows(
      `WHERE state IN ('announced', 'active', 'retiring') ORDER BY announced_at, kid`,
    )
    return {
      version,
      keys: keys.map(({ state, publicJwk }) => ({
        state: state as AcceptedKeyState,
        jwk: parsePublicJwk(JSON.parse(publicJwk))!,
      })),
    }
  }

  #rows(where: string, ...bindings: (string | number)[]): KeyRow[] {
    return this.#sql
      .exec<KeyRow & Record<string, SqlStorageValue>>(
        `SELECT kid, alg, state, public_jwk AS publicJwk, sealed_private_key AS sealedPrivateKey,
           announced_at AS announcedAt, activated_at AS activatedAt, changed_at AS changedAt
         FROM signing_keys ${where}`,
        ...bindings,
      )
      .toArray()
  }
}
