import { runInDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import { insertSession, recordEnd } from '../../../src/core/sessions/sessions-table.ts'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { findUser } from '../../../src/core/sessions/user-table.ts'
import { freezeClock } from '../../world/clock.ts'
import { objectOf, rowsOf, signedIn, START } from './signed-in-user.ts'

beforeEach(() => {
  freezeClock(START)
})

describe('the row of a session', () => {
  it('ends once: the first end is the one that counts', async () => {
    const { userId, session } = await signedIn(START)
    await runInDurableObject(await objectOf(userId), (_object: UserSessions, { storage }) => {
      const user = findUser(storage.sql)!
      const end = { sid: session.sid, cause: 'person' as const, endedAt: START + 1 }
      expect(recordEnd(storage.sql, user, end)).toBe(true)
      expect(recordEnd(storage.sql, user, { ...end, cause: 'operator', endedAt: START + 2 })).toBe(
        false,
      )
    })
    expect(await rowsOf(userId, 'SELECT ended_at, end_cause FROM sessions')).toEqual([
      { ended_at: START + 1, end_cause: 'person' },
    ])
  })

  it('is never written over by a new session of the same id, live or ended', async () => {
    const { userId, session } = await signedIn(START)
    await runInDurableObject(await objectOf(userId), (_object: UserSessions, { storage }) => {
      const user = findUser(storage.sql)!
      const again = {
        ...session,
        secretHash: 'another',
        sealedIdToken: '',
        idleSeconds: 60,
        absoluteSeconds: 60,
      }
      expect(() => insertSession(storage.sql, user, again, START)).toThrow(/UNIQUE/)
      recordEnd(storage.sql, user, { sid: session.sid, cause: 'person', endedAt: START })
      expect(() => insertSession(storage.sql, user, again, START)).toThrow(/UNIQUE/)
    })
  })
})
