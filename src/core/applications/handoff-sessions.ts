/**
 * Where the session is that a service knows by its `api_sid`: the one index that service hand-off needs, since
 * the wire fixes a UUID, which cannot say whose it is. A service has an `api_sid` of its own for each session;
 * it is no secret that opens anything, and is kept as a hash all the same. Owns the table `handoff_sessions`.
 */
import { askDirectory } from '../../platform/ask-directory.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { sha256Base64url } from '../../platform/digest.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { LiveSession, SessionId, UserId } from '../sessions/session.ts'
import type { Subjects } from './subject.ts'

export interface HandoffSession {
  readonly userId: UserId
  readonly sid: SessionId
}

export interface HandoffSessions {
  /** Written before the service learns its `api_sid`. Again for the same session, it changes nothing. */
  index(input: {
    readonly applicationId: string
    readonly session: Pick<LiveSession, 'userId' | 'sid' | 'absoluteDeadlineAt'>
    readonly now: EpochSeconds
  }): Promise<Result<{ readonly apiSid: string }, 'unavailable'>>
  /** The session, live or ended, if it is this service that knows it so. */
  find(
    apiSid: string,
    applicationId: string,
    now: EpochSeconds,
  ): Promise<Result<HandoffSession, 'unknown_api_sid' | 'unavailable'>>
  /** The service knows none of the user's sessions any more. */
  forget(userId: UserId, applicationId: string): Promise<Result<undefined, 'unavailable'>>
  /** Those of which no service may speak any more, whether another one comes or not. */
  forgetExpired(now: EpochSeconds): Promise<void>
}

/** So long after the last deadline a service may still say that its person has left. */
const KEPT_SECONDS = 24 * 3600
/** Rows that one new row clears away: more than come in, so that none stay. */
const CLEARED_AT_ONCE = 20

export function createHandoffSessions({
  directory,
  subjects,
}: {
  readonly directory: D1Database
  readonly subjects: Pick<Subjects, 'sessionIdFor'>
}): HandoffSessions {
  return {
    async index({ applicationId, session: { userId, sid, absoluteDeadlineAt }, now }) {
      const apiSid = toUuid(await subjects.sessionIdFor({ id: applicationId }, sid))
      return askDirectory(async () => {
        await directory.batch([
          directory
            .prepare(
              `DELETE FROM handoff_sessions WHERE api_sid_hash IN
                 (SELECT api_sid_hash FROM handoff_sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)`,
            )
            .bind(now, CLEARED_AT_ONCE),
          directory
            .prepare(
              `INSERT INTO handoff_sessions (api_sid_hash, application_id, user_id, sid, expires_at)
               VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING`,
            )
            .bind(
              await sha256Base64url(apiSid),
              applicationId,
              userId,
              sid,
              absoluteDeadlineAt + KEPT_SECONDS,
            ),
        ])
        return ok({ apiSid })
      })
    },

    find: (apiSid, applicationId, now) =>
      askDirectory(async () => {
        const row = await directory
          .prepare(
            `SELECT user_id AS userId, sid FROM handoff_sessions
             WHERE api_sid_hash = ?1 AND application_id = ?2 AND expires_at > ?3`,
          )
          .bind(await sha256Base64url(apiSid.toLowerCase()), applicationId, now)
          .first<HandoffSession>()
        return row === null ? refuse('unknown_api_sid') : ok(row)
      }),

    forget: (userId, applicationId) =>
      askDirectory(async () => {
        await directory
          .prepare('DELETE FROM handoff_sessions WHERE user_id = ?1 AND application_id = ?2')
          .bind(userId, applicationId)
          .run()
        return ok(undefined)
      }),

    async forgetExpired(now) {
      await directory.prepare('DELETE FROM handoff_sessions WHERE expires_at <= ?1').bind(now).run()
    },
  }
}

/**
 * 32 hexadecimal digits in the form of a UUID (RFC 9562 §5.8, of our own making): what of them is not 122 bits
 * of randomness is the version and the variant.
 */
export function toUuid(digits: string): string {
  const variant = ((Number.parseInt(digits[16] ?? '0', 16) & 0x3) | 0x8).toString(16)
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(13, 16)}`,
    `${variant}${digits.slice(17, 20)}`,
    digits.slice(20),
  ].join('-')
}
