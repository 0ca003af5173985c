import { evictDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import { newUserId } from '../../../src/core/sessions/session.ts'
import { freezeClock } from '../../world/clock.ts'
import { objectOf, rowsOf, sessionsOf, signedIn, START } from './signed-in-user.ts'

const sessions = sessionsOf()

beforeEach(() => {
  freezeClock(START)
})

const fifty = <Value>(act: (n: number) => Promise<Value>): Promise<Value[]> =>
  Promise.all(Array.from({ length: 50 }, (_, n) => act(n)))

describe('fifty calls at once on one user', () => {
  it('that open give fifty sessions', async () => {
    const userId = newUserId()
    const people = await fifty(() => signedIn(START, userId))
    expect(new Set(people.map(({ session }) => session.sid)).size).toBe(50)
    const used = await fifty((n) => sessions.use(people[n]!.cookie, START))
    expect(used.filter(({ ok }) => ok)).toHaveLength(50)
  })

  it('that end one session end it once', async () => {
    const { userId, session, cookie } = await signedIn(START)
    const ends = await fifty(() => sessions.end(userId, session.sid, 'person', START))
    expect(ends.filter((end) => end.ok && end.value.sids.length > 0)).toHaveLength(1)
    expect((await sessions.use(cookie, START)).ok).toBe(false)
  })

  it('that end all sessions count each session once', async () => {
    const first = await signedIn(START)
    for (let n = 0; n < 4; n += 1) await signedIn(START, first.userId)
    const ends = await fifty(() => sessions.endAll(first.userId, 'operator', START))
    expect(ends.reduce((sum, end) => sum + (end.ok ? end.value.ended : 0), 0)).toBe(5)
    const epochs = ends.map((end) => end.ok && end.value.epoch)
    expect(new Set(epochs).size).toBe(50)
  })

  it('that use a session while it is ended leave it ended, whoever came first', async () => {
    const { userId, session, cookie } = await signedIn(START)
    const outcomes = await fifty(async (n) =>
      n === 25
        ? sessions.end(userId, session.sid, 'person', START)
        : sessions.use(cookie, START + 120),
    )
    const refusedFrom = outcomes.findIndex(({ ok }) => !ok)
    expect(refusedFrom).not.toBe(25)
    expect((await sessions.use(cookie, START + 120)).ok).toBe(false)
    const [row] = await rowsOf(userId, 'SELECT ended_at, end_cause, last_used_at FROM sessions')
    expect(row).toMatchObject({ ended_at: START, end_cause: 'person' })
  })

  it('that open while all are ended leave live exactly those that opened after the end', async () => {
    const userId = newUserId()
    await signedIn(START, userId)
    const outcomes = await fifty(async (n) =>
      n === 25 ? sessions.endAll(userId, 'person', START) : signedIn(START, userId),
    )
    const end = outcomes[25]!
    const epoch = 'value' in end ? end.value.epoch : 0
    const live = []
    for (const outcome of outcomes) {
      if (!('cookie' in outcome)) continue
      const used = await sessions.use(outcome.cookie, START)
      expect(used.ok).toBe(outcome.session.epoch === epoch)
      if (used.ok) live.push(used.value.sid)
    }
    const listed = await sessions.list(userId, START)
    expect(listed.ok && listed.value.map(({ sid }) => sid).toSorted()).toEqual(live.toSorted())
  })

  it('that open while the user is disabled leave no session live', async () => {
    const userId = newUserId()
    const { cookie } = await signedIn(START, userId)
    const outcomes = await fifty(async (n) =>
      n === 10
        ? sessions.disable(userId, START)
        : signedIn(START, userId).catch((thrown: unknown) => String(thrown)),
    )
    expect(outcomes.filter((outcome) => outcome === 'Error: user_disabled').length).toBeGreaterThan(
      0,
    )
    expect((await sessions.use(cookie, START)).ok).toBe(false)
    expect(await sessions.list(userId, START)).toEqual({ ok: true, value: [] })
  })

  it('that open, use and end sessions of their own keep to their own', async () => {
    const userId = newUserId()
    const outcomes = await fifty(async (n) => {
      const { cookie, session } = await signedIn(START, userId)
      const used = await sessions.use(cookie, START)
      if (n % 2 === 0) await sessions.end(userId, session.sid, 'person', START)
      const after = await sessions.use(cookie, START)
      return { n, used: used.ok, after: after.ok }
    })
    for (const { n, used, after } of outcomes)
      expect({ used, after }).toEqual({ used: true, after: n % 2 === 1 })
    const listed = await sessions.list(userId, START)
    expect(listed.ok && listed.value).toHaveLength(25)
  })
})

describe('an object that is evicted', () => {
  it('has kept everything that it had answered', async () => {
    const live = await signedIn(START)
    const { userId } = live
    const ended = await signedIn(START, userId)
    await sessions.end(userId, ended.session.sid, 'person', START)
    await evictDurableObject(await objectOf(userId))
    expect(await sessions.use(live.cookie, START)).toEqual({ ok: true, value: live.session })
    expect((await sessions.use(ended.cookie, START)).ok).toBe(false)
    await sessions.endAll(userId, 'operator', START)
    await evictDurableObject(await objectOf(userId))
    expect((await sessions.use(live.cookie, START)).ok).toBe(false)
    expect(await sessions.list(userId, START)).toEqual({ ok: true, value: [] })
  })
})

describe('the end of all sessions', () => {
  it('writes as many rows for fifty sessions as for one', async () => {
    const written = async (count: number) => {
      const { userId } = await signedIn(START)
      for (let n = 1; n < count; n += 1) await signedIn(START, userId)
      const before = await rowsOf(
        userId,
        'SELECT COUNT(*) AS n FROM sessions WHERE ended_at IS NULL',
      )
      await (await objectOf(userId)).endAllSessions({ cause: 'person', now: START })
      const after = await rowsOf(
        userId,
        'SELECT COUNT(*) AS n FROM sessions WHERE ended_at IS NULL',
      )
      expect(after).toEqual(before)
      expect(await sessions.list(userId, START)).toEqual({ ok: true, value: [] })
      return rowsOf(userId, 'SELECT COUNT(*) AS n FROM ended_epochs')
    }
    expect(await written(50)).toEqual(await written(1))
  })
})
