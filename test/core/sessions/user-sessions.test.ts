import { runDurableObjectAlarm } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import { newUserId } from '../../../src/core/sessions/session.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import {
  addEndedSessions,
  dumpOf,
  IDLE_SECONDS,
  objectOf,
  openInput,
  rowsOf,
  sessionsOf,
  signedIn,
  START,
} from './signed-in-user.ts'

const sessions = sessionsOf()
let clock: TestClock

beforeEach(() => {
  clock = freezeClock(START)
})

describe('too many sessions', () => {
  it('end the oldest live one at the fifty-first, and no other', async () => {
    const people = [await signedIn(clock.now())]
    const { userId } = people[0]!
    for (let count = 1; count < 50; count += 1) {
      clock.advance(1)
      people.push(await signedIn(clock.now(), userId))
    }
    expect((await sessions.peek(people[0]!.cookie, clock.now())).ok).toBe(true)
    people.push(await signedIn(clock.now(), userId))
    expect(await sessions.peek(people[0]!.cookie, clock.now())).toMatchObject({
      refusal: { facts: { cause: 'too_many_sessions' } },
    })
    const live = await Promise.all(
      people.slice(1).map(({ cookie }) => sessions.peek(cookie, clock.now())),
    )
    expect(live.filter(({ ok }) => ok)).toHaveLength(50)
  })

  it('cost an application its own first: the person stays signed in', async () => {
    const ada = await signedIn(clock.now())
    const input = openInput(clock.now(), ada.userId)
    const authentication = { ...input.authentication, applicationId: 'shop' }
    const own: string[] = []
    for (let count = 0; count < 60; count += 1) {
      clock.advance(1)
      const opened = await sessions.open({ ...input, authentication, now: clock.now() })
      if (opened.ok) own.push(opened.value.cookie)
    }
    expect((await sessions.peek(ada.cookie, clock.now())).ok).toBe(true)
    const live = await Promise.all(own.map((cookie) => sessions.peek(cookie, clock.now())))
    expect(live.map(({ ok }) => ok)).toEqual(own.map((_, at) => at >= 11))
  })

  it('do not count those that have run out', async () => {
    const first = await signedIn(clock.now())
    for (let count = 1; count < 50; count += 1) await signedIn(clock.now(), first.userId)
    clock.advance(IDLE_SECONDS)
    const last = await signedIn(clock.now(), first.userId)
    const causes = await rowsOf(
      first.userId,
      'SELECT end_cause, COUNT(*) AS n FROM sessions GROUP BY end_cause ORDER BY end_cause',
    )
    expect(causes).toEqual([
      { end_cause: null, n: 1 },
      { end_cause: 'idle_deadline', n: 50 },
    ])
    expect((await sessions.peek(last.cookie, clock.now())).ok).toBe(true)
  })

  it('leave a bounded number of rows behind, however many come and go', async () => {
    const { userId } = await signedIn(clock.now())
    await addEndedSessions(userId, 1000)
    clock.advance(400)
    await signedIn(clock.now(), userId)
    const [{ n }] = (await rowsOf(userId, 'SELECT COUNT(*) AS n FROM sessions')) as [{ n: number }]
    expect(n).toBe(202)
  })
})

describe('a disabled user', () => {
  it('has no live session and opens none, until enabled again; nothing comes back', async () => {
    const { userId, cookie, session } = await signedIn(clock.now())
    expect(await sessions.disable(userId, clock.now())).toEqual({
      ok: true,
      value: { ended: 1, epoch: session.epoch + 1 },
    })
    expect(await sessions.use(cookie, clock.now())).toMatchObject({
      refusal: { facts: { cause: 'user_disabled' } },
    })
    const before = await dumpOf(userId)
    expect(await sessions.open(openInput(clock.now(), userId))).toEqual({
      ok: false,
      refusal: { code: 'user_disabled' },
    })
    expect(await dumpOf(userId)).toBe(before)
    await sessions.enable(userId)
    expect((await sessions.use(cookie, clock.now())).ok).toBe(false)
    expect((await sessions.open(openInput(clock.now(), userId))).ok).toBe(true)
  })

  it('may never have signed in: the first session is refused all the same', async () => {
    const userId = newUserId()
    await sessions.disable(userId, clock.now())
    expect(await sessions.open(openInput(clock.now(), userId))).toMatchObject({
      refusal: { code: 'user_disabled' },
    })
  })

  it('stays disabled through any number of alarms and years', async () => {
    const { userId } = await signedIn(clock.now())
    const object = await objectOf(userId)
    await sessions.disable(userId, clock.now())
    for (let year = 0; year < 3; year += 1) {
      clock.advance(31_536_000)
      await runDurableObjectAlarm(object)
    }
    expect(await sessions.open(openInput(clock.now(), userId))).toMatchObject({
      refusal: { code: 'user_disabled' },
    })
  })
})
