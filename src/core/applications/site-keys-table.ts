/** The table `site_keys` (migrations/0011_shared_sessions.sql): hashes of private keys, never a key. */
import type { EpochSeconds } from '../../platform/clock.ts'
import { isWithout } from './applications-table.ts'

/** A key pair as operators see it: the private key is not in it. */
export interface ListedSiteKey {
  readonly publicKey: string
  readonly createdAt: EpochSeconds
  /** When it stops being accepted; null while it stays. */
  readonly expiresAt: EpochSeconds | null
}

/** What is kept of a key pair. */
export interface KeptSiteKey {
  readonly applicationId: string
  readonly publicKey: string
  /** SHA-256 of the private key, base64url. */
  readonly hash: string
}

export const MOST_SITE_KEYS = 10

/** ?2: now. Zero tolerance: a key that ends now has ended. */
const IS_VALID = `(expires_at IS NULL OR expires_at > ?2)`

export const createSiteKeysTable = (directory: D1Database) => ({
  /** The pairs that are valid now, the newest first. */
  async list(applicationId: string, now: EpochSeconds): Promise<readonly ListedSiteKey[]> {
    const { results } = await directory
      .prepare(
        `SELECT public_key AS publicKey, created_at AS createdAt, expires_at AS expiresAt FROM site_keys
         WHERE application_id = ?1 AND ${IS_VALID} ORDER BY created_at DESC, rowid DESC`,
      )
      .bind(applicationId, now)
      .all<ListedSiteKey>()
    return results
  },

  /** The hash of the private key that belongs to a public one of this application. */
  async validHash(
    applicationId: string,
    publicKey: string,
    now: EpochSeconds,
  ): Promise<string | undefined> {
    const row = await directory
      .prepare(
        `SELECT hash FROM site_keys WHERE application_id = ?1 AND public_key = ?3 AND ${IS_VALID}`,
      )
      .bind(applicationId, now, publicKey)
      .first<{ hash: string }>()
    return row?.hash
  },

  insertion: (
    { applicationId, publicKey, hash }: KeptSiteKey,
    now: EpochSeconds,
  ): D1PreparedStatement =>
    directory
      .prepare(
        'INSERT INTO site_keys (application_id, public_key, hash, created_at) VALUES (?1, ?2, ?3, ?4)',
      )
      .bind(applicationId, publicKey, hash, now),

  /** Those that are there run out by `endsAt`, and a new one comes. False when too many would stay. */
  async rotate(
    key: KeptSiteKey,
    { endsAt, now }: { readonly endsAt: EpochSeconds; readonly now: EpochSeconds },
  ): Promise<boolean> {
    const forget = directory
      .prepare('DELETE FROM site_keys WHERE application_id = ?1 AND expires_at <= ?2')
      .bind(key.applicationId, now)
    const [, , , inserted] = await directory.batch([
      forget,
      directory
        .prepare(
          `UPDATE site_keys SET expires_at = MIN(?2, COALESCE(expires_at, ?2))
           WHERE application_id = ?1
             AND (?2 <= ?4 OR (SELECT COUNT(*) FROM site_keys WHERE application_id = ?1) < ?3)`,
        )
        .bind(key.applicationId, endsAt, MOST_SITE_KEYS, now),
      forget,
      directory
        .prepare(
          `INSERT INTO site_keys (application_id, public_key, hash, created_at)
           SELECT ?1, ?2, ?3, ?4
           WHERE (SELECT COUNT(*) FROM site_keys WHERE application_id = ?1) < ?5`,
        )
        .bind(key.applicationId, key.publicKey, key.hash, now, MOST_SITE_KEYS),
    ])
    return (inserted?.meta.changes ?? 0) > 0
  },

  /** Of all keys of what is no site. */
  removal: (applicationId: string): D1PreparedStatement =>
    directory
      .prepare(
        `DELETE FROM site_keys WHERE application_id = ?1 AND ${isWithout('shared_sessions')}`,
      )
      .bind(applicationId),
})
