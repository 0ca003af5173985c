import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { OpenSession } from '../../../src/core/sessions/sessions.ts'
import { createSessions } from '../../../src/core/sessions/sessions.ts'
import type { LiveSession, UserId } from '../../../src/core/sessions/session.ts'
import { newUserId } from '../../../src/core/sessions/session.ts'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { storageName } from '../../../src/platform/digest.ts'
import { settings } from '../../world/settings.ts'

/** 2040-01-01T00:00:00Z: later than any real clock, so that no alarm rings by itself during a test. */
export const START = 2_208_988_800

export const IDLE_SECONDS = settings.SESSION.idle_seconds
export const ABSOLUTE_SECONDS = settings.SESSION.absolute_seconds
export const TOKEN_SECONDS = 300

export const ID_TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtYXJrZWQifQ.c2lnbmF0dXJl'

export const sessionsOf = (
  userSessions: Env['USER_SESSIONS'] = env.USER_SESSIONS,
  deadlines = { idleSeconds: IDLE_SECONDS, absoluteSeconds: ABSOLUTE_SECONDS },
) =>
  createSessions({
    userSessions,
    handleKey: [settings.HANDLE_KEY],
    deadlines,
    tokenLifetimeSeconds: TOKEN_SECONDS,
  })

export const openInput = (
  now: number,
  userId: UserId,
  changes: Partial<OpenSession> = {},
): OpenSession => ({
  userId,
  authentication: {
    providerId: 'otrotl',
    issuer: 'https://otrotl.example',
    subject: 'subject-1',
    upstreamSid: 'upstream-1',
    authTime: now,
  },
  profile: { name: 'Ada', email: 'ada@example.com', emailVerified: true },
  idToken: ID_TOKEN,
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  continent: 'EU',
  now,
  ...changes,
})

export const objectOf = async (userId: UserId) =>
  env.USER_SESSIONS.getByName(await storageName('user', userId))

/** Rows of a user's object, straight from its storage. */
export const rowsOf = async (userId: UserId, query: string): Promise<Record<string, unknown>[]> =>
  runInDurableObject(await objectOf(userId), (_object: UserSessions, state) =>
    state.storage.sql.exec(query).toArray(),
  )

/** Everything that a user's object stores, as one text. */
export async function dumpOf(userId: UserId): Promise<string> {
  const tables = ['user', 'ended_epochs', 'sessions', 'outbox']
  const dumps = await Promise.all(tables.map((table) => rowsOf(userId, `SELECT * FROM ${table}`)))
  return JSON.stringify(Object.fromEntries(tables.map((table, at) => [table, dumps[at]])))
}

/** A new user with one session. */
export async function signedIn(
  now: number,
  userId: UserId = newUserId(),
): Promise<{ userId: UserId; cookie: string; session: LiveSession }> {
  const opened = await sessionsOf().open(openInput(now, userId))
  if (!opened.ok) throw new Error(opened.refusal.code)
  return { userId, ...opened.value }
}

/** Copies of the user's one session, ended just now. */
export const addEndedSessions = (userId: UserId, count: number) =>
  rowsOf(
    userId,
    `WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ${count})
     INSERT INTO sessions SELECT printf('%032x', n), secret_hash, epoch, authentication, profile, device,
       sealed_id_token, started_at, last_used_at, idle_seconds, idle_deadline_at, absolute_deadline_at,
       started_at, 'person', started_at + 360
     FROM sessions, counted`,
  )
