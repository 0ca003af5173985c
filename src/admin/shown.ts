/** What operators are shown, in the names of the wire. No secret, no hash of one and no token is in it. */
import type { StoredEvent } from '../core/audit/audit.ts'
import type { CanaryRun } from '../core/revocation/canary-runs.ts'
import type { CutOffProgress } from '../core/revocation/cut-off-progress.ts'
import type { LiveSession } from '../core/sessions/session.ts'
import type { KeyDescription } from '../core/tokens/key-ring.ts'
import type { ListedIdentity, ListedUser } from '../core/users/user-directory.ts'

export const showUser = (user: ListedUser) => ({
  id: user.id,
  status: user.status,
  is_disable_pending: user.isDisablePending,
  name: user.name,
  email: user.email,
  email_verified: user.emailVerified,
  created_at: user.createdAt,
  last_sign_in_at: user.lastSignInAt,
})

export const showIdentity = (identity: ListedIdentity) => ({
  issuer: identity.issuer,
  subject: identity.subject,
  provider: identity.providerId,
  created_at: identity.createdAt,
  last_sign_in_at: identity.lastSignInAt,
})

export const showSession = (session: LiveSession) => ({
  sid: session.sid,
  provider: session.authentication.providerId,
  device: session.device,
  started_at: session.startedAt,
  last_used_at: session.lastUsedAt,
  idle_deadline_at: session.idleDeadlineAt,
  absolute_deadline_at: session.absoluteDeadlineAt,
})

export const showKey = (key: KeyDescription) => ({
  kid: key.kid,
  alg: key.alg,
  state: key.state,
  announced_at: key.announcedAt,
  activated_at: key.activatedAt,
  changed_at: key.changedAt,
})

/** `running` while users are left to visit; `incomplete` while some could not be reached. */
export const showCutOff = (progress: CutOffProgress) => ({
  id: progress.id,
  scope: progress.scope,
  ...(progress.scope === 'provider' && { scope_id: progress.scopeId }),
  reason: progress.cause,
  started_by_ms: progress.startedBy,
  created_at: progress.createdAt,
  updated_at: progress.updatedAt,
  state: progress.cursor !== null ? 'running' : progress.failed > 0 ? 'incomplete' : 'done',
  total: progress.total,
  done: progress.visited - progress.failed,
  failed: progress.failed,
  ended_sessions: progress.endedSessions,
  progress_url: `/admin/api/cut-offs/${progress.id}`,
})

export const showEvent = (event: StoredEvent) => ({
  id: event.id,
  at: event.at,
  event: event.event,
  request_id: event.requestId,
  actor: event.actor,
  user: event.userId,
  sid_hash: event.sidHash,
  provider: event.providerId,
  reason: event.reason,
  details: event.details,
})

export const showCanaryRun = (run: CanaryRun) => ({
  at: run.at,
  problem: run.problem,
  accepted_ms: run.acceptedMilliseconds,
  watched_ms: run.watchedMilliseconds,
})
