/**
 * Secrets that an application shows us and that are rotated with overlap: hashes, never a secret. Owns the tables
 * `application_secrets` (client secrets, migrations/0005_applications.sql) and `handoff_keys` (API keys of
 * services, migrations/0010_handoff.sql), which are alike.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { isWithout } from './applications-table.ts'

/** A secret as operators see it: not the secret, and not its hash. */
export interface ListedSecret {
  readonly id: string
  readonly createdAt: EpochSeconds
  /** When it stops being accepted; null while it stays. */
  readonly expiresAt: EpochSeconds | null
}

/** A secret as it is compared with; it may have run out. */
export interface KeptSecret {
  /** SHA-256 of the secret, base64url. */
  readonly hash: string
  readonly expiresAt: EpochSeconds | null
}

export interface NewSecret {
  readonly id: string
  readonly applicationId: string
  /** SHA-256 of the secret, base64url. */
  readonly hash: string
}

/** Nobody needs more at a time: each rotation adds one, and the ones before it run out. */
export const MOST_SECRETS = 10

/** ?2: now. Zero tolerance: a secret that ends now has ended. */
const IS_VALID = `(expires_at IS NULL OR expires_at > ?2)`

const USED_AS = { application_secrets: 'client_secret', handoff_keys: 'handoff' } as const

type Table = keyof typeof USED_AS

export const createRotatedSecretsTable = (directory: D1Database, table: Table) => ({
  /** The application whose secret has this id, and its hash; undefined where it is not valid now. */
  async findValid(
    id: string,
    now: EpochSeconds,
  ): Promise<{ readonly applicationId: string; readonly hash: string } | undefined> {
    const row = await directory
      .prepare(
        `SELECT application_id AS applicationId, hash FROM ${table} WHERE id = ?1 AND ${IS_VALID}`,
      )
      .bind(id, now)
      .first<{ applicationId: string; hash: string }>()
    return row ?? undefined
  },

  async validHashes(applicationId: string, now: EpochSeconds): Promise<readonly string[]> {
    const { results } = await directory
      .prepare(`SELECT hash FROM ${table} WHERE application_id = ?1 AND ${IS_VALID}`)
      .bind(applicationId, now)
      .all<{ hash: string }>()
    return results.map(({ hash }) => hash)
  },

  /** All of an application, for a batch: the statement, and what its result says. */
  reading: (applicationId: string): D1PreparedStatement =>
    directory
      .prepare(`SELECT hash, expires_at AS expiresAt FROM ${table} WHERE application_id = ?1`)
      .bind(applicationId),
  fromReading: (result: D1Result | undefined): readonly KeptSecret[] =>
    (result as D1Result<KeptSecret> | undefined)?.results ?? [],

  /** Those that are valid now, the newest first. */
  async list(applicationId: string, now: EpochSeconds): Promise<readonly ListedSecret[]> {
    const { results } = await directory
      .prepare(
        `SELECT id, created_at AS createdAt, expires_at AS expiresAt FROM ${table}
         WHERE application_id = ?1 AND ${IS_VALID} ORDER BY expires_at IS NULL DESC, created_at DESC, rowid DESC`,
      )
      .bind(applicationId, now)
      .all<ListedSecret>()
    return results
  },

  /** Fails where there is no such application. */
  insertion: ({ id, applicationId, hash }: NewSecret, now: EpochSeconds): D1PreparedStatement =>
    directory
      .prepare(
        `INSERT INTO ${table} (id, application_id, hash, created_at) VALUES (?1, ?2, ?3, ?4)`,
      )
      .bind(id, applicationId, hash, now),

  /**
   * Adds a secret; those before it are accepted until `endsAt`, if not even shorter. False, and nothing is
   * changed, where that would leave the application more than it may have.
   */
  async rotate(
    { id, applicationId, hash }: NewSecret,
    { endsAt, now }: { readonly endsAt: EpochSeconds; readonly now: EpochSeconds },
  ): Promise<boolean> {
    const forget = directory
      .prepare(`DELETE FROM ${table} WHERE application_id = ?1 AND expires_at <= ?2`)
      .bind(applicationId, now)
    const [, added] = await directory.batch([
      forget,
      directory
        .prepare(
          `INSERT INTO ${table} (id, application_id, hash, created_at)
           SELECT ?1, ?2, ?3, ?4 WHERE ?5 <= ?4
             OR (SELECT COUNT(*) FROM ${table} WHERE application_id = ?2) < ?6`,
        )
        .bind(id, applicationId, hash, now, endsAt, MOST_SECRETS),
      directory
        .prepare(
          `UPDATE ${table} SET expires_at = MIN(COALESCE(expires_at, ?3), ?3)
           WHERE application_id = ?1 AND id <> ?2
             AND EXISTS (SELECT 1 FROM ${table} WHERE id = ?2)`,
        )
        .bind(applicationId, id, endsAt),
      forget,
    ])
    return added?.meta.changes === 1
  },

  /** Never the last one that is valid: `last_secret`. */
  async remove(
    applicationId: string,
    id: string,
    now: EpochSeconds,
  ): Promise<Result<undefined, 'unknown_secret' | 'last_secret'>> {
    const [known, removed] = await directory.batch([
      directory
        .prepare(`SELECT id FROM ${table} WHERE application_id = ?1 AND ${IS_VALID} AND id = ?3`)
        .bind(applicationId, now, id),
      directory
        .prepare(
          `DELETE FROM ${table} WHERE application_id = ?1 AND id = ?3 AND
             EXISTS (SELECT 1 FROM ${table} WHERE application_id = ?1 AND id <> ?3 AND ${IS_VALID})`,
        )
        .bind(applicationId, now, id),
    ])
    if (known?.results.length === 0) return refuse('unknown_secret')
    return removed?.meta.changes === 1 ? ok(undefined) : refuse('last_secret')
  },

  /** Of all secrets of an application that uses none. */
  removal: (applicationId: string): D1PreparedStatement =>
    directory
      .prepare(`DELETE FROM ${table} WHERE application_id = ?1 AND ${isWithout(USED_AS[table])}`)
      .bind(applicationId),
})

export type RotatedSecretsTable = ReturnType<typeof createRotatedSecretsTable>
