import { evictDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ProviderLogout } from '../../../src/core/sessions/end-for-provider.ts'
import type { Authentication, UserId } from '../../../src/core/sessions/session.ts'
import { newUserId } from '../../../src/core/sessions/session.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { ring } from './published-hint.ts'
import { IDLE_SECONDS, objectOf, openInput, rowsOf, sessionsOf, START } from './signed-in-user.ts'

const sessions = sessionsOf()
const issuer = 'https://otrotl.example'
let clock: TestClock
let userId: UserId

beforeEach(() => {
  clock = freezeClock(START)
  userId = newUserId()
})

async function open(from: Partial<Authentication> = {}): Promise<string> {
  const input = openInput(clock.now(), userId)
  const authentication = { ...input.authentication, ...from }
  const opened = await sessions.open({ ...input, authentication })
  if (!opened.ok) throw new Error(opened.refusal.code)
  return opened.value.cookie
}

const token = (changes: Partial<NonNullable<ProviderLogout['token']>> = {}) => ({
  jtiHash: 'jti-1',
  tokenHash: 'token-1',
  rememberUntil: START + 900,
  ...changes,
})

const logout = (changes: Partial<ProviderLogout> = {}) =>
  sessions.endForProvider(
    userId,
    { issuer, scope: 'session', cause: 'provider_back_channel', token: token(), ...changes },
    clock.now(),
  )

const lives = async (cookie: string) => (await sessions.peek(cookie, clock.now())).ok

describe('what a provider says has ended', () => {
  it('is every session of the upstream session that it names, and no other', async () => {
    const [one, two] = [await open(), await open()]
    const others = [
      await open({ upstreamSid: 'upstream-2' }),
      await open({ issuer: 'https://second.example' }),
    ]
    expect(await logout({ upstreamSid: 'upstream-1' })).toMatchObject({ value: { ended: 2 } })
    expect([await lives(one), await lives(two)]).toEqual([false, false])
    expect([await lives(others[0]!), await lives(others[1]!)]).toEqual([true, true])
  })

  it('is every session of the subject that it names, at that provider', async () => {
    const [one, two] = [await open(), await open({ upstreamSid: 'upstream-2' })]
    const other = await open({ subject: 'subject-2' })
    expect(await logout({ subject: 'subject-1' })).toMatchObject({ value: { ended: 2 } })
    expect([await lives(one), await lives(two), await lives(other)]).toEqual([false, false, true])
  })

  it('must be both, the session’s subject and its upstream session, where it names both', async () => {
    const one = await open()
    for (const wrong of [
      { subject: 'subject-2', upstreamSid: 'upstream-1' },
      { subject: 'subject-1', upstreamSid: 'upstream-2' },
    ]) {
      await logout({ ...wrong, token: token({ jtiHash: JSON.stringify(wrong) }) })
      expect(await lives(one)).toBe(true)
    }
    await logout({ subject: 'subject-1', upstreamSid: 'upstream-1' })
    expect(await lives(one)).toBe(false)
  })

  it('is nothing that has run out before', async () => {
    await open()
    clock.advance(IDLE_SECONDS)
    expect(await logout({ subject: 'subject-1' })).toMatchObject({ value: { ended: 0 } })
    await ring(userId)
    expect(await rowsOf(userId, 'SELECT end_cause FROM sessions')).toEqual([
      { end_cause: 'idle_deadline' },
    ])
  })

  it('is nothing when it names nobody', async () => {
    const one = await open()
    expect(await logout({})).toMatchObject({ value: { ended: 0 } })
    expect(await lives(one)).toBe(true)
  })

  it('is all of the user’s sessions where the provider speaks for the user', async () => {
    const all = [await open(), await open({ issuer: 'https://second.example' })]
    expect(await logout({ scope: 'user', subject: 'subject-1' })).toMatchObject({
      value: { ended: 2, sids: [] },
    })
    for (const cookie of all) {
      expect(await sessions.peek(cookie, clock.now())).toMatchObject({
        refusal: { facts: { cause: 'provider_back_channel' } },
      })
    }
  })
})

describe('a logout token that comes again', () => {
  it.each(['user', 'session'] as const)('does nothing, with the scope %s', async (scope) => {
    await open()
    expect(await logout({ scope, subject: 'subject-1' })).toMatchObject({ value: { ended: 1 } })
    const later = await open()
    await evictDurableObject(await objectOf(userId))
    expect(await logout({ scope, subject: 'subject-1' })).toMatchObject({
      value: { ended: 0, isRepeated: true },
    })
    expect(await lives(later)).toBe(true)
  })

  it('is refused when it is another one under the same jti, and ends nothing', async () => {
    await open()
    await logout({ subject: 'subject-1' })
    const later = await open()
    const other = { scope: 'user', token: token({ tokenHash: 'token-2' }) } as const
    expect(await logout(other)).toMatchObject({ refusal: { code: 'jti_reused' } })
    expect(await lives(later)).toBe(true)
  })

  it('counts once, however many come at the same moment', async () => {
    await open()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => logout({ scope: 'user', subject: 'subject-1' })),
    )
    const ends = answers.map((answer) => (answer.ok ? answer.value.ended : -1))
    expect(ends.toSorted((a, b) => b - a)).toEqual([1, ...Array<number>(19).fill(0)])
    expect(await rowsOf(userId, 'SELECT epoch FROM user')).toEqual([{ epoch: START + 1 }])
  })

  it('is known again by an object that had forgotten its user', async () => {
    expect(await logout({ scope: 'user', subject: 'subject-1' })).toMatchObject({ ok: true })
    const later = await open()
    expect(await logout({ scope: 'user', subject: 'subject-1' })).toMatchObject({
      value: { isRepeated: true },
    })
    expect(await lives(later)).toBe(true)
  })

  it('is forgotten by the alarm when it is too old to be taken, and not before', async () => {
    await logout({ scope: 'user', subject: 'subject-1' })
    const seen = () => rowsOf(userId, 'SELECT jti_hash FROM seen_logout_tokens')
    clock.advance(899)
    await ring(userId)
    expect(await seen()).toHaveLength(1)
    clock.advance(1)
    await ring(userId)
    // With nothing left to remember, the object deletes itself.
    expect(await rowsOf(userId, `SELECT name FROM sqlite_master WHERE name = 'user'`)).toEqual([])
  })
})
