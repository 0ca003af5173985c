import { evictDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { newUserId } from '../../../src/core/sessions/session.ts'
import { CLOCK_MARGIN_SECONDS } from '../../../src/core/sessions/user-table.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { giveMoodyStore } from './moody-store.ts'
import { hintOf, published, ring, tasksOf } from './published-hint.ts'
import {
  ABSOLUTE_SECONDS,
  IDLE_SECONDS,
  objectOf,
  openInput,
  rowsOf,
  sessionsOf,
  signedIn,
  START,
  TOKEN_SECONDS,
} from './signed-in-user.ts'

const sessions = sessionsOf()
let clock: TestClock

beforeEach(() => {
  clock = freezeClock(START)
  vi.spyOn(console, 'warn').mockImplementation(() => {})
})

describe('an object that is evicted between its commit and its publishing', () => {
  it('publishes by alarm what stood in its outbox', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    const store = await giveMoodyStore(userId)
    store.refusal = 'the process is dying'
    await sessions.end(userId, session.sid, 'person', clock.now())
    await evictDurableObject(await objectOf(userId))
    expect(await hintOf(userId)).toMatchObject({ revoked: [] })
    clock.advance(60)
    expect(await ring(userId)).toBe(true)
    expect(await hintOf(userId)).toMatchObject({ revoked: [{ id: session.sid }] })
  })

  it('keeps its back-off', async () => {
    const { userId } = await signedIn(clock.now())
    await published(userId)
    let store = await giveMoodyStore(userId)
    store.refusal = 'KV PUT failed: 500'
    await sessions.endAll(userId, 'person', clock.now())
    for (let round = 0; round < 3; round += 1) {
      clock.advance(60)
      await evictDurableObject(await objectOf(userId))
      store = await giveMoodyStore(userId)
      store.refusal = 'KV PUT failed: 500'
      await ring(userId)
    }
    expect(await tasksOf(userId)).toContainEqual(
      expect.objectContaining({ task: 'publish_hint', attempts: expect.any(Number) }),
    )
    const [task] = (await rowsOf(
      userId,
      `SELECT attempts FROM outbox WHERE task = 'publish_hint'`,
    )) as [{ attempts: number }]
    expect(task.attempts).toBeGreaterThan(0)
  })
})

describe('after the end of all sessions', () => {
  it('the alarm writes each session down as ended, those that had run out before with their own cause', async () => {
    vi.spyOn(console, 'info').mockImplementation(() => {})
    const idle = await signedIn(clock.now())
    const { userId } = idle
    clock.advance(IDLE_SECONDS)
    const live = await signedIn(clock.now(), userId)
    // As if no question and no alarm had come since: the row still reads as not ended.
    await rowsOf(
      userId,
      'UPDATE sessions SET ended_at = NULL, end_cause = NULL, tokens_until = NULL',
    )
    await sessions.endAll(userId, 'operator', clock.now())
    expect(await rowsOf(userId, 'SELECT end_cause FROM sessions')).toEqual([
      { end_cause: null },
      { end_cause: null },
    ])
    clock.advance(30)
    await ring(userId)
    expect(await rowsOf(userId, 'SELECT sid, ended_at, end_cause FROM sessions')).toEqual([
      { sid: idle.session.sid, ended_at: START + IDLE_SECONDS, end_cause: 'idle_deadline' },
      { sid: live.session.sid, ended_at: START + IDLE_SECONDS, end_cause: 'operator' },
    ])
    expect(await rowsOf(userId, 'SELECT * FROM ended_epochs')).toEqual([])
    expect(await sessions.use(live.cookie, clock.now())).toMatchObject({
      refusal: { facts: { cause: 'operator' } },
    })
  })
})

describe('an object with nothing left to remember', () => {
  it('deletes itself, and not before every token and ID token has had its time', async () => {
    const { userId, session, cookie } = await signedIn(clock.now())
    await sessions.end(userId, session.sid, 'person', clock.now())
    while (clock.now() < START + ABSOLUTE_SECONDS) {
      await ring(userId)
      expect((await sessions.readSignIn(cookie)).ok).toBe(true)
      clock.advance(ABSOLUTE_SECONDS / 2)
    }
    await ring(userId)
    await ring(userId)
    expect(await rowsOf(userId, 'SELECT name FROM sqlite_master')).toEqual([])
    expect(await ring(userId)).toBe(false)
  })

  it('goes as soon as no token is left, where its user has been erased', async () => {
    const { userId } = await signedIn(clock.now())
    await signedIn(clock.now(), userId)
    await sessions.disable(userId, clock.now())
    expect(await sessions.erase(userId, clock.now())).toEqual({ ok: true, value: true })
    await ring(userId)
    clock.advance(TOKEN_SECONDS)
    await ring(userId)
    // A token could still be alive somewhere, by another machine's clock.
    expect(await sessions.open(openInput(clock.now(), userId))).toMatchObject({
      refusal: { code: 'user_disabled' },
    })
    clock.advance(CLOCK_MARGIN_SECONDS)
    await ring(userId)
    await ring(userId)
    expect(await rowsOf(userId, 'SELECT name FROM sqlite_master')).toEqual([])
  })

  it('stays a while for one who is erased and never was here, since a sign-in may be under way', async () => {
    const userId = newUserId()
    await sessions.disable(userId, clock.now())
    clock.advance(ABSOLUTE_SECONDS)
    await sessions.erase(userId, clock.now())
    // Whoever disables or enables them now has come too late.
    expect(await sessions.enable(userId)).toMatchObject({ refusal: { code: 'unavailable' } })
    await sessions.disable(userId, clock.now())
    clock.advance(5 * CLOCK_MARGIN_SECONDS - 1)
    await ring(userId)
    expect(await sessions.open(openInput(clock.now(), userId))).toMatchObject({ ok: false })
    clock.advance(2)
    await ring(userId)
    await ring(userId)
    expect(await rowsOf(userId, 'SELECT name FROM sqlite_master')).toEqual([])
  })

  it('stays for a user who is only disabled, and for one who is not disabled at all', async () => {
    const { userId } = await signedIn(clock.now())
    expect(await sessions.erase(userId, clock.now())).toEqual({ ok: true, value: false })
    expect(await sessions.list(userId, clock.now())).toMatchObject({ value: [{}] })
    await sessions.disable(userId, clock.now())
    clock.advance(ABSOLUTE_SECONDS)
    await ring(userId)
    await ring(userId)
    expect(await rowsOf(userId, 'SELECT disabled FROM user')).toEqual([{ disabled: 1 }])
  })

  it('begins a later life with higher counters, so that an old hint kills no new token', async () => {
    const first = await signedIn(clock.now())
    const { userId } = first
    for (let round = 0; round < 30; round += 1) {
      await sessions.endAll(userId, 'person', clock.now())
    }
    const left = (await hintOf(userId))!
    do {
      clock.advance(ABSOLUTE_SECONDS)
      await ring(userId)
    } while ((await rowsOf(userId, 'SELECT name FROM sqlite_master')).length > 0)
    const { session } = await signedIn(clock.now(), userId)
    expect(session.epoch).toBeGreaterThan(left.epoch)
    expect((await rowsOf(userId, 'SELECT version FROM user'))[0]?.version).toBeGreaterThan(
      left.version,
    )
  })

  it('stays while its counters are ahead of the clock', async () => {
    const { userId } = await signedIn(clock.now())
    const object = await objectOf(userId)
    await object.endAllSessions({ cause: 'person', now: clock.now() })
    // As many changes as nobody could make: more than one a second.
    await rowsOf(userId, 'UPDATE user SET epoch = epoch + 50000, version = version + 50000')
    for (; clock.now() < START + 50_000; clock.advance(22_500)) await ring(userId)
    expect(await rowsOf(userId, 'SELECT sid FROM sessions')).toEqual([])
    expect(await rowsOf(userId, 'SELECT id FROM user')).toHaveLength(1)
    await ring(userId)
    expect(await rowsOf(userId, 'SELECT name FROM sqlite_master')).toEqual([])
  })
})
