/**
 * The audit trail. Every accepted or refused security decision leaves exactly one event: one structured
 * log line with a stable name and the request id. Events that concern a known user or session are also
 * stored in the directory (table `audit_events`, append-only), so that what a stranger can cause is bounded.
 */
import { sha256Base64url } from '../../platform/digest.ts'
import { describeThrown, log } from '../../platform/log.ts'
import type { Refusal } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'

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
  | 'session.ended'
  | 'sessions.ended'
  | 'rate.limited'
  | 'request.refused'
  | 'key.rotated'
  | 'key.compromised'

/** Too frequent to be stored: every open tab causes one every few minutes. Their refusals say more. */
const LOGGED_ONLY: ReadonlySet<AuditEventName> = new Set(['access.accepted', 'token.issued'])

export interface AuditEvent {
  readonly event: AuditEventName
  /** Present when the decision concerns a known user: the event is then stored too. */
  readonly userId?: string
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

export function createAudit(directory: D1Database, clock: () => number): Audit {
  return {
    async record(facts, { event, userId, sid, providerId, subject, refusal, facts: more }) {
      const sidHash = sid === undefined ? undefined : await shortHash(sid)
      const reason = refusal?.code
      const details = { ...refusal?.facts, ...more }
      log(refusal === undefined ? 'info' : 'warn', {
        ...details,
        event,
        request_id: facts.requestId,
        user: userId,
        sid_hash: sidHash,
        provider: providerId,
        subject_hash: subject === undefined ? undefined : await shortHash(subject),
        reason,
      })
      if (userId === undefined || LOGGED_ONLY.has(event)) return
      const stored = directory
        .prepare(
          `INSERT INTO audit_events (at, event, request_id, user_id, sid_hash, provider_id, reason, details)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
        )
        .bind(
          clock(),
          event,
          facts.requestId,
          userId,
          sidHash ?? null,
          providerId ?? null,
          reason ?? null,
          JSON.stringify(details),
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
  }
}

const shortHash = async (value: string): Promise<string> =>
  (await sha256Base64url(value)).slice(0, 16)
