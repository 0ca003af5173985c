import { beforeEach, describe, expect, it } from 'vitest'
import { freezeClock } from '../../world/clock.ts'
import { countedSql } from './counted-sql.ts'
import { consents, family, grants, SHOP } from './granted.ts'
import type { OfSession } from './granted.ts'
import { published } from './published-hint.ts'
import { addEndedSessions, objectOf, rowsOf, signedIn, START } from './signed-in-user.ts'

beforeEach(() => {
  freezeClock(START)
})

/** What the end of all sessions costs a user who has so many, with everything that the object does for it. */
async function costOf(live: number, ended: number, granted = 0) {
  const { userId, session } = await signedIn(START)
  if (ended > 0) await addEndedSessions(userId, ended)
  if (granted > 0) await addGrants({ userId, sid: session.sid, now: START }, granted)
  for (let n = 1; n < live; n += 1) await signedIn(START, userId)
  await published(userId)
  return countedSql(userId, async (object) => {
    const outcome = await object.endAllSessions({ cause: 'person', now: START })
    expect(outcome.ended).toBe(live)
  })
}

/** So many applications that take part in the session, each with a grant, a consent and a revoked token. */
async function addGrants(session: OfSession, count: number) {
  const taken = await family(session)
  await consents.give({
    ...session,
    consent: { applicationId: SHOP, scope: [], claims: [], resources: [] },
  })
  await grants.revokeTokens({ ...session, id: taken.family })
  await family(session)
  const numbered = `WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ${count})`
  for (const copy of [
    `INSERT INTO grants SELECT id || n, family || n, kind, sid, epoch, 'shop-' || n, generation, secret_hash,
       previous_hash, sealed_successor, taken_at, binding, content, created_at, expires_at, tokens_until
     FROM grants, counted`,
    `INSERT INTO participants SELECT sid, 'shop-' || n, subject, client_sid, protocol, family || n, scope, first_at,
       last_at, ended_at, end_cause FROM participants, counted`,
    `INSERT INTO consents SELECT 'shop-' || n, scope, claims, given_at, last_used_at, resources FROM consents, counted`,
    `INSERT INTO revoked_ids SELECT printf('%032x', n), epoch, until FROM revoked_ids, counted`,
  ]) {
    await rowsOf(session.userId, `${numbered} ${copy}`)
  }
}

describe('the end of all sessions', () => {
  it('costs no more where 5,000 applications take part, with grants, consents and revoked tokens', async () => {
    const none = await costOf(1, 0)
    const many = await costOf(1, 0, 5000)
    expect(many.statements).toBe(none.statements)
    expect(many.rowsWritten).toBeLessThanOrEqual(none.rowsWritten)
    expect(many.rowsRead - none.rowsRead).toBeLessThanOrEqual(3)
  })

  it('reads no further than fifty sessions, the most that anybody has by signing in', async () => {
    const one = await costOf(1, 0)
    const { userId, session } = await signedIn(START)
    await rowsOf(
      userId,
      `WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 5000)
       INSERT INTO sessions SELECT printf('%032x', n), secret_hash, epoch, authentication, profile, device,
         sealed_id_token, started_at, last_used_at, idle_seconds, idle_deadline_at, absolute_deadline_at,
         ended_at, end_cause, tokens_until FROM sessions, counted`,
    )
    await published(userId)
    const many = await countedSql(userId, (object) =>
      object.endAllSessions({ cause: 'person', now: START }),
    )
    expect(many.rowsRead - one.rowsRead).toBeLessThanOrEqual(150)
    const check = { sid: session.sid, epoch: session.epoch, now: START }
    const stands = await (await objectOf(userId)).checkToken(check)
    expect(stands.ok).toBe(false)
  })

  it('costs the same for 1, 10 and 50 sessions, and where 10,000 have ended before', async () => {
    const one = await costOf(1, 0)
    expect(one.statements).toBeGreaterThan(5)
    expect(one.rowsWritten).toBe(8)
    for (const [live, ended] of [
      [10, 0],
      [50, 0],
      [1, 10_000],
      [50, 10_000],
    ] as const) {
      const { statements, rowsWritten, rowsRead } = await costOf(live, ended)
      const { statements: sameStatements, rowsWritten: sameRows } = one
      expect({ statements, rowsWritten }).toEqual({
        statements: sameStatements,
        rowsWritten: sameRows,
      })
      // Those that are live are read, to count them; more than fifty there never are.
      expect(rowsRead - one.rowsRead).toBeLessThanOrEqual(3 * live)
    }
  })
})
