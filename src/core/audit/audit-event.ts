/** What the audit trail is told. */
import type { Refusal } from '../../platform/refusal.ts'

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
  | 'sessions.end_unconfirmed'
  | 'rate.limited'
  | 'request.refused'
  | 'key.rotated'
  | 'key.compromised'
  | 'operator.refused'
  | 'operator.read'
  | 'user.disable_pending'
  | 'user.enabled'
  | 'user.erased'
  | 'user.exported'
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
  | 'shared_session.registered'
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

export interface AuditEvent {
  readonly event: AuditEventName
  /** Who decided, where it was not the person concerned: the event is then stored too. */
  readonly actor?: 'operator'
  /** Present when the decision concerns a known user: the event is then stored too. */
  readonly userId?: string
  /** It follows from a decision that was stored, or concerns nobody, and comes often: logged only. */
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
