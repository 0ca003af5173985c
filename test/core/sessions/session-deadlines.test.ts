import { runDurableObjectAlarm } from 'cloudflare:test'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { newUserId } from '../../../src/core/sessions/session.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import {
  ABSOLUTE_SECONDS,
  dumpOf,
  IDLE_SECONDS,
  objectOf,
  openInput,
  rowsOf,
  sessionsOf,
  signedIn,
  START,
} from './signed-in-user.ts'

const noSession = { ok: false, refusal: { code: 'no_session' } }

const sessions = sessionsOf()
let clock: TestClock

beforeEach(() => {
  clock = freezeClock(START)
})

describe('deadlines', () => {
  it('let a session live while it is used, until the absolute deadline and not a second longer', async () => {
    const { cookie } = await signedIn(clock.now())
    while (clock.now() + 1800 < START + ABSOLUTE_SECONDS) {
      clock.advance(1800)
      expect((await sessions.use(cookie, clock.now())).ok).toBe(true)
    }
    const last = START + ABSOLUTE_SECONDS
    expect((await sessions.use(cookie, last - 1)).ok).toBe(true)
    expect(await sessions.use(cookie, last)).toMatchObject({
      refusal: { facts: { cause: 'absolute_deadline' } },
    })
  })

  it('end an unused session at its idle deadline, clean-up or not, and the attempt extends nothing', async () => {
    const { userId, cookie, session } = await signedIn(clock.now())
    const deadline = START + IDLE_SECONDS
    expect((await sessions.peek(cookie, deadline - 1)).ok).toBe(true)
    expect(await sessions.use(cookie, deadline)).toMatchObject({
      refusal: { facts: { cause: 'idle_deadline' } },
    })
    expect(
      await rowsOf(userId, 'SELECT ended_at, end_cause, idle_deadline_at FROM sessions'),
    ).toEqual([
      { ended_at: deadline, end_cause: 'idle_deadline', idle_deadline_at: session.idleDeadlineAt },
    ])
    // A clock that goes back does not bring it back.
    expect(await sessions.use(cookie, START)).toMatchObject(noSession)
  })

  it('are checked by every question, not only by use', async () => {
    const late = START + IDLE_SECONDS
    const questions = [
      async ({ cookie }: Awaited<ReturnType<typeof signedIn>>) => sessions.peek(cookie, late),
      async ({ userId, session }: Awaited<ReturnType<typeof signedIn>>) =>
        sessions.readProfile(userId, session.sid, late),
      async ({ userId, session }: Awaited<ReturnType<typeof signedIn>>) =>
        (await objectOf(userId)).checkToken({ sid: session.sid, epoch: session.epoch, now: late }),
    ]
    for (const question of questions) {
      const person = await signedIn(clock.now())
      expect((await question(person)).ok).toBe(false)
      expect(await rowsOf(person.userId, 'SELECT end_cause FROM sessions')).toEqual([
        { end_cause: 'idle_deadline' },
      ])
    }
  })

  it('do not move when the session is only peeked at, or its profile read', async () => {
    const { userId, cookie, session } = await signedIn(clock.now())
    const before = await dumpOf(userId)
    const later = START + IDLE_SECONDS - 1
    expect(await sessions.peek(cookie, later)).toEqual({ ok: true, value: session })
    expect((await sessions.readProfile(userId, session.sid, later)).ok).toBe(true)
    expect(await dumpOf(userId)).toBe(before)
  })

  it('move with use, at most once a minute', async () => {
    const { userId, cookie } = await signedIn(clock.now())
    const before = await dumpOf(userId)
    expect((await sessions.use(cookie, START + 59)).ok).toBe(true)
    expect(await dumpOf(userId)).toBe(before)
    expect(await sessions.use(cookie, START + 60)).toMatchObject({
      value: { lastUsedAt: START + 60, idleDeadlineAt: START + 60 + IDLE_SECONDS },
    })
    // A request that was under way longer than another does not move it back.
    expect(await sessions.use(cookie, START + 30)).toMatchObject({
      value: { lastUsedAt: START + 60 },
    })
  })

  it('move in smaller steps where the idle time is short', async () => {
    const impatient = sessionsOf(undefined, { idleSeconds: 60, absoluteSeconds: 3600 })
    const opened = await impatient.open(openInput(clock.now(), newUserId()))
    const cookie = opened.ok ? opened.value.cookie : ''
    for (let at = START; at < START + 600; at += 50) {
      expect((await impatient.use(cookie, at)).ok).toBe(true)
    }
  })

  it('that come with no request end the session by alarm, with the cause and a log line', async () => {
    const lines = vi.spyOn(console, 'info').mockImplementation(() => {})
    const { userId, session } = await signedIn(clock.now())
    clock.advance(IDLE_SECONDS)
    await runDurableObjectAlarm(await objectOf(userId))
    expect(await rowsOf(userId, 'SELECT sid, ended_at, end_cause FROM sessions')).toEqual([
      { sid: session.sid, ended_at: START + IDLE_SECONDS, end_cause: 'idle_deadline' },
    ])
    const told = lines.mock.calls.map(
      ([line]) => JSON.parse(String(line)) as Record<string, unknown>,
    )
    expect(told.filter(({ event }) => event === 'session.ended')).toEqual([
      expect.objectContaining({ user: userId, cause: 'idle_deadline' }),
    ])
    expect(JSON.stringify(told)).not.toContain(session.sid)
  })
})
