import { beforeEach, describe, expect, it, vi } from 'vitest'
import { newUserId } from '../../../src/core/sessions/session.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { grants, person } from './granted.ts'
import { giveMoodyStore } from './moody-store.ts'
import { alarmOf, hintOf, published, ring, tasksOf } from './published-hint.ts'
import {
  ABSOLUTE_SECONDS,
  addEndedSessions,
  IDLE_SECONDS,
  openInput,
  rowsOf,
  sessionsOf,
  signedIn,
  START,
  TOKEN_SECONDS,
} from './signed-in-user.ts'

let clock: TestClock
const sessions = sessionsOf()

beforeEach(() => {
  clock = freezeClock(START)
  vi.spyOn(console, 'warn').mockImplementation(() => {})
})

describe('the revocation hint', () => {
  it('exists as soon as someone has signed in', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    expect(await hintOf(userId)).toEqual({
      version: expect.any(Number),
      epoch: session.epoch,
      revoked: [],
    })
  })

  it('lists a session as ended when its end is answered, until its last token has expired', async () => {
    const { userId, session } = await signedIn(clock.now())
    await sessions.end(userId, session.sid, 'person', clock.now())
    expect(await hintOf(userId)).toMatchObject({
      epoch: session.epoch,
      revoked: [{ id: session.sid, until: START + TOKEN_SECONDS + 60 }],
    })
    const store = await giveMoodyStore(userId)
    clock.advance(TOKEN_SECONDS + 60)
    await signedIn(clock.now(), userId)
    await published(userId)
    expect(store.offered.at(-1)).toMatchObject({ revoked: [] })
  })

  it('is not written for a session that the record in KV outlives', async () => {
    const { userId } = await signedIn(clock.now())
    await published(userId)
    const store = await giveMoodyStore(userId)
    // The first one lives on: of one that has run out, KV would be told.
    clock.advance(10)
    const openFor = (absoluteSeconds: number) => {
      const deadlines = { idleSeconds: IDLE_SECONDS, absoluteSeconds }
      return sessions.open(openInput(clock.now(), userId, { deadlines }))
    }
    const longest = 2 * ABSOLUTE_SECONDS - 10
    expect((await openFor(longest)).ok).toBe(true)
    expect([await tasksOf(userId), store.offered]).toEqual([[], []])
    expect((await openFor(longest + 1)).ok).toBe(true)
    await published(userId)
    expect(store.offered).toHaveLength(1)
    expect(store.ttls).toEqual([2 * (longest + 1) + 60])
  })

  it('is written for a session that opens while something has not been told, or was told in vain', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    const store = await giveMoodyStore(userId)
    store.refusal = 'out of order'
    await sessions.end(userId, session.sid, 'person', clock.now())
    await signedIn(clock.now(), userId)
    store.refusal = undefined
    clock.advance(60)
    await ring(userId)
    await published(userId)
    expect(store.offered.at(-1)).toMatchObject({ revoked: [{ id: session.sid }] })
    const before = store.offered.length
    // The list has still to become shorter.
    await signedIn(clock.now(), userId)
    await published(userId)
    expect(store.offered.length).toBe(before + 1)
  })

  it('has a higher epoch and an empty list when the end of all sessions is answered', async () => {
    const { userId, session } = await signedIn(clock.now())
    await sessions.end(userId, session.sid, 'person', clock.now())
    const other = await signedIn(clock.now(), userId)
    const outcome = await sessions.endAll(userId, 'operator', clock.now())
    expect(outcome).toEqual({ ok: true, value: { ended: 1, epoch: other.session.epoch + 1 } })
    expect(await hintOf(userId)).toMatchObject({ epoch: other.session.epoch + 1, revoked: [] })
  })

  it('tells of sessions that ran out, too', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    const store = await giveMoodyStore(userId)
    clock.advance(IDLE_SECONDS)
    await ring(userId)
    expect(store.offered).toEqual([
      expect.objectContaining({ revoked: [expect.objectContaining({ id: session.sid })] }),
    ])
  })

  it('raises its version with every change, and with nothing else', async () => {
    const { userId, session, cookie } = await signedIn(clock.now())
    const store = await giveMoodyStore(userId)
    await sessions.end(userId, session.sid, 'person', clock.now())
    await sessions.endAll(userId, 'person', clock.now())
    await sessions.use(cookie, clock.now())
    await sessions.end(userId, session.sid, 'person', clock.now())
    await sessions.list(userId, clock.now())
    const versions = store.offered.map(({ version }) => Number(version))
    expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b))
    expect(await rowsOf(userId, 'SELECT version FROM user')).toEqual([{ version: versions.at(-1) }])
  })

  it('lives in KV longer than every token that could exist', async () => {
    const userId = newUserId()
    const store = await giveMoodyStore(userId)
    const { session } = await signedIn(clock.now(), userId)
    await published(userId)
    expect(store.ttls.at(-1)).toBeGreaterThan(ABSOLUTE_SECONDS)
    await sessions.endAll(userId, 'person', clock.now())
    expect(store.ttls.at(-1)).toBeGreaterThan(TOKEN_SECONDS)
    expect(store.ttls.at(-1)).toBeLessThan(ABSOLUTE_SECONDS)
    expect(session.absoluteDeadlineAt).toBe(clock.now() + ABSOLUTE_SECONDS)
  })

  it('says that it cannot list more than 200 ends, and ends no living session for it', async () => {
    const userId = newUserId()
    const living = await signedIn(clock.now(), userId)
    const store = await giveMoodyStore(userId)
    await addEndedSessions(userId, 199)
    const last = await signedIn(clock.now(), userId)
    await sessions.end(userId, last.session.sid, 'person', clock.now())
    await published(userId)
    expect(store.offered.at(-1)?.revoked).toHaveLength(200)
    const { session } = await signedIn(clock.now(), userId)
    await sessions.end(userId, session.sid, 'person', clock.now())
    expect(store.offered.at(-1)).toMatchObject({ epoch: living.session.epoch, revoked: null })
    expect((await sessions.use(living.cookie, clock.now())).ok).toBe(true)
  })

  it('counts sessions and revoked tokens together, and lists those of the present epoch alone', async () => {
    const ada = await person(clock.now())
    const store = await giveMoodyStore(ada.userId)
    await addEndedSessions(ada.userId, 198)
    const revoke = (id: string) => grants.revokeTokens({ ...ada, id })
    await revoke('a'.repeat(32))
    await revoke('b'.repeat(32))
    expect(store.offered.at(-1)?.revoked).toHaveLength(200)
    await revoke('c'.repeat(32))
    expect(store.offered.at(-1)).toMatchObject({ epoch: ada.session.epoch, revoked: null })
    await sessions.endAll(ada.userId, 'person', clock.now())
    expect(store.offered.at(-1)).toMatchObject({ epoch: ada.session.epoch + 1, revoked: [] })
  })

  it('of a revoked token is written again until the token has expired', async () => {
    const ada = await person(clock.now())
    await published(ada.userId)
    await grants.revokeTokens({ ...ada, id: 'a'.repeat(32) })
    const store = await giveMoodyStore(ada.userId)
    clock.advance(30)
    await ring(ada.userId)
    expect(store.offered.at(-1)?.revoked).toEqual([
      { id: 'a'.repeat(32), until: START + TOKEN_SECONDS + 60 },
    ])
  })
})

describe('a store that refuses', () => {
  it('fails neither the sign-in nor the end, and hears of the end when it is back', async () => {
    const { userId, session, cookie } = await signedIn(clock.now())
    await published(userId)
    const store = await giveMoodyStore(userId)
    store.refusal = 'KV PUT failed: 500 Internal Server Error'
    const second = await signedIn(clock.now(), userId)
    expect(await sessions.end(userId, session.sid, 'person', clock.now())).toEqual({
      ok: true,
      value: { sids: [session.sid] },
    })
    expect((await sessions.use(cookie, clock.now())).ok).toBe(false)
    expect((await sessions.use(second.cookie, clock.now())).ok).toBe(true)
    expect(await hintOf(userId)).toMatchObject({ revoked: [] })
    store.refusal = undefined
    clock.advance(1)
    await ring(userId)
    expect(await hintOf(userId)).toMatchObject({ revoked: [{ id: session.sid }] })
  })

  it('is asked again with growing gaps of at most a minute', async () => {
    const { userId } = await signedIn(clock.now())
    await published(userId)
    const store = await giveMoodyStore(userId)
    store.refusal = 'KV PUT failed: 503'
    await sessions.endAll(userId, 'person', clock.now())
    const gaps: number[] = []
    for (let round = 0; round < 6; round += 1) {
      const [{ due_at }] = (await rowsOf(
        userId,
        `SELECT due_at FROM outbox WHERE task = 'publish_hint'`,
      )) as [{ due_at: number }]
      gaps.push(due_at - clock.now())
      const asked = store.offered.length
      clock.advance(due_at - clock.now() - 1)
      await ring(userId)
      clock.advance(1)
      await ring(userId)
      expect(store.offered.length).toBeGreaterThan(asked)
    }
    expect(gaps.every((gap) => gap >= 1 && gap <= 60)).toBe(true)
    expect(gaps[0]).toBe(1)
    expect(gaps[3]).toBeGreaterThan(gaps[0]!)
  })

  it('is asked again after a second, though the alarm was set for later', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    const store = await giveMoodyStore(userId)
    store.refusal = 'KV PUT failed: 503'
    await sessions.end(userId, session.sid, 'person', clock.now())
    await vi.waitFor(async () => expect(await alarmOf(userId)).toBe(START + 1))
  })

  it('is asked at once for what is new, and then again with short gaps at first', async () => {
    const { userId } = await signedIn(clock.now())
    const second = await signedIn(clock.now(), userId)
    await published(userId)
    const store = await giveMoodyStore(userId)
    store.refusal = 'KV PUT failed: 503'
    await sessions.end(userId, second.session.sid, 'person', clock.now())
    for (const seconds of [1, 2, 4, 8]) {
      clock.advance(seconds)
      await ring(userId)
    }
    await sessions.endAll(userId, 'person', clock.now())
    const tasks = await tasksOf(userId)
    expect(tasks.find(({ task }) => task === 'publish_hint')).toMatchObject({
      due_at: clock.now() + 1,
    })
  })

  it('is left alone until then, also by an alarm that rings for another reason', async () => {
    const { userId } = await signedIn(clock.now())
    await published(userId)
    const store = await giveMoodyStore(userId)
    store.refusal = 'KV PUT failed: 503'
    await sessions.endAll(userId, 'person', clock.now())
    clock.advance(1)
    await ring(userId)
    expect(store.offered).toHaveLength(2)
    clock.advance(1)
    await ring(userId)
    expect(store.offered).toHaveLength(2)
    clock.advance(1)
    await ring(userId)
    expect(store.offered).toHaveLength(3)
  })

  it('because of two writes within a second loses neither end (429, merged)', async () => {
    const first = await signedIn(clock.now())
    const { userId } = first
    const second = await signedIn(clock.now(), userId)
    await published(userId)
    const store = await giveMoodyStore(userId)
    await sessions.end(userId, first.session.sid, 'person', clock.now())
    store.refusal = 'KV PUT failed: 429 Too Many Requests'
    await sessions.end(userId, second.session.sid, 'person', clock.now())
    store.refusal = undefined
    clock.advance(1)
    await ring(userId)
    const hint = await hintOf(userId)
    expect(hint?.revoked?.map(({ id }) => id).toSorted()).toEqual(
      [first.session.sid, second.session.sid].toSorted(),
    )
  })

  it('for good is given up when no token is left to judge', async () => {
    const { userId } = await signedIn(clock.now())
    const store = await giveMoodyStore(userId)
    store.refusal = 'KV PUT failed: 500'
    await sessions.endAll(userId, 'person', clock.now())
    clock.advance(TOKEN_SECONDS + 60)
    await ring(userId)
    expect(await tasksOf(userId)).toEqual([])
  })
})

describe('a store that loses an acknowledged write', () => {
  it('gets it again, with growing gaps, until the last token has expired', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    const store = await giveMoodyStore(userId)
    store.isLossy = true
    await sessions.end(userId, session.sid, 'person', clock.now())
    expect(await hintOf(userId)).toMatchObject({ revoked: [] })
    const writtenAt: number[] = []
    while (clock.now() < START + 2 * TOKEN_SECONDS) {
      const before = store.offered.length
      await ring(userId)
      if (store.offered.length > before) writtenAt.push(clock.now() - START)
      if (writtenAt.length === 2) store.isLossy = false
      clock.advance(5)
    }
    expect(writtenAt).toEqual([30, 90, 210])
    expect(await hintOf(userId)).toMatchObject({ revoked: [{ id: session.sid }] })
    expect(await tasksOf(userId)).toEqual([])
  })

  it('gets the end of all sessions again, too', async () => {
    const { userId, session } = await signedIn(clock.now())
    const store = await giveMoodyStore(userId)
    store.isLossy = true
    await sessions.endAll(userId, 'person', clock.now())
    store.isLossy = false
    clock.advance(30)
    await ring(userId)
    expect(await hintOf(userId)).toMatchObject({ epoch: session.epoch + 1 })
  })

  it('is not asked twice for a mere sign-in', async () => {
    const { userId } = await signedIn(clock.now())
    await published(userId)
    expect(await tasksOf(userId)).toEqual([])
  })
})

describe('a store that is slow', () => {
  it('holds up an end for about two seconds, a sign-in not at all, and hears of both', async () => {
    const userId = newUserId()
    const store = await giveMoodyStore(userId)
    store.isStuck = true
    const { session } = await signedIn(clock.now(), userId)
    const second = await signedIn(clock.now(), userId)
    // The alarm is set with the commit, not after the publishing: an eviction now would lose nothing.
    expect(await alarmOf(userId)).toBe(START + 5)
    clock.advance(10)
    expect(await sessions.end(userId, session.sid, 'person', clock.now())).toMatchObject({
      ok: true,
    })
    expect(await alarmOf(userId)).toBe(START + 15)
    expect((await sessions.use(second.cookie, clock.now())).ok).toBe(true)
    store.isStuck = false
    await published(userId)
    expect(await hintOf(userId)).toMatchObject({ revoked: [{ id: session.sid }] })
  })

  it('never has two writes of one user under way, and the last write is the last state', async () => {
    const userId = newUserId()
    await signedIn(clock.now(), userId)
    await published(userId)
    const store = await giveMoodyStore(userId)
    const people = await Promise.all(
      Array.from({ length: 20 }, () => signedIn(clock.now(), userId)),
    )
    await Promise.all(
      people.map(({ session }) => sessions.end(userId, session.sid, 'person', clock.now())),
    )
    await published(userId)
    expect(store.mostAtOnce).toBe(1)
    expect(store.offered.at(-1)?.revoked).toHaveLength(20)
    expect(store.offered.length).toBeLessThan(40)
    const hint = await hintOf(userId)
    expect(hint?.revoked).toHaveLength(20)
  })
})
