/**
 * The sessions of one user: rows that are opened, used and ended once. A session is live while it has not
 * been ended, the user's epoch is the one it was opened in, and neither of its deadlines has come; this is
 * decided from the row at each use and never from a memory of it.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Authentication, EndCause, LiveSession, Profile, SessionId } from './session.ts'
import { expiryOf } from './session-expiry.ts'
import type { SessionEnd } from './session-expiry.ts'
import { CLOCK_MARGIN_SECONDS } from './user-table.ts'
import type { EndedEpoch, UserRow } from './user-table.ts'

export const sessionsTable = `
  CREATE TABLE sessions (
    sid TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    authentication TEXT NOT NULL,
    profile TEXT NOT NULL,
    device TEXT NOT NULL,
    sealed_id_token TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    idle_seconds INTEGER NOT NULL,
    idle_deadline_at INTEGER NOT NULL,
    absolute_deadline_at INTEGER NOT NULL,
    -- Written together and once: what has ended stays ended.
    ended_at INTEGER,
    end_cause TEXT,
    -- When the last token that could come from it has expired.
    tokens_until INTEGER,
    CHECK ((ended_at IS NULL) = (end_cause IS NULL) AND (ended_at IS NULL) = (tokens_until IS NULL))
  ) STRICT;
  CREATE INDEX sessions_not_ended ON sessions (epoch) WHERE ended_at IS NULL;
  -- So that an end costs no more where thousands of sessions have ended before.
  CREATE INDEX sessions_ended ON sessions (epoch, tokens_until) WHERE ended_at IS NOT NULL;
  CREATE INDEX sessions_needed ON sessions (MAX(tokens_until, absolute_deadline_at))
    WHERE ended_at IS NOT NULL;`

/** A use is written down at most this often, and for short idle times at most ten times in one of them. */
const USE_GRANULARITY_SECONDS = 60

/** How many ended sessions stay for the sake of their ID token alone, the newest first. */
const KEPT_ENDED_SESSIONS = 200

export interface NewSession {
  readonly sid: SessionId
  /** SHA-256 of the handle's secret, 43 base64url characters. */
  readonly secretHash: string
  readonly authentication: Authentication
  readonly profile: Profile
  readonly device: string
  readonly sealedIdToken: string
  readonly idleSeconds: number
  readonly absoluteSeconds: number
}

export interface SessionRow extends Omit<LiveSession, 'userId'> {
  readonly secretHash: string
  readonly sealedIdToken: string
  readonly idleSeconds: number
  readonly endCause: EndCause | undefined
}

type Columns = {
  sid: SessionId
  secret_hash: string
  epoch: number
  authentication: string
  profile: string
  device: string
  sealed_id_token: string
  started_at: number
  last_used_at: number
  idle_seconds: number
  idle_deadline_at: number
  absolute_deadline_at: number
  end_cause: EndCause | null
}

const toRow = (columns: Columns): SessionRow => ({
  sid: columns.sid,
  secretHash: columns.secret_hash,
  epoch: columns.epoch,
  authentication: JSON.parse(columns.authentication) as Authentication,
  profile: JSON.parse(columns.profile) as Profile,
  device: columns.device,
  sealedIdToken: columns.sealed_id_token,
  startedAt: columns.started_at,
  lastUsedAt: columns.last_used_at,
  idleSeconds: columns.idle_seconds,
  idleDeadlineAt: columns.idle_deadline_at,
  absoluteDeadlineAt: columns.absolute_deadline_at,
  endCause: columns.end_cause ?? undefined,
})

/** Throws when the sid exists already, also as an ended one. */
export function insertSession(
  sql: SqlStorage,
  user: UserRow,
  session: NewSession,
  now: EpochSeconds,
): SessionRow {
  const columns = sql
    .exec<Columns>(
      `INSERT INTO sessions (sid, secret_hash, epoch, authentication, profile, device, sealed_id_token,
         started_at, last_used_at, idle_seconds, idle_deadline_at, absolute_deadline_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11) RETURNING *`,
      session.sid,
      session.secretHash,
      user.epoch,
      JSON.stringify(session.authentication),
      JSON.stringify(session.profile),
      session.device,
      session.sealedIdToken,
      now,
      session.idleSeconds,
      now + session.idleSeconds,
      now + session.absoluteSeconds,
    )
    .one()
  return toRow(columns)
}

export function findSession(sql: SqlStorage, sid: SessionId): SessionRow | undefined {
  const [columns] = sql.exec<Columns>('SELECT * FROM sessions WHERE sid = ?', sid).toArray()
  return columns && toRow(columns)
}

/** What decides about a session that nobody has ended, without the rest of its row: for `token-standing.ts`. */
export const DECIDING_SQL = `epoch, idle_deadline_at, absolute_deadline_at,
  authentication ->> 'providerId' AS provider_id, authentication ->> 'applicationId' AS application_id
  FROM sessions WHERE sid = ? AND ended_at IS NULL`

/**
 * The sessions of the current epoch that nobody has ended, oldest first: all, or the one of this id. Some
 * may have run out by now.
 */
export const openSessions = (sql: SqlStorage, user: UserRow, sid?: SessionId): SessionRow[] =>
  (sid === undefined
    ? sql.exec<Columns>(
        `SELECT * FROM sessions WHERE ended_at IS NULL AND epoch = ? ORDER BY started_at, rowid`,
        user.epoch,
      )
    : // By its key: a use of one session costs no more where there are many.
      sql.exec<Columns>(
        'SELECT * FROM sessions WHERE sid = ? AND ended_at IS NULL AND epoch = ?',
        sid,
        user.epoch,
      )
  )
    .toArray()
    .map(toRow)

/** How many sessions are live, without reading what they hold; it counts no further than `most`. */
export const countLive = (
  sql: SqlStorage,
  user: UserRow,
  { most, now }: { readonly most: number; readonly now: EpochSeconds },
): number =>
  sql
    .exec<{ live: number }>(
      `SELECT COUNT(*) AS live FROM (SELECT 1 FROM sessions WHERE ended_at IS NULL AND epoch = ?
       AND idle_deadline_at > ? AND absolute_deadline_at > ? LIMIT ?)`,
      user.epoch,
      now,
      now,
      most,
    )
    .one().live

/** Writes a session's end down. False when it had ended before: the first end is the one that counts. */
export function recordEnd(sql: SqlStorage, user: UserRow, end: SessionEnd): boolean {
  const { rowsWritten } = sql.exec(
    // Nobody is told of the person by it any more, and they may be gone from the directory.
    `UPDATE sessions SET ended_at = ?, end_cause = ?, tokens_until = ?, profile = '{}'
     WHERE sid = ? AND ended_at IS NULL`,
    end.endedAt,
    end.cause,
    tokensUntil(user, end.endedAt),
    end.sid,
  )
  return rowsWritten > 0
}

/** When the last token has expired that was minted before `endedAt`. */
export const tokensUntil = (user: UserRow, endedAt: EpochSeconds): EpochSeconds =>
  endedAt + user.tokenLifetimeSeconds + CLOCK_MARGIN_SECONDS

/** Moves the idle deadline, as a use of the session does; one that follows on another is not written down. */
export function moveIdleDeadline(
  sql: SqlStorage,
  session: SessionRow,
  now: EpochSeconds,
): SessionRow {
  const gap = Math.min(USE_GRANULARITY_SECONDS, Math.floor(session.idleSeconds / 10))
  const isDue = now > session.lastUsedAt && now - session.lastUsedAt >= gap
  if (!isDue) return session
  const idleDeadlineAt = now + session.idleSeconds
  sql.exec(
    'UPDATE sessions SET last_used_at = ?, idle_deadline_at = ? WHERE sid = ?',
    now,
    idleDeadlineAt,
    session.sid,
  )
  return { ...session, lastUsedAt: now, idleDeadlineAt }
}

/**
 * Up to `limit` sessions that an ended epoch took with it and whose rows do not say so yet, with the end
 * that is theirs. One that had run out before its epoch ended ended by running out.
 */
export const endsByEpoch = (sql: SqlStorage, ended: EndedEpoch, limit: number): SessionEnd[] =>
  sql
    .exec<Columns>(
      'SELECT * FROM sessions WHERE ended_at IS NULL AND epoch = ? LIMIT ?',
      ended.epoch,
      limit,
    )
    .toArray()
    .map(toRow)
    .map(
      (session) =>
        expiryOf(session, ended.endedAt) ?? {
          sid: session.sid,
          cause: ended.cause,
          endedAt: ended.endedAt,
        },
    )

/** Sessions of the current epoch that were ended and could still have tokens. Those of earlier epochs need no mention. */
export const endedSids = (
  sql: SqlStorage,
  user: UserRow,
  limit: number,
  now: EpochSeconds,
): { sid: SessionId; until: EpochSeconds }[] =>
  sql
    .exec<{ sid: SessionId; until: EpochSeconds }>(
      `SELECT sid, tokens_until AS until FROM sessions
       WHERE ended_at IS NOT NULL AND epoch = ? AND tokens_until > ? LIMIT ?`,
      user.epoch,
      now,
      limit,
    )
    .toArray()

/**
 * Deletes ended sessions that nothing needs any more: no token of theirs can be alive, and the ID token
 * (kept for the provider's sake until the session's own deadline) is out of date or one of too many.
 */
export function purgeEnded(sql: SqlStorage, now: EpochSeconds): void {
  sql.exec(
    `DELETE FROM sessions WHERE ended_at IS NOT NULL AND tokens_until <= ?1
       AND (absolute_deadline_at <= ?1 OR sid NOT IN (
         SELECT sid FROM sessions WHERE ended_at IS NOT NULL ORDER BY ended_at DESC, rowid DESC LIMIT ?2))`,
    now,
    KEPT_ENDED_SESSIONS,
  )
}

/** Nobody is led anywhere by these rows any more: they go as soon as no token of theirs can be alive. */
export function keepNoLonger(sql: SqlStorage, now: EpochSeconds): void {
  sql.exec(
    'UPDATE sessions SET absolute_deadline_at = MIN(absolute_deadline_at, ?)',
    now + CLOCK_MARGIN_SECONDS,
  )
}

export const hasSessionRows = (sql: SqlStorage): boolean =>
  sql.exec('SELECT 1 FROM sessions LIMIT 1').toArray().length > 0

/** The last moment at which a session that is open now could still mint a token. */
export const lastDeadlineAt = (sql: SqlStorage, user: UserRow): EpochSeconds =>
  sql
    .exec<{ at: number | null }>(
      'SELECT MAX(absolute_deadline_at) AS at FROM sessions WHERE ended_at IS NULL AND epoch = ?',
      user.epoch,
    )
    .one().at ?? 0

/** When the alarm is next needed here: at the first deadline of an open session, or when an ended one may go. */
export function nextSessionAt(sql: SqlStorage, user: UserRow): EpochSeconds | undefined {
  const { at } = sql
    .exec<{ at: number | null }>(
      `SELECT MIN(at) AS at FROM (
         SELECT MIN(idle_deadline_at, absolute_deadline_at) AS at FROM sessions
           WHERE ended_at IS NULL AND epoch = ?
         UNION ALL
         SELECT MIN(MAX(tokens_until, absolute_deadline_at)) FROM sessions WHERE ended_at IS NOT NULL)`,
      user.epoch,
    )
    .one()
  return at ?? undefined
}
