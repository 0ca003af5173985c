import { listDurableObjectIds, runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { createPasswordAttempts } from '../../../src/core/sessions/password-attempts.ts'
import { newUserId } from '../../../src/core/sessions/session.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { settings } from '../../world/settings.ts'
import { objectOf, rowsOf, signedIn } from './signed-in-user.ts'

const attempts = createPasswordAttempts({
  userSessions: env.USER_SESSIONS,
  handleKey: [settings.HANDLE_KEY],
})
const userId = newUserId()
let clock: TestClock

const mayTry = async (user = userId, username = 'ada') => {
  const tried = await attempts.mayTry({ userId: user, username }, clock.now())
  return tried.ok ? 'yes' : tried.refusal.code
}

beforeEach(() => {
  clock = freezeClock()
})

describe('attempts at a password', () => {
  it('are ten in a quarter of an hour, one after the other or all at once', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => mayTry()))
    expect(answers.filter((answer) => answer === 'yes')).toHaveLength(10)
    clock.advance(899)
    expect(await mayTry()).toBe('throttled')
    clock.advance(1)
    expect(await mayTry()).toBe('yes')
  })

  it('begin anew after a right one, so that nobody is kept out by own mistakes', async () => {
    for (let rounds = 0; rounds < 3; rounds += 1) {
      for (let tries = 0; tries < 8; tries += 1) expect(await mayTry()).toBe('yes')
      await attempts.forget(userId)
    }
  })

  it('at one user are nothing to another', async () => {
    for (let tries = 0; tries < 11; tries += 1) await mayTry()
    expect(await mayTry()).toBe('throttled')
    expect(await mayTry(newUserId())).toBe('yes')
  })

  it('end no session, and keep nobody from opening one', async () => {
    const { session } = await signedIn(NOON, userId)
    for (let tries = 0; tries < 20; tries += 1) await mayTry()
    expect((await signedIn(NOON, userId)).session.epoch).toBe(session.epoch)
  })

  it('are forgotten after their window, with all that was kept for them', async () => {
    await mayTry()
    const object = await objectOf(userId)
    expect(await rowsOf(userId, 'SELECT tried FROM password_attempts')).toEqual([{ tried: 1 }])
    // It may be woken earlier, for something else.
    clock.advance(899)
    await runDurableObjectAlarm(object)
    expect(await rowsOf(userId, 'SELECT tried FROM password_attempts')).toEqual([{ tried: 1 }])
    clock.advance(1)
    await runDurableObjectAlarm(object)
    expect(
      await rowsOf(userId, "SELECT name FROM sqlite_master WHERE type = 'table'"),
    ).not.toContainEqual({
      name: 'user',
    })
  })

  it('at names that are nobody’s are counted too, and never fill the storage', async () => {
    const names = Array.from({ length: 100 }, (_, at) => `nobody-${at}`)
    const before = new Set((await listDurableObjectIds(env.USER_SESSIONS)).map(String))
    for (const name of names) {
      const tried = await attempts.mayTry({ userId: undefined, username: name }, NOON)
      expect(['yes', 'throttled']).toContain(tried.ok ? 'yes' : tried.refusal.code)
    }
    const objects = (await listDurableObjectIds(env.USER_SESSIONS)).map(String)
    expect(objects.filter((id) => !before.has(id)).length).toBeLessThanOrEqual(32)
    const again = { userId: undefined, username: 'nobody-1' }
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => attempts.mayTry(again, NOON)),
    )
    expect(answers.filter(({ ok }) => ok).length).toBeLessThanOrEqual(10)
  })
})
