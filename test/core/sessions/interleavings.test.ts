import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { createUsers } from '../../../src/core/users/users.ts'
import { randomId } from '../../../src/platform/random.ts'
import { freezeClock } from '../../world/clock.ts'
import { otrotlConfig } from '../../world/config.ts'
import { choose, runSchedule, schedulesOf } from '../../world/schedules.ts'
import type { Program, Schedule } from '../../world/schedules.ts'
import * as programs from './explored-programs.ts'
import { ExploredUser } from './explored-user.ts'
import type { MintedToken } from './explored-user.ts'
import { objectOf, START } from './signed-in-user.ts'

type Programs = readonly Program<ExploredUser>[]

const { login, mint, renew, logoutBySid, logoutBySub, endAll, expiry } = programs
const { hintLands, hintFails } = programs
const ALL: Programs = [login, mint, renew, logoutBySid, logoutBySub, endAll, expiry]

/** How long the standing session has been left alone when a schedule begins; `expiry` takes it over the edge. */
const UNUSED_SECONDS = 70

/** Milliseconds, for machines that do other things too. */
const LONG = 300_000

beforeEach(() => {
  freezeClock(START)
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  vi.spyOn(console, 'info').mockImplementation(() => {})
  vi.spyOn(console, 'log').mockImplementation(() => {})
})

/** Takes `sets` of programs through all their schedules, on one object. Returns how many there were. */
async function explore(sets: readonly Programs[]): Promise<number> {
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
      const unborn = new ExploredUser(batch)
      unborn.begin()
      for (const schedule of schedulesOf(set.map((program) => program(unborn).length))) {
        const user = new ExploredUser(batch)
        await inhabit(user, set.includes(logoutBySid))
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
  await user.object.alarm()
  user.store.hold()
  user.pass(UNUSED_SECONDS)
}

async function judge(user: ExploredUser, set: Programs, schedule: Schedule): Promise<void> {
  let order = ''
  await runSchedule(user, set, schedule, (taken) => {
    order = taken.join(' ')
    vi.setSystemTime(user.nowMilliseconds() + 1)
    for (const signIn of user.signIns.filter(({ isEnded }) => isEnded)) {
      expect(user.isUsable(signIn), `a session that was cut, ${order}`).toBe(false)
    }
    for (const token of user.tokens.filter(({ signIn }) => signIn.isEnded)) {
      expect(user.isAcceptedAtStrict(token), `a token that was cut, ${order}`).toBe(false)
    }
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
  await user.comeToRest()
  for (const token of user.tokens) {
    const isAccepted = await user.isAcceptedAtBounded(token)
    expect(isAccepted, `at bounded, after the hint, ${order}`).toBe(oughtToBeAccepted(token))
  }
}

const CUTS: Programs = [logoutBySid, logoutBySub, endAll, expiry]
const hasCut = (set: Programs): boolean => set.some((program) => CUTS.includes(program))
const pairs = choose(ALL, 2, true).filter(hasCut)

/** Sets of three with more schedules than this are left out; their pairs are not. */
const MOST_SCHEDULES = 210
const LENGTHS = new Map(ALL.map((program, at) => [program, [4, 2, 1, 3, 2, 1, 2][at]!]))
const trios = choose(ALL, 3).filter(
  (set) =>
    hasCut(set) &&
    [...schedulesOf(set.map((program) => LENGTHS.get(program)!))].length <= MOST_SCHEDULES,
)

describe('every schedule around one user leaves dead what a logout concerned, and alive what came after it', () => {
  it(
    'two programs, and the hint arrives in between: 1,102 schedules',
    { timeout: LONG },
    async () => {
      expect(await explore(pairs.map((set) => [...set, hintLands]))).toBe(1102)
    },
  )

  it('two programs, and KV fails in between: 1,102 schedules', { timeout: LONG }, async () => {
    expect(await explore(pairs.map((set) => [...set, hintFails]))).toBe(1102)
  })

  it('three programs, and the hint arrives last: 1,871 schedules', { timeout: LONG }, async () => {
    expect(await explore(trios)).toBe(1871)
  })
})

describe('the explorer', () => {
  it('notices a sign-in that looks for the logout before its session is open', async () => {
    const hastyLogin: Program<ExploredUser> = (user) => {
      const [begin, index, open, lookForMarker] = login(user)
      return [begin!, index!, lookForMarker!, open!]
    }
    await expect(explore([[hastyLogin, logoutBySub]])).rejects.toThrow('which a logout concerned')
  })

  it('notices a logout that leaves its marker only when it has looked for the session', async () => {
    const lateMarker: Program<ExploredUser> = (user) => {
      const [mark, find, end] = logoutBySid(user)
      return [find!, end!, mark!]
    }
    await expect(explore([[login, lateMarker]])).rejects.toThrow()
  })
})
