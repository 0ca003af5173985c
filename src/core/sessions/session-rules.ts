/**
 * What ends a session from outside its user's object: a mass cut-off, or a provider that is not configured
 * any more. Nobody visits the object for it: the rules come along with every question that is asked of a
 * session, and with every check of a token, and are applied there and then.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RotatingSecret } from '../../platform/secrets.ts'
import type { CutOff } from '../tokens/cut-off.ts'
import { parseSessionId, startOf } from './session.ts'
import type { EndCause, LiveSession, UserId } from './session.ts'

export interface SessionRules {
  readonly cutOffs: readonly CutOff[]
  /** The identity providers that are configured. */
  readonly providerIds: readonly string[]
}

/** What a rule looks at; both a session and an access token can say it. */
export interface RuledSession {
  readonly userId: string
  readonly sid: string
  readonly providerId: string | undefined
  /** The application that opened the session by itself; or the one that a token or grant is of. */
  readonly applicationId?: string | undefined
  /** When that token or grant was issued. */
  readonly issuedAt?: EpochSeconds | undefined
}

/** A question that brings the rules along; without them, only the object's own word is asked for. */
export interface Ruled {
  readonly rules?: SessionRules | undefined
}

/** What asks users' objects, and brings the rules along. */
export interface AskingParts {
  readonly userSessions: Env['USER_SESSIONS']
  readonly handleKey: RotatingSecret
  /** How long access tokens live: the ends of sessions and grants are remembered at least as long. */
  readonly tokenLifetimeSeconds?: number
  /** What ends sessions from outside their objects; asked with every use of a session. */
  readonly rules?: (now: EpochSeconds) => Promise<Result<SessionRules | undefined, 'unavailable'>>
}

/** How far ahead of ours the clock may be that made a session's id. */
const CLOCK_MARGIN_MILLISECONDS = 60_000

/**
 * Why the session is over, if it is. Whichever cut-off applies is enough: the strictest decides, never the
 * most specific. One that started in the millisecond of a cut-off is over, one a millisecond later is not.
 */
export function findOutsideEnd(
  { userId, sid, providerId, applicationId, issuedAt }: RuledSession,
  { cutOffs, providerIds }: SessionRules,
  now: EpochSeconds,
): EndCause | undefined {
  if (providerId === undefined || !providerIds.includes(providerId)) return 'provider_removed'
  if (cutOffs.length === 0) return undefined
  const startedAt = startBy(sid, now)
  return cutOffs.find(({ scope, id, at }) => {
    // A cut-off of an application leaves the session alone, unless it is the application's own.
    if (scope === 'application') {
      return id === applicationId && (issuedAt === undefined ? startedAt : issuedAt * 1000) <= at
    }
    const applies =
      scope === 'everyone' ||
      (scope === 'provider' && id === providerId) ||
      (scope === 'user' && id === userId)
    return applies && startedAt <= at
  })?.cause
}

/** An id that claims a start to come says nothing of its start: it is older than every cut-off. */
export function startBy(sid: string, now: EpochSeconds): number {
  const sessionId = parseSessionId(sid)
  const startedAt = sessionId === undefined ? 0 : startOf(sessionId)
  return startedAt > (now + 1) * 1000 + CLOCK_MARGIN_MILLISECONDS ? 0 : startedAt
}

export const ruled = (
  userId: UserId,
  { sid, authentication }: Pick<LiveSession, 'sid' | 'authentication'>,
): RuledSession => ({
  userId,
  sid,
  providerId: authentication.providerId,
  applicationId: authentication.applicationId,
})

/** Whether a cut-off of its application has taken a consent away. */
export const isConsentOver = (
  { applicationId, givenAt }: { readonly applicationId: string; readonly givenAt: EpochSeconds },
  rules: SessionRules | undefined,
): boolean =>
  rules?.cutOffs.some(
    ({ scope, id, at }) => scope === 'application' && id === applicationId && givenAt * 1000 <= at,
  ) ?? false

/** Whether a session would be refused at its next use. */
export const isOutlawed = (
  session: RuledSession,
  { rules, now }: Ruled & { readonly now: EpochSeconds },
): boolean => rules !== undefined && findOutsideEnd(session, rules, now) !== undefined
