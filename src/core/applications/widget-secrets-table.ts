/** The table `widget_secrets` (migrations/0009_widgets.sql): sealed secrets, at most two for an application. */
import type { EpochSeconds } from '../../platform/clock.ts'
import { isWithout } from './applications-table.ts'
import type { ListedSecret } from './rotated-secrets-table.ts'

export interface SealedSecret {
  readonly id: string
  readonly applicationId: string
  readonly sealed: string
}

/** ?2: now. Zero tolerance: a secret that ends now has ended. */
const IS_VALID = `(expires_at IS NULL OR expires_at > ?2)`
/** The one that tokens are signed with, then the one before it. */
const NEWEST_FIRST = 'ORDER BY expires_at IS NULL DESC, created_at DESC, rowid DESC'

export const createWidgetSecretsTable = (directory: D1Database) => ({
  async valid(applicationId: string, now: EpochSeconds): Promise<readonly SealedSecret[]> {
    const { results } = await directory
      .prepare(
        `SELECT id, application_id AS applicationId, sealed FROM widget_secrets
         WHERE application_id = ?1 AND ${IS_VALID} ${NEWEST_FIRST}`,
      )
      .bind(applicationId, now)
      .all<SealedSecret>()
    return results
  },

  async list(applicationId: string, now: EpochSeconds): Promise<readonly ListedSecret[]> {
    const { results } = await directory
      .prepare(
        `SELECT id, created_at AS createdAt, expires_at AS expiresAt FROM widget_secrets
         WHERE application_id = ?1 AND ${IS_VALID} ${NEWEST_FIRST}`,
      )
      .bind(applicationId, now)
      .all<ListedSecret>()
    return results
  },

  /** Fails where there is no such application. */
  insertion: (
    { id, applicationId, sealed }: SealedSecret,
    now: EpochSeconds,
  ): D1PreparedStatement =>
    directory
      .prepare(
        `INSERT INTO widget_secrets (id, application_id, sealed, created_at) VALUES (?1, ?2, ?3, ?4)`,
      )
      .bind(id, applicationId, sealed, now),

  /**
   * Adds a secret, in place of the current one, which is accepted until `endsAt`; any before that are gone at
   * once. One transaction: there is never a moment without a secret to sign with, or with two.
   */
  async rotate(
    secret: SealedSecret,
    { endsAt, now }: { readonly endsAt: EpochSeconds; readonly now: EpochSeconds },
  ): Promise<void> {
    const { id, applicationId } = secret
    await directory.batch([
      directory
        .prepare('DELETE FROM widget_secrets WHERE application_id = ?1 AND expires_at IS NOT NULL')
        .bind(applicationId),
      this.insertion(secret, now),
      directory
        .prepare('UPDATE widget_secrets SET expires_at = ?3 WHERE application_id = ?1 AND id <> ?2')
        .bind(applicationId, id, endsAt),
      directory
        .prepare('DELETE FROM widget_secrets WHERE application_id = ?1 AND expires_at <= ?2')
        .bind(applicationId, now),
    ])
  },

  /** Puts the same secret there under another seal, unless the row has changed meanwhile. */
  async reseal(id: string, before: string, sealed: string): Promise<void> {
    await directory
      .prepare('UPDATE widget_secrets SET sealed = ?3 WHERE id = ?1 AND sealed = ?2')
      .bind(id, before, sealed)
      .run()
  },

  /** Of all secrets of what is no widget. */
  removal: (applicationId: string): D1PreparedStatement =>
    directory
      .prepare(`DELETE FROM widget_secrets WHERE application_id = ?1 AND ${isWithout('widget')}`)
      .bind(applicationId),
})
