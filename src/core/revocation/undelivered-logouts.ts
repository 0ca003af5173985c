/**
 * The logouts that an application was not told of, however often it was tried: for 31 days an operator reads them
 * and puts them back. Owns the table `undelivered_logouts` of the directory.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { REMOVED_KEPT_SECONDS } from '../applications/applications-table.ts'
import type { Replayed } from '../sessions/deliveries-table.ts'
import type { Delivery } from '../sessions/delivery.ts'
import type { UndeliveredLogout } from './logout-delivery.ts'

/** A listed logout with what is needed to put it back. */
export interface KeptLogout {
  readonly delivery: Replayed
  readonly givenUpAt: EpochSeconds
}

export interface UndeliveredLogouts {
  /** Once, however often it is asked; of one that was put back and given up again, the later is kept. */
  keep(delivery: Delivery, givenUpAt: EpochSeconds): Promise<void>
  find(id: string): Promise<KeptLogout | undefined>
  /** Newest first; `before` is the id of the last one seen. After one that was put back, the list begins anew. */
  list(page: {
    readonly before: string | undefined
    readonly limit: number
  }): Promise<readonly UndeliveredLogout[]>
  /** Strikes out what was read as given up at that time, and not what was given up again since. */
  strike(id: string, givenUpAt: EpochSeconds): Promise<void>
  /** Those that were given up before the directory forgets a removed application's address. */
  forgetOld(now: EpochSeconds): Promise<void>
}

type Row = Omit<Replayed, 'remembered'> & { remembered: string | null; givenUpAt: number }

export function createUndeliveredLogouts(directory: D1Database): UndeliveredLogouts {
  return {
    async keep(delivery, givenUpAt) {
      await directory
        .prepare(
          `INSERT INTO undelivered_logouts (id, user_id, sid, application_id, subject, client_sid, attempts,
             last_error, ended_at, given_up_at, remembered, protocol)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
           ON CONFLICT (id) DO UPDATE SET attempts = excluded.attempts, last_error = excluded.last_error,
             given_up_at = excluded.given_up_at, remembered = excluded.remembered`,
        )
        .bind(
          delivery.id,
          delivery.userId,
          delivery.sid,
          delivery.applicationId,
          delivery.subject,
          delivery.clientSid,
          delivery.attempts,
          delivery.lastError ?? '',
          delivery.endedAt,
          givenUpAt,
          delivery.remembered ?? null,
          delivery.protocol,
        )
        .run()
    },

    async find(id) {
      const row = await directory
        .prepare(
          `SELECT id, user_id AS userId, sid, application_id AS applicationId, subject,
             client_sid AS clientSid, protocol, ended_at AS endedAt, remembered, given_up_at AS givenUpAt
           FROM undelivered_logouts WHERE id = ?1`,
        )
        .bind(id)
        .first<Row>()
      if (row === null) return undefined
      const { givenUpAt, remembered, ...delivery } = row
      return { delivery: { ...delivery, remembered: remembered ?? undefined }, givenUpAt }
    },

    async list({ before, limit }) {
      const { results } = await directory
        .prepare(
          `SELECT id, user_id AS userId, application_id AS applicationId, attempts,
             last_error AS lastError, ended_at AS endedAt, given_up_at AS givenUpAt
           FROM undelivered_logouts
           WHERE number < COALESCE((SELECT number FROM undelivered_logouts WHERE id = ?1), ?3)
           ORDER BY number DESC LIMIT ?2`,
        )
        .bind(before ?? null, limit, Number.MAX_SAFE_INTEGER)
        .all<UndeliveredLogout>()
      return results
    },

    async strike(id, givenUpAt) {
      await directory
        .prepare('DELETE FROM undelivered_logouts WHERE id = ?1 AND given_up_at = ?2')
        .bind(id, givenUpAt)
        .run()
    },

    async forgetOld(now) {
      await directory
        .prepare('DELETE FROM undelivered_logouts WHERE given_up_at <= ?1')
        .bind(now - REMOVED_KEPT_SECONDS)
        .run()
    },
  }
}
