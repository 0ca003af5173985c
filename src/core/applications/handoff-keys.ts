/**
 * API keys of services: `id.secret`, of which the id finds the row and the secret, 256 random bits, is kept as
 * a hash. A key is of one application for good. Owns the table `handoff_keys` (migrations/0010_handoff.sql).
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { isEqualConstantTime, sha256Base64url } from '../../platform/digest.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { randomId, randomToken } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { Application, HandoffApplication } from './application.ts'
import { createApplications } from './applications.ts'

/** A key that was just made: the only time that it is there to be shown. */
export interface ShownKey {
  readonly id: string
  /** The whole of it, as it stands in the header `apikey`. */
  readonly key: string
}

export interface ListedKey {
  readonly id: string
  readonly createdAt: EpochSeconds
  /** When it stops being accepted; null while it stays. */
  readonly expiresAt: EpochSeconds | null
}

/** Nobody needs more at a time: each rotation adds one, and the ones before it run out. */
export const MOST_KEYS = 10

const KEY = /^([0-9a-f]{32})\.([A-Za-z0-9_-]{43})$/

/** ?2: now. Zero tolerance: a key that ends now has ended. */
const IS_VALID = `(expires_at IS NULL OR expires_at > ?2)`

/** All but `check` throw where the directory does not answer. */
export interface HandoffKeys {
  /** The application whose key this is; all wrong keys look alike, and cost the same. */
  check(
    key: string,
    now: EpochSeconds,
  ): Promise<Result<HandoffApplication, 'wrong_key' | 'unavailable'>>
  /** A key that is not kept yet: `insertion` goes along with the application's own. */
  make(
    applicationId: string,
    now: EpochSeconds,
  ): Promise<{ readonly shown: ShownKey; readonly insertion: D1PreparedStatement }>
  /** After a change: an application that begins to need a key gets one, one that no longer does loses all. */
  keepFor(
    application: Pick<Application, 'id' | 'handoff'>,
    now: EpochSeconds,
  ): Promise<ShownKey | undefined>
  /**
   * A new key; those before it are accepted for `overlapSeconds` more, at most. Throws where there is no such
   * application.
   */
  rotate(
    input: { readonly id: string; readonly overlapSeconds: number },
    now: EpochSeconds,
  ): Promise<Result<ShownKey, 'too_many_secrets'>>
  /** Those that are valid now, the newest first. */
  list(applicationId: string, now: EpochSeconds): Promise<readonly ListedKey[]>
  /** Never the last one that is valid. */
  remove(
    input: { readonly id: string; readonly secretId: string },
    now: EpochSeconds,
  ): Promise<Result<undefined, 'unknown_secret' | 'last_secret'>>
}

export function createHandoffKeys(directory: D1Database): HandoffKeys {
  const applications = createApplications(directory)

  const list: HandoffKeys['list'] = async (applicationId, now) => {
    const { results } = await directory
      .prepare(
        `SELECT id, created_at AS createdAt, expires_at AS expiresAt FROM handoff_keys
         WHERE application_id = ?1 AND ${IS_VALID} ORDER BY expires_at IS NULL DESC, created_at DESC, rowid DESC`,
      )
      .bind(applicationId, now)
      .all<ListedKey>()
    return results
  }

  const newKey = async () => {
    const id = randomId()
    const secret = randomToken()
    return { shown: { id, key: `${id}.${secret}` }, hash: await sha256Base64url(secret) }
  }

  const make: HandoffKeys['make'] = async (applicationId, now) => {
    const { shown, hash } = await newKey()
    const insertion = directory
      .prepare(
        'INSERT INTO handoff_keys (id, application_id, hash, created_at) VALUES (?1, ?2, ?3, ?4)',
      )
      .bind(shown.id, applicationId, hash, now)
    return { shown, insertion }
  }

  return {
    make,
    list,

    async check(key, now) {
      const [, id = '', secret = ''] = KEY.exec(key) ?? []
      try {
        const row = await directory
          .prepare(
            `SELECT application_id AS applicationId, hash FROM handoff_keys WHERE id = ?1 AND ${IS_VALID}`,
          )
          .bind(id, now)
          .first<{ applicationId: string; hash: string }>()
        const presented = await sha256Base64url(secret)
        const isIt = await isEqualConstantTime(row?.hash ?? '', presented)
        if (row === null || !isIt) return refuse('wrong_key')
        const found = await applications.findHandoffService(row.applicationId)
        if (found.ok) return found
        const isGone = found.refusal.code === 'unknown_application'
        return refuse(isGone ? 'wrong_key' : 'unavailable', { application: row.applicationId })
      } catch (thrown) {
        log('error', { event: 'directory.failed', error: describeThrown(thrown) })
        return refuse('unavailable')
      }
    },

    async keepFor({ id, handoff }, now) {
      if (handoff === undefined) {
        await directory.prepare('DELETE FROM handoff_keys WHERE application_id = ?1').bind(id).run()
        return undefined
      }
      if ((await list(id, now)).length > 0) return undefined
      const { shown, insertion } = await make(id, now)
      await insertion.run()
      return shown
    },

    async rotate({ id, overlapSeconds }, now) {
      const { shown, hash } = await newKey()
      const endsAt = now + overlapSeconds
      const forget = directory
        .prepare('DELETE FROM handoff_keys WHERE application_id = ?1 AND expires_at <= ?2')
        .bind(id, now)
      const [, added] = await directory.batch([
        forget,
        directory
          .prepare(
            `INSERT INTO handoff_keys (id, application_id, hash, created_at)
             SELECT ?1, ?2, ?3, ?4 WHERE ?5 <= ?4
               OR (SELECT COUNT(*) FROM handoff_keys WHERE application_id = ?2) < ?6`,
          )
          .bind(shown.id, id, hash, now, endsAt, MOST_KEYS),
        directory
          .prepare(
            `UPDATE handoff_keys SET expires_at = MIN(COALESCE(expires_at, ?3), ?3)
             WHERE application_id = ?1 AND id <> ?2 AND EXISTS (SELECT 1 FROM handoff_keys WHERE id = ?2)`,
          )
          .bind(id, shown.id, endsAt),
        forget,
      ])
      return added?.meta.changes === 1 ? ok(shown) : refuse('too_many_secrets')
    },

    async remove({ id, secretId }, now) {
      const [known, removed] = await directory.batch([
        directory
          .prepare(
            `SELECT id FROM handoff_keys WHERE application_id = ?1 AND ${IS_VALID} AND id = ?3`,
          )
          .bind(id, now, secretId),
        directory
          .prepare(
            `DELETE FROM handoff_keys WHERE application_id = ?1 AND id = ?3 AND
               EXISTS (SELECT 1 FROM handoff_keys WHERE application_id = ?1 AND id <> ?3 AND ${IS_VALID})`,
          )
          .bind(id, now, secretId),
      ])
      if (known?.results.length === 0) return refuse('unknown_secret')
      return removed?.meta.changes === 1 ? ok(undefined) : refuse('last_secret')
    },
  }
}
