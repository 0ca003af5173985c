import { beforeEach, describe, expect, it } from 'vitest'
import type { SessionId } from '../../../src/core/sessions/session.ts'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { freezeClock } from '../../world/clock.ts'
import { countedSql } from './counted-sql.ts'
import { addEndedSessions, signedIn, START } from './signed-in-user.ts'

beforeEach(() => {
  freezeClock(START)
})

interface Asked {
  readonly sid: SessionId
  readonly epoch: number
  readonly now: number
}

/** What is asked of a user who has so many sessions, of one of them. */
async function costOf(
  live: number,
  ended: number,
  ask: (object: UserSessions, asked: Asked) => { readonly ok: boolean },
) {
  const { userId, session } = await signedIn(START)
  if (ended > 0) await addEndedSessions(userId, ended)
  for (let n = 1; n < live; n += 1) await signedIn(START, userId)
  return countedSql(userId, (object) => {
    const { sid, epoch } = session
    expect(ask(object, { sid, epoch, now: START }).ok).toBe(true)
  })
}

describe('a use of one session', () => {
  it.for([
    ['a strict check', (object: UserSessions, asked: Asked) => object.checkToken(asked)],
    ['a look at the profile', (object: UserSessions, asked: Asked) => object.readProfile(asked)],
  ] as const)('%s costs the same beside 49 others, and where 2,000 have ended', async ([, ask]) => {
    const alone = await costOf(1, 0, ask)
    expect(alone.rowsRead).toBeGreaterThan(1)
    expect(alone.rowsWritten).toBe(0)
    expect(await costOf(50, 0, ask)).toEqual(alone)
    expect(await costOf(1, 2000, ask)).toEqual(alone)
  })
})
