/**
 * Logouts that may have come before the sign-in that they concern has finished. Owns the table
 * `early_logouts` (migrations/0003_early_logouts.sql). Whoever receives a logout token writes the marker
 * first, then looks for the user and tells the user's object; whoever finishes a sign-in opens the session
 * first and then looks for a marker, before the session's cookie leaves. So whichever comes second sees the
 * first, and no clock decides it.
 */
import { askDirectory } from '../../platform/ask-directory.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'

/** C4: longer than any sign-in takes, and longer than a logout token is taken. */
export const MARKER_LIFETIME_SECONDS = 900

/** Of one provider; with more than that in a quarter of an hour, the oldest go. */
const MOST_MARKERS = 10_000

/** A logout token that has passed every check. */
export interface ReceivedLogout {
  readonly issuer: string
  readonly subject: string | undefined
  readonly upstreamSid: string | undefined
  /** `user`: it ends all that the subject has; `session`: only the upstream session, if it names one. */
  readonly scope: 'user' | 'session'
  /** SHA-256 of issuer and `jti`, and of the whole token. */
  readonly jtiHash: string
  readonly tokenHash: string
  /** The token's `iat`, by the provider's clock. */
  readonly issuedAt: EpochSeconds
  /** By our clock. */
  readonly receivedAtMilliseconds: number
}

/** A sign-in whose session has just been opened. */
export interface FinishedSignIn {
  readonly issuer: string
  readonly subject: string
  readonly upstreamSid: string | undefined
  /** When the provider authenticated the person, or issued the ID token, by the provider's clock: the earlier. */
  readonly authenticatedAt: EpochSeconds
  /** By our clock. */
  readonly beganAtMilliseconds: number
  readonly now: EpochSeconds
}

export interface EarlyLogouts {
  /**
   * Writes the marker of a logout, once: the same token again changes nothing. `isSettled` says that it had
   * found nobody to be told, and so is not to be looked into again.
   */
  mark(
    logout: ReceivedLogout,
  ): Promise<Result<{ isSettled: boolean }, 'jti_reused' | 'unavailable'>>
  /** Notes that a marked logout concerns nobody who is here: if it comes again, it concerns nobody who came later. */
  settle(
    logout: Pick<ReceivedLogout, 'issuer' | 'jtiHash'>,
  ): Promise<Result<undefined, 'unavailable'>>
  /**
   * Whether a logout has come for this sign-in. One that names its upstream session always concerns it. One
   * that names the subject does if the sign-in had begun when the logout was received, and the person had
   * been authenticated when it was issued: each of the two compares times of one clock.
   */
  findFor(signIn: FinishedSignIn): Promise<Result<{ isSignedOut: boolean }, 'unavailable'>>
  /** Markers that are over, whether another logout comes or not: they name people. */
  forgetExpired(now: EpochSeconds): Promise<void>
}

export function createEarlyLogouts(directory: D1Database): EarlyLogouts {
  const expiry = (now: EpochSeconds) =>
    directory.prepare('DELETE FROM early_logouts WHERE expires_at <= ?1').bind(now)
  return {
    forgetExpired: async (now) => void (await expiry(now).run()),

    mark: (logout) =>
      askDirectory(async () => {
        const { issuer, subject, upstreamSid, receivedAtMilliseconds } = logout
        const now = Math.floor(receivedAtMilliseconds / 1000)
        const isOfSubject =
          subject !== undefined && (logout.scope === 'user' || upstreamSid === undefined)
        const results = await directory.batch<{ token_hash: string; is_settled: number }>([
          expiry(now),
          directory
            .prepare(
              `INSERT INTO early_logouts (issuer, jti_hash, token_hash, subject, upstream_sid, is_of_subject,
                 received_at_ms, not_before, expires_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING`,
            )
            .bind(
              issuer,
              logout.jtiHash,
              logout.tokenHash,
              subject ?? null,
              upstreamSid ?? null,
              isOfSubject ? 1 : 0,
              receivedAtMilliseconds,
              logout.issuedAt,
              now + MARKER_LIFETIME_SECONDS,
            ),
          directory
            .prepare(
              `DELETE FROM early_logouts WHERE issuer = ?1 AND received_at_ms <
                 (SELECT received_at_ms FROM early_logouts WHERE issuer = ?1
                  ORDER BY received_at_ms DESC LIMIT 1 OFFSET ?2)`,
            )
            .bind(issuer, MOST_MARKERS - 1),
          directory
            .prepare(
              'SELECT token_hash, is_settled FROM early_logouts WHERE issuer = ?1 AND jti_hash = ?2',
            )
            .bind(issuer, logout.jtiHash),
        ])
        const marker = results[3]!.results[0]
        return marker !== undefined && marker.token_hash !== logout.tokenHash
          ? refuse('jti_reused')
          : ok({ isSettled: marker?.is_settled === 1 })
      }),

    settle: ({ issuer, jtiHash }) =>
      askDirectory(async () => {
        await directory
          .prepare('UPDATE early_logouts SET is_settled = 1 WHERE issuer = ?1 AND jti_hash = ?2')
          .bind(issuer, jtiHash)
          .run()
        return ok(undefined)
      }),

    findFor: ({ issuer, subject, upstreamSid, authenticatedAt, beganAtMilliseconds, now }) =>
      askDirectory(async () => {
        const found = await directory
          .prepare(
            `SELECT 1 FROM early_logouts
               WHERE issuer = ?1 AND upstream_sid = ?3 AND (subject IS NULL OR subject = ?2)
                 AND expires_at > ?6
             UNION ALL
             SELECT 1 FROM early_logouts
               WHERE issuer = ?1 AND subject = ?2 AND is_of_subject = 1
                 AND received_at_ms >= ?5 AND not_before >= ?4 AND expires_at > ?6
             LIMIT 1`,
          )
          .bind(issuer, subject, upstreamSid ?? null, authenticatedAt, beganAtMilliseconds, now)
          .first()
        return ok({ isSignedOut: found !== null })
      }),
  }
}
