/**
 * How what an application has of a user ends while the session goes on: a family of grants with its access
 * tokens, or everything at once. Every function here runs inside a transaction; the caller publishes the hint.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { deleteConsent, findConsent } from './consents-table.ts'
import { deleteFamily, grantsOf } from './grants-table.ts'
import { endParticipant, participations } from './participants-table.ts'
import { revokeIds } from './revoked-ids.ts'
import { endSessions } from './session-ends.ts'
import { startBy } from './session-rules.ts'
import type { EndCause } from './session.ts'
import { expiryOf } from './session-expiry.ts'
import { openSessions, tokensUntil } from './sessions-table.ts'
import type { UserRow } from './user-table.ts'

/** Ends families of grants, and revokes their access tokens, where any could be alive. */
export function endFamilies(
  sql: SqlStorage,
  user: UserRow,
  families: readonly string[],
  now: EpochSeconds,
): void {
  const alive = families.filter((family) => deleteFamily(sql, family) > now)
  revokeIds(sql, user, alive, now)
}

/** Revokes an access token by its `jti`, or a family by its `gid`, whether or not it is known here. */
export function revokeToken(sql: SqlStorage, user: UserRow, id: string, now: EpochSeconds): void {
  deleteFamily(sql, id)
  revokeIds(sql, user, [id], now)
}

export interface EndOfApplication {
  readonly applicationId: string
  /** What began then or earlier, in epoch milliseconds; everything when undefined. */
  readonly startedBy?: number
  readonly cause: EndCause
}

/** What an application has lost of one user. */
export interface ApplicationEnded {
  /** Sessions that it had opened itself. */
  readonly ended: number
  readonly grants: number
  readonly isChanged: boolean
}

/**
 * Ends everything that an application has of the user: consent, grants, tokens, the sessions that it opened
 * itself, and its part in the others, so that it is told. Doing it again does nothing.
 */
export function endForApplication(
  sql: SqlStorage,
  user: UserRow,
  { applicationId, startedBy = Infinity, cause }: EndOfApplication,
  now: EpochSeconds,
): ApplicationEnded {
  const isOver = (at: EpochSeconds) => at * 1000 <= startedBy
  const consent = findConsent(sql, applicationId)
  const isWithdrawn =
    consent !== undefined && isOver(consent.givenAt) && deleteConsent(sql, applicationId)
  const grants = grantsOf(sql, applicationId).filter(({ createdAt }) => isOver(createdAt))
  endFamilies(sql, user, [...new Set(grants.map(({ family }) => family))], now)
  const parts = participations(sql, applicationId).filter(
    ({ end, lastAt }) => end === undefined && isOver(lastAt),
  )
  for (const part of parts) endParticipant(sql, part, { cause, endedAt: now })
  const withTokens = parts.filter(({ lastAt }) => tokensUntil(user, lastAt) > now)
  revokeIds(
    sql,
    user,
    withTokens.map(({ family }) => family),
    now,
  )
  const opened = openSessions(sql, user).filter(
    (session) =>
      session.authentication.applicationId === applicationId &&
      startBy(session.sid, now) <= startedBy &&
      expiryOf(session, now) === undefined,
  )
  const ends = opened.map(({ sid }) => ({ sid, cause, endedAt: now }))
  const { length: ended } = endSessions(sql, user, ends, now)
  const isChanged = isWithdrawn || grants.length + parts.length + ended > 0
  return { ended, grants: grants.length, isChanged }
}
