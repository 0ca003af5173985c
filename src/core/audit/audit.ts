/**
 * The audit trail. Every accepted or refused security decision leaves exactly one event: one structured
 * log line with a stable name and the request id. Events that concern a known user or session are also
 * stored in the directory (table `audit_events`, append-only until their time is over), so that what a stranger can
 * cause is bounded.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { describeThrown, log } from '../../platform/log.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { AuditEvent, AuditEventName } from './audit-event.ts'
import { createEventLog, shortHash } from './event-log.ts'

/** Too frequent to be stored: every open tab causes one every few minutes. Their refusals say more. */
const LOGGED_ONLY: ReadonlySet<AuditEventName> = new Set([
  'access.accepted',
  'token.issued',
  'widget_token.issued',
  'operator.read',
  'site.read',
  'tab.connected',
  'tokens.refreshed',
  'introspection.answered',
  'userinfo.told',
  'handoff.refreshed',
])

/** Every five minutes: more than a gateway with ten sign-ins a second adds. */
const FORGOTTEN_AT_ONCE = 10_000

export interface Audit {
  record(facts: RequestFacts, event: AuditEvent): Promise<void>
}

/** What operators read, and what the cron tidies up. */
export interface AuditTrail extends Audit {
  /** Strikes out the oldest, up to a number that a cron has time for. None that is younger than 90 days goes. */
  forgetOlderThan(before: EpochSeconds): Promise<void>
  /** Stored events, newest first: all, or those that concern one user; before the event with the id `before`. */
  list(query: {
    readonly userId?: string | undefined
    readonly before: number
    readonly limit: number
  }): Promise<readonly StoredEvent[]>
}

export interface StoredEvent {
  readonly id: number
  readonly at: number
  readonly event: string
  readonly requestId: string
  readonly userId: string | null
  readonly sidHash: string | null
  readonly providerId: string | null
  readonly reason: string | null
  readonly actor: string | null
  readonly details: Readonly<Record<string, unknown>>
}

export function createAudit(directory: D1Database, clock: () => number): AuditTrail {
  const events = createEventLog()
  return {
    async record(facts, audited) {
      await events.record(facts, audited)
      const { event, actor, userId, sid, providerId, refusal, facts: more } = audited
      const isLoggedOnly = audited.isRoutine === true || LOGGED_ONLY.has(event)
      if ((userId === undefined && actor === undefined) || isLoggedOnly) return
      const sidHash = sid === undefined ? undefined : await shortHash(sid)
      const details = { ...refusal?.facts, ...more }
      const store = async () =>
        directory
          .prepare(
            `INSERT INTO audit_events (at, event, request_id, user_id, sid_hash, provider_id, reason, details, actor)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`,
          )
          .bind(
            clock(),
            event,
            facts.requestId,
            userId ?? null,
            sidHash ?? null,
            providerId ?? null,
            refusal?.code ?? null,
            JSON.stringify(details),
            actor ?? null,
          )
          .run()
      // However it fails, at once or later, what was decided stands and is in the log.
      const stored = store().catch((thrown: unknown) =>
        log('error', {
          event: 'audit.not_stored',
          request_id: facts.requestId,
          error: describeThrown(thrown),
        }),
      )
      facts.waitUntil(stored)
    },

    async forgetOlderThan(before) {
      // Ids are in the order of time but for requests beside each other, so no index by time is needed.
      await directory
        .prepare(
          `DELETE FROM audit_events WHERE at < ?1
             AND id IN (SELECT id FROM audit_events ORDER BY id LIMIT ?2)`,
        )
        .bind(before, FORGOTTEN_AT_ONCE)
        .run()
    },

    async list({ userId, before, limit }) {
      // A condition that restricts nothing would keep the index by user from being used.
      const [ofUser, bound] = userId === undefined ? ['', []] : ['AND user_id = ?', [userId]]
      const { results } = await directory
        .prepare(
          `SELECT id, at, event, request_id AS requestId, user_id AS userId, sid_hash AS sidHash,
             provider_id AS providerId, reason, actor, details
           FROM audit_events WHERE id < ? ${ofUser} ORDER BY id DESC LIMIT ?`,
        )
        .bind(before, ...bound, limit)
        .all<Omit<StoredEvent, 'details'> & { readonly details: string }>()
      return results.map((row) => ({
        ...row,
        details: JSON.parse(row.details) as Record<string, unknown>,
      }))
    },
  }
}
