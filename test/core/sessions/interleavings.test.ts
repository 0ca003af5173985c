import { beforeEach, describe, expect, it, vi } from 'vitest'
import { freezeClock } from '../../world/clock.ts'
import { choose, schedulesOf } from '../../world/schedules.ts'
import type { Program } from '../../world/schedules.ts'
import * as programs from './explored-programs.ts'
import { explore } from './explored-schedules.ts'
import type { ExploredUser } from './explored-user.ts'
import { START } from './signed-in-user.ts'

type Programs = readonly Program<ExploredUser>[]

const { login, mint, renew, logoutBySid, logoutBySub, endAll, expiry } = programs
const { hintLands, hintFails } = programs
const ALL: Programs = [login, mint, renew, logoutBySid, logoutBySub, endAll, expiry]

/** Milliseconds, for machines that do other things too. */
const LONG = 300_000

beforeEach(() => {
  freezeClock(START)
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  vi.spyOn(console, 'info').mockImplementation(() => {})
  vi.spyOn(console, 'log').mockImplementation(() => {})
})

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
