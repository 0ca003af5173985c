import { beforeEach, describe, expect, it, vi } from 'vitest'
import { freezeClock } from '../../world/clock.ts'
import { choose } from '../../world/schedules.ts'
import type { Program } from '../../world/schedules.ts'
import { ExploredCustomer } from './explored-customer.ts'
import * as grantPrograms from './explored-grant-programs.ts'
import * as programs from './explored-programs.ts'
import { exploreAs } from './explored-schedules.ts'
import { START } from './signed-in-user.ts'

type Programs = readonly Program<ExploredCustomer>[]

const { mintCode, takeCode, rotateRefresh, deviceGrant } = grantPrograms
const { disconnect, applicationCutOff } = grantPrograms
const { logoutBySid, logoutBySub, endAll, expiry, hintLands, hintFails } = programs

const USES: Programs = [mintCode, takeCode, rotateRefresh, deviceGrant]
const CUTS: Programs = [disconnect, applicationCutOff, logoutBySid, logoutBySub, endAll, expiry]

/** Milliseconds, for machines that do other things too. */
const LONG = 300_000

beforeEach(() => {
  freezeClock(START)
  for (const level of ['info', 'log', 'warn'] as const) {
    vi.spyOn(console, level).mockImplementation(() => {})
  }
})

const explore = (sets: readonly Programs[]) =>
  exploreAs((batch) => new ExploredCustomer(batch), sets)

const usesAgainstCuts = USES.flatMap((use) => CUTS.map((cut) => [use, cut]))

describe('every schedule around one user and an application leaves dead what a cut concerned, and alive what came after it', () => {
  it(
    'a use and a cut, and the hint arrives in between: 882 schedules',
    { timeout: LONG },
    async () => {
      expect(await explore(usesAgainstCuts.map((set) => [...set, hintLands]))).toBe(882)
    },
  )

  it('a use and a cut, and KV fails in between: 882 schedules', { timeout: LONG }, async () => {
    expect(await explore(usesAgainstCuts.map((set) => [...set, hintFails]))).toBe(882)
  })

  it(
    'two uses, of one thing or of two, and a cut: 1,000 schedules',
    { timeout: LONG },
    async () => {
      const cuts = [disconnect, endAll]
      const sets = choose(USES, 2, true).flatMap((uses) => cuts.map((cut) => [...uses, cut]))
      expect(await explore(sets)).toBe(1000)
    },
  )

  it('a use and two cuts: 1,466 schedules', { timeout: LONG }, async () => {
    const others = [endAll, logoutBySub, expiry]
    const cuts = [disconnect, applicationCutOff].flatMap((cut) => others.map((o) => [cut, o]))
    const sets = USES.flatMap((use) => cuts.map((pair) => [use, ...pair]))
    expect(await explore(sets)).toBe(1466)
  })
})

describe('the explorer', () => {
  it('notices a disconnection that forgets the tokens', async () => {
    const forgetful: Program<ExploredCustomer> = (user) => [
      () => {
        user.cutApplication()
      },
    ]
    await expect(explore([[rotateRefresh, forgetful]])).rejects.toThrow('that was cut')
  })
})
