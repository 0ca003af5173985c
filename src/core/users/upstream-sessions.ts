/**
 * The index of upstream sessions: whose sessions came from one of them. Owns the table `upstream_sessions`
 * (migrations/0001_directory.sql). It says where to look; whether a session lives, its user's object says.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { UserId } from '../sessions/session.ts'
import type { SignInIdentity } from './user.ts'
import { HOLDER_SQL } from './users-table.ts'

/** For the batch of a sign-in, after whoever signs in is there: none where they may not come in. */
export function upstreamSessionIndexing(
  directory: D1Database,
  { issuer, subject, upstreamSession, now }: SignInIdentity,
): readonly D1PreparedStatement[] {
  if (upstreamSession === undefined) return []
  const { upstreamSid, sid, expiresAt } = upstreamSession
  return [
    // Every row that comes takes some that are over with it: the table stays small between sweeps.
    directory
      .prepare(
        `DELETE FROM upstream_sessions WHERE rowid IN
           (SELECT rowid FROM upstream_sessions WHERE expires_at <= ?1 LIMIT 20)`,
      )
      .bind(now),
    directory
      .prepare(
        `INSERT INTO upstream_sessions (issuer, upstream_sid, user_id, sid, expires_at)
         SELECT ?1, ?3, users.id, ?4, ?5 ${HOLDER_SQL} AND users.status = 'active'`,
      )
      .bind(issuer, subject, upstreamSid, sid, expiresAt),
  ]
}

/** The rows of upstream sessions that are over, whether anybody signs in or not. */
export async function forgetUpstreamSessions(
  directory: D1Database,
  now: EpochSeconds,
): Promise<void> {
  await directory.prepare('DELETE FROM upstream_sessions WHERE expires_at <= ?1').bind(now).run()
}

/** Nobody shares an upstream session; a provider that says otherwise is believed so far. */
const MOST_USERS = 20

/** The users who have had sessions from this upstream session that could still live. */
export async function findUsersByUpstreamSession(
  directory: D1Database,
  { issuer, upstreamSid, now }: { issuer: string; upstreamSid: string; now: EpochSeconds },
): Promise<readonly UserId[]> {
  const { results } = await directory
    .prepare(
      `SELECT DISTINCT user_id FROM upstream_sessions
       WHERE issuer = ?1 AND upstream_sid = ?2 AND expires_at > ?3 LIMIT ?4`,
    )
    .bind(issuer, upstreamSid, now, MOST_USERS)
    .all<{ user_id: UserId }>()
  return results.map(({ user_id }) => user_id)
}
