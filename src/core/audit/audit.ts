/**
 * The audit trail. Every accepted or refused security decision leaves exactly one event: one structured
 * log line with a stable name and the request id. Events that concern a known user or session are also
 * stored in the directory (table `audit_events`, append-only), so that what a stranger can cause is bounded.
 */
import { describeThrown, log } from '../../platform/log.ts'
import type { Refusal } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import { createEventLog, shortHash } from './event-log.ts'

/** Stable names, `noun.outcome`. Grow this list; never rename in it. */
export type AuditEventName =
  | 'login.started'
  | 'login.accepted'
  | 'login.rejected'
  | 'token.issued'
  | 'token.refused'
  | 'access.accepted'
  | 'access.refused'
  | 'logout.accepted'
  | 'logout.rejected'
  | 'logout.delivered'
  | 'logout.not_delivered'
  | 'tab.connected'
  | 'tab.refused'
  | 'account.refused'
  | 'session.ended'
  | 'sessions.ended'
  | 'rate.limited'
  | 'request.refused'
  | 'key.rotated'
  | 'key.compromised'
  | 'operator.refused'
  | 'operator.read'
  | 'user.disable_pending'
  | 'user.enabled'
  | 'user.roles_replaced'
  | 'user.created'
  | 'user.password_set'
  | 'user.password_removed'
  | 'logout.replayed'
  | 'sessions.cut_off'
  | 'handoff.opened'
  | 'handoff.verified'
  | 'handoff.acknowledged'
  | 'handoff.refreshed'
  | 'handoff.signed_in'
  | 'handoff.ended'
  | 'handoff.refused'
  | 'site.refused'
  | 'site.read'
  | 'site.changed'
  | 'site_user.changed'
  | 'site_user.refused'
  | 'shared_session.started'
  | 'shared_session.refused'
  | 'connection.issued'
  | 'connection.taken'
  | 'connection.refused'
  | 'client.refused'
  | 'tokens.issued'
  | 'tokens.refreshed'
  | 'tokens.refused'
  | 'tokens.revoked'
  | 'grant.reused'
  | 'device.asked'
  | 'device.approved'
  | 'device.denied'
  | 'device.refused'
  | 'introspection.answered'
  | 'introspection.refused'
  | 'revocation.answered'
  | 'revocation.refused'
  | 'userinfo.told'
  | 'userinfo.refused'
  | 'authorization.accepted'
  | 'authorization.refused'
  | 'authorization.pushed'
  | 'application.registered'
  | 'application.changed'
  | 'application.removed'
  | 'application.disabled'
  | 'application.enabled'
  | 'application.secret_rotated'
  | 'application.secret_removed'
  | 'application.ended'
  | 'application.disconnected'
  | 'widget_token.issued'
  | 'widget_token.refused'
  | 'widget_token.accepted'
  | 'widget_token.rejected'

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

export interface AuditEvent {
  readonly event: AuditEventName
  /** Who decided, where it was not the person concerned: the event is then stored too. */
  readonly actor?: 'operator'
  /** Present when the decision concerns a known user: the event is then stored too. */
  readonly userId?: string
  /** It follows from a decision that was stored, and comes often: logged only. */
  readonly isRoutine?: boolean
  /** Logged and stored only as a hash. */
  readonly sid?: string
  readonly providerId?: string
  /** The upstream subject; logged only as a hash. */
  readonly subject?: string
  readonly refusal?: Refusal
  /** Further facts; no token, code, cookie, secret or e-mail address. */
  readonly facts?: Readonly<Record<string, string | number | boolean | undefined>>
}

export interface Audit {
  record(facts: RequestFacts, event: AuditEvent): Promise<void>
}

/** What operators read. */
export interface AuditTrail extends Audit {
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
      const stored = directory
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
        .catch((thrown: unknown) =>
          log('error', {
            event: 'audit.not_stored',
            request_id: facts.requestId,
            error: describeThrown(thrown),
          }),
        )
      facts.waitUntil(stored)
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
