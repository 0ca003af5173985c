import { runInDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { freezeClock } from '../../world/clock.ts'
import { published } from './published-hint.ts'
import { addEndedSessions, objectOf, signedIn, START } from './signed-in-user.ts'

beforeEach(() => {
  freezeClock(START)
})

/** What the end of all sessions costs a user who has so many, with everything that the object does for it. */
async function costOf(live: number, ended: number) {
  const { userId } = await signedIn(START)
  if (ended > 0) await addEndedSessions(userId, ended)
  for (let n = 1; n < live; n += 1) await signedIn(START, userId)
  await published(userId)
  return runInDurableObject(await objectOf(userId), async (object: UserSessions, { storage }) => {
    const exec = storage.sql.exec.bind(storage.sql)
    const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = []
    Object.defineProperty(storage.sql, 'exec', {
      configurable: true,
      value: (...question: Parameters<typeof exec>) => {
        const cursor = exec(...question)
        cursors.push(cursor)
        return cursor
      },
    })
    const outcome = await object.endAllSessions({ cause: 'person', now: START })
    Reflect.deleteProperty(storage.sql, 'exec')
    expect(outcome.ended).toBe(live)
    return {
      statements: cursors.length,
      rowsWritten: cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0),
      rowsRead: cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0),
    }
  })
}

describe('the end of all sessions', () => {
  it('costs the same for 1, 10 and 50 sessions, and where 10,000 have ended before', async () => {
    const one = await costOf(1, 0)
    expect(one.statements).toBeGreaterThan(5)
    expect(one.rowsWritten).toBeGreaterThan(3)
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
