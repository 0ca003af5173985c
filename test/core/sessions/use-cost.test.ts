import { beforeEach, describe, expect, it } from 'vitest'
import { newUserId } from '../../../src/core/sessions/session.ts'
import type { SessionId } from '../../../src/core/sessions/session.ts'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { freezeClock } from '../../world/clock.ts'
import { countedSql } from './counted-sql.ts'
import {
  addEndedSessions,
  objectOf,
  openInput,
  rowsOf,
  sessionsOf,
  signedIn,
  START,
} from './signed-in-user.ts'

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

it('a burst of strict checks of one token reads its rows once, and again after anything else', async () => {
  const { userId, session, cookie } = await signedIn(START)
  const { sid, epoch } = session
  const costs = async (...ids: string[]) => {
    const { rowsRead } = await countedSql(userId, (object) =>
      expect(object.checkToken({ sid, epoch, ids, now: START }).ok).toBe(true),
    )
    return rowsRead
  }
  const [first, other] = ['a'.repeat(32), 'b'.repeat(32)] as const
  expect(await costs(first)).toBeGreaterThan(1)
  expect(await costs(first)).toBe(0)
  expect(await costs(other)).toBeGreaterThan(1)
  expect((await sessionsOf().use(cookie, START)).ok).toBe(true)
  expect(await costs(other)).toBeGreaterThan(1)
  expect(await costs(other)).toBe(0)
})

it('what stands for one token does not stand for another, of the same session or of another one', async () => {
  const { userId, session } = await signedIn(START)
  const { session: ended } = await signedIn(START, userId)
  const object = await objectOf(userId)
  const [revoked, good] = ['a'.repeat(32), 'b'.repeat(32)] as const
  await object.revokeToken({ id: revoked, now: START })
  await object.endSession({ sid: ended.sid, cause: 'person', now: START })
  const stands = async (sid: SessionId, id: string) =>
    (await object.checkToken({ sid, epoch: session.epoch, ids: [id], now: START })).ok
  for (const round of [1, 2]) {
    expect([round, await stands(session.sid, good)]).toEqual([round, true])
    expect([round, await stands(session.sid, revoked)]).toEqual([round, false])
    expect([round, await stands(session.sid, good)]).toEqual([round, true])
    expect([round, await stands(ended.sid, good)]).toEqual([round, false])
  }
})

it('a token stands only in the epoch of its session, and that must be the present one', async () => {
  const { userId, session } = await signedIn(START)
  const object = await objectOf(userId)
  const stands = async (epoch: number) =>
    (await object.checkToken({ sid: session.sid, epoch, now: START })).ok
  expect(await stands(session.epoch)).toBe(true)
  expect(await stands(session.epoch + 1)).toBe(false)
  await object.endAllSessions({ cause: 'person', now: START })
  expect(await stands(session.epoch)).toBe(false)
  expect(await stands(session.epoch + 1)).toBe(false)
})

it.for([
  ['everyone', ''],
  ['provider', 'otrotl'],
  ['application', 'shop'],
] as const)(
  'no token stands after a cut-off of %s that concerns its session',
  async ([scope, id]) => {
    const input = openInput(START, newUserId())
    const authentication = { ...input.authentication, applicationId: 'shop' }
    const opened = await sessionsOf().open({ ...input, authentication })
    if (!opened.ok) throw new Error(opened.refusal.code)
    const { userId, sid, epoch } = opened.value.session
    const providerIds = ['otrotl']
    const stands = async (at: number, of: string) => {
      const rules = { cutOffs: [{ scope, id: of, at, cause: 'operator' as const }], providerIds }
      return (await (await objectOf(userId)).checkToken({ sid, epoch, rules, now: START })).ok
    }
    expect(await stands(START * 1000 - 1, id)).toBe(true)
    if (id !== '') expect(await stands(START * 1000, 'another')).toBe(true)
    expect(await stands(START * 1000, id)).toBe(false)
    expect(await rowsOf(userId, 'SELECT end_cause FROM sessions')).toEqual([
      { end_cause: 'operator' },
    ])
  },
)
