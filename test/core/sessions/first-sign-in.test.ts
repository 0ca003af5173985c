import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { newSessionId } from '../../../src/core/sessions/session.ts'
import type { LiveSession, UserId } from '../../../src/core/sessions/session.ts'
import { createEarlyLogouts } from '../../../src/core/users/early-logouts.ts'
import { createUsers } from '../../../src/core/users/users.ts'
import { randomId } from '../../../src/platform/random.ts'
import { freezeClock } from '../../world/clock.ts'
import { otrotlConfig } from '../../world/config.ts'
import { runSchedule, schedulesOf } from '../../world/schedules.ts'
import type { Program } from '../../world/schedules.ts'
import { openInput, sessionsOf, START } from './signed-in-user.ts'

const { issuer } = otrotlConfig
const sessions = sessionsOf()
const users = createUsers(env.DIRECTORY)
const earlyLogouts = createEarlyLogouts(env.DIRECTORY)

beforeEach(() => {
  freezeClock(START)
})

const now = () => Math.floor(Date.now() / 1000)

/** Somebody who has never been here, and is signed out at the provider while they come. */
class Newcomer {
  readonly subject = randomId()
  readonly upstreamSid = randomId()
  userId: UserId | undefined
  cookie: string | undefined
  isHandedOut = false
}

const login: Program<Newcomer> = (person) => {
  const { subject, upstreamSid } = person
  let beganAtMilliseconds = 0
  let session: LiveSession
  const sid = newSessionId()
  return [
    () => {
      beganAtMilliseconds = Date.now()
    },
    async () => {
      const upstreamSession = { upstreamSid, sid, expiresAt: now() + 3600 }
      const identity = { provider: otrotlConfig, issuer, subject, claims: {}, upstreamSession }
      const account = await users.signIn({ ...identity, now: now() })
      if (!account.ok) throw new Error(account.refusal.code)
      person.userId = account.value.user.id
    },
    async () => {
      const userId = person.userId!
      const input = openInput(now(), userId)
      const authentication = { ...input.authentication, issuer, subject, upstreamSid }
      const opened = await sessions.open({ ...input, sid, authentication })
      if (!opened.ok) throw new Error(opened.refusal.code)
      session = opened.value.session
      person.cookie = opened.value.cookie
    },
    async () => {
      const authenticatedAt = Math.floor(beganAtMilliseconds / 1000)
      const signIn = { issuer, subject, upstreamSid, authenticatedAt, beganAtMilliseconds }
      const found = await earlyLogouts.findFor({ ...signIn, now: now() })
      if (!found.ok) throw new Error(found.refusal.code)
      const { userId, sid } = session
      if (found.value.isSignedOut) await sessions.end(userId, sid, 'provider_back_channel', now())
      else person.isHandedOut = true
    },
  ]
}

/** A logout token that names the person, or only the upstream session: marker, directory, object. */
const logout = (by: 'sub' | 'sid'): Program<Newcomer> =>
  function logout(person) {
    const jti = randomId()
    const scope = by === 'sub' ? 'user' : 'session'
    const subject = by === 'sub' ? person.subject : undefined
    const upstreamSid = by === 'sid' ? person.upstreamSid : undefined
    let found: readonly UserId[] = []
    return [
      async () => {
        const named = { issuer, subject, upstreamSid, scope, jtiHash: jti, tokenHash: jti } as const
        const received = { issuedAt: now(), receivedAtMilliseconds: Date.now() }
        const marked = await earlyLogouts.mark({ ...named, ...received })
        expect(marked).toEqual({ ok: true, value: { isSettled: false } })
      },
      async () => {
        const known = await users.findSignedOut({ issuer, subject, upstreamSid, now: now() })
        if (!known.ok) throw new Error(known.refusal.code)
        found = known.value
        if (found.length === 0) await earlyLogouts.settle({ issuer, jtiHash: jti })
      },
      async () => {
        for (const userId of found) {
          const token = { jtiHash: jti, tokenHash: jti, rememberUntil: now() + 900 }
          const named = { ...(subject && { subject }), ...(upstreamSid && { upstreamSid }) }
          const cause = 'provider_back_channel'
          await sessions.endForProvider(userId, { issuer, scope, cause, token, ...named }, now())
        }
      },
    ]
  }

/** The steps of each schedule in order, and whether the newcomer is signed in after it. */
async function outcomesOf(by: 'sub' | 'sid') {
  const outcomes: { order: readonly string[]; isSignedIn: boolean }[] = []
  for (const schedule of schedulesOf([4, 3])) {
    const person = new Newcomer()
    let order: readonly string[] = []
    await runSchedule(person, [login, logout(by)], schedule, (taken) => {
      order = [...taken]
      vi.setSystemTime(Date.now() + 1)
    })
    const isSignedIn = (await sessions.peek(person.cookie, now())).ok
    if (isSignedIn) expect(person.isHandedOut, order.join(' ')).toBe(true)
    outcomes.push({ order, isSignedIn })
  }
  return outcomes
}

const isBefore = (order: readonly string[], first: string, second: string): boolean =>
  order.indexOf(first) < order.indexOf(second)

describe('a first sign-in that is overtaken by a logout of somebody unknown', () => {
  it('by sub is refused if it had begun, and stays if it begins later, in all 35 schedules', async () => {
    const outcomes = await outcomesOf('sub')
    expect(outcomes).toHaveLength(35)
    for (const { order, isSignedIn } of outcomes) {
      const hadBegun = isBefore(order, 'login.1', 'logout.1')
      const isFound =
        isBefore(order, 'login.2', 'logout.2') && isBefore(order, 'login.3', 'logout.3')
      expect(isSignedIn, order.join(' ')).toBe(!hadBegun && !isFound)
    }
    expect(outcomes.filter(({ isSignedIn }) => isSignedIn).length).toBeGreaterThan(0)
  })

  it('by sid is refused in all 35 schedules: that upstream session is over', async () => {
    const outcomes = await outcomesOf('sid')
    expect(outcomes).toHaveLength(35)
    for (const { order, isSignedIn } of outcomes) expect(isSignedIn, order.join(' ')).toBe(false)
  })
})
