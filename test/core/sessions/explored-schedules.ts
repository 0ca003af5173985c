import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, vi } from 'vitest'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { createUsers } from '../../../src/core/users/users.ts'
import { randomId } from '../../../src/platform/random.ts'
import { otrotlConfig } from '../../world/config.ts'
import { runSchedule, schedulesOf } from '../../world/schedules.ts'
import type { Program, Schedule } from '../../world/schedules.ts'
import { logoutBySid } from './explored-programs.ts'
import { ExploredUser } from './explored-user.ts'
import type { Explored, MintedToken } from './explored-user.ts'
import { objectOf, START } from './signed-in-user.ts'

/** How long the standing session has been left alone when a schedule begins; `expiry` takes it over the edge. */
const UNUSED_SECONDS = 70

/** Takes `sets` of programs through all their schedules, on one object. Returns how many there were. */
export const explore = (sets: readonly (readonly Program<ExploredUser>[])[]): Promise<number> =>
  exploreAs((batch) => new ExploredUser(batch), sets)

/** The same around a user of whom more is known. */
export async function exploreAs<User extends ExploredUser>(
  create: (batch: Explored) => User,
  sets: readonly (readonly Program<User>[])[],
): Promise<number> {
  const subject = randomId()
  const identity = { provider: otrotlConfig, issuer: otrotlConfig.issuer, subject, claims: {} }
  const account = await createUsers(env.DIRECTORY).signIn({ ...identity, now: START })
  if (!account.ok) throw new Error(account.refusal.code)
  const { id: userId } = account.value.user
  return runInDurableObject(await objectOf(userId), async (object: UserSessions, state) => {
    const batch = { object, sql: state.storage.sql, userId, subject }
    let explored = 0
    for (const set of sets) {
      // Only to count the steps: these are never taken.
      const unborn = create(batch)
      unborn.begin()
      for (const schedule of schedulesOf(set.map((program) => program(unborn).length))) {
        const user = create(batch)
        await inhabit(
          user,
          set.some(({ name }) => name === logoutBySid.name),
        )
        await judge(user, set, schedule)
        user.vanish()
        explored += 1
      }
    }
    return explored
  })
}

/** Two sessions, from two upstream sessions, each with a token; and KV knows of them. */
async function inhabit(user: ExploredUser, isIndexed: boolean): Promise<void> {
  vi.setSystemTime((user.now() + 1) * 1000)
  for (const upstreamSid of [user.upstreamSid, randomId()]) {
    const signIn = user.begin(upstreamSid)
    user.open(signIn)
    signIn.isHandedOut = true
    user.mint(signIn, signIn.session!)
  }
  if (isIndexed) await user.index(user.signIns[0]!)
  await user.settleIn()
  await user.object.alarm()
  user.store.hold()
  user.pass(UNUSED_SECONDS)
}

async function judge<User extends ExploredUser>(
  user: User,
  set: readonly Program<User>[],
  schedule: Schedule,
): Promise<void> {
  let order = ''
  await runSchedule(user, set, schedule, async (taken) => {
    order = taken.join(' ')
    vi.setSystemTime(user.nowMilliseconds() + 1)
    for (const signIn of user.signIns.filter(({ isEnded }) => isEnded)) {
      expect(user.isUsable(signIn), `a session that was cut, ${order}`).toBe(false)
    }
    for (const token of user.tokens.filter(({ signIn }) => signIn.isEnded)) {
      expect(user.isAcceptedAtStrict(token), `a token that was cut, ${order}`).toBe(false)
    }
    await user.expectCutIsDead(order)
  })
  for (const [at, signIn] of user.signIns.entries()) {
    const ought = user.oughtToLive(signIn)
    expect(ought && signIn.isDoomed, `session ${at}, which a logout concerned, ${order}`).toBe(
      false,
    )
    expect(user.isUsable(signIn), `session ${at}, ${order}`).toBe(ought)
  }
  const oughtToBeAccepted = ({ claims, signIn }: MintedToken) =>
    user.now() < claims.exp && user.oughtToLive(signIn)
  for (const token of user.tokens) {
    const ought = oughtToBeAccepted(token)
    expect(user.isAcceptedAtStrict(token), `at strict, ${order}`).toBe(ought)
    // A hint that is late lets things pass, but condemns nothing that lives.
    if (ought) expect(await user.isAcceptedAtBounded(token), `before the hint, ${order}`).toBe(true)
  }
  await user.expectAsItOught(order)
  await user.comeToRest()
  await user.expectAtRest(order)
  for (const token of user.tokens) {
    const isAccepted = await user.isAcceptedAtBounded(token)
    expect(isAccepted, `at bounded, after the hint, ${order}`).toBe(oughtToBeAccepted(token))
  }
}
