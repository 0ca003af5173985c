import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { takeLogoutToken } from './seen-logout-tokens.ts'
import type { LogoutTokenIdentity } from './seen-logout-tokens.ts'
import { endEpoch, endWithOthers } from './session-ends.ts'
import type { Authentication, EndCause, SessionId } from './session.ts'
import { expiryOf } from './session-expiry.ts'
import { openSessions } from './sessions-table.ts'
import type { UserRow } from './user-table.ts'

/** What a provider says has ended: a subject, or an upstream session, or that session of that subject. */
export interface ProviderLogout {
  readonly issuer: string
  readonly subject?: string
  readonly upstreamSid?: string
  /** Only what has come by this id: a host may go by the name of an identity provider. */
  readonly providerId?: string
  /** `user`: all of the user's sessions, whoever they came from. `session`: those that it names, and no other. */
  readonly scope: 'user' | 'session'
  readonly cause: Extract<
    EndCause,
    'provider_back_channel' | 'provider_front_channel' | 'handoff_host'
  >
  /** If it came as a token: it counts once. */
  readonly token?: LogoutTokenIdentity
}

export interface ProviderLogoutOutcome {
  /** The same token had come before; nothing was done. */
  readonly isRepeated: boolean
  readonly ended: number
  /** Those that ended one by one; none when they all ended with their epoch. */
  readonly sids: readonly SessionId[]
}

/** Ends what a provider says has ended, inside one transaction with the taking of its token. */
export function endForProvider(
  sql: SqlStorage,
  user: UserRow,
  logout: ProviderLogout,
  now: EpochSeconds,
): Result<ProviderLogoutOutcome, 'jti_reused'> {
  const taken = logout.token === undefined ? 'taken' : takeLogoutToken(sql, logout.token, now)
  if (taken === 'jti_reused') return refuse('jti_reused')
  if (taken === 'seen') return ok({ isRepeated: true, ended: 0, sids: [] })
  const { cause } = logout
  if (logout.scope === 'user') {
    return ok({ isRepeated: false, ended: endEpoch(sql, user, cause, now).ended, sids: [] })
  }
  const named = openSessions(sql, user)
    .filter((session) => expiryOf(session, now) === undefined)
    .filter(({ authentication }) => isNamed(authentication, logout))
    .map(({ sid }) => ({ sid, cause, endedAt: now }))
  const sids = endWithOthers(sql, user, named, now).map(({ sid }) => sid)
  return ok({ isRepeated: false, ended: sids.length, sids })
}

/** Subject and session, where both are given, must both be the session's own. */
const isNamed = (
  authentication: Authentication,
  { issuer, subject, upstreamSid, providerId = authentication.providerId }: ProviderLogout,
): boolean =>
  authentication.issuer === issuer &&
  authentication.providerId === providerId &&
  (subject !== undefined || upstreamSid !== undefined) &&
  (subject === undefined || authentication.subject === subject) &&
  (upstreamSid === undefined || authentication.upstreamSid === upstreamSid)
