import { measure, measureOnce } from './load.ts'
import type { Measurement, Target } from './load.ts'
import { median } from './section.ts'

/** The runtime compiles for its first ten thousand requests or so, and that in the CPU time of the same process. */
export const WARM_UP_MILLISECONDS = 4000

export interface InTurn {
  readonly target: Target
  readonly floor?: Target | undefined
  /**
   * Each request is sent once, right after it was sent before: so no object that it asks has gone to sleep meanwhile.
   * Without it, a target that is slower comes to fewer of many objects in its time, and to more that sleep.
   */
  readonly isAwake?: boolean | undefined
}

export interface BesideFloor {
  readonly measured: readonly Measurement[]
  /** Measured right before or after, round by round; none for what stands beside nothing. */
  readonly floor: readonly Measurement[]
}

/**
 * Rounds in which the targets take turns, so that a noisy moment does not fall on one alone; each is measured beside
 * the floor that it is held against, for which a slow machine is as slow. Which of the two goes first changes from
 * round to round, since whoever does pays for what the one before has left to be tidied up.
 */
export async function measureBesideFloors<Name extends string>(
  rows: Readonly<Record<Name, InTurn>>,
  { rounds, milliseconds }: { readonly rounds: number; readonly milliseconds: number },
): Promise<Readonly<Record<Name, BesideFloor>>> {
  const names = Object.keys(rows) as Name[]
  const found = Object.fromEntries(
    names.map((name) => [name, { measured: [] as Measurement[], floor: [] as Measurement[] }]),
  ) as Record<Name, { measured: Measurement[]; floor: Measurement[] }>
  for (const name of names) await measure(rows[name].target, WARM_UP_MILLISECONDS)
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      const { target, floor, isAwake = false } = rows[name]
      const isFloorFirst = round % 2 === 0
      const measureOne = async (one: Target): Promise<Measurement> => {
        if (!isAwake) return measure(one, milliseconds)
        await measureOnce(one)
        return measureOnce(one)
      }
      const measureFloor = async () => {
        if (floor !== undefined) found[name].floor.push(await measureOne(floor))
      }
      if (isFloorFirst) await measureFloor()
      found[name].measured.push(await measureOne(target))
      if (!isFloorFirst) await measureFloor()
    }
  }
  return found
}

/** The same for targets that stand beside nothing. */
export async function measureInTurn(
  targets: Readonly<Record<string, Target>>,
  rounds: { readonly rounds: number; readonly milliseconds: number },
): Promise<Readonly<Record<string, readonly Measurement[]>>> {
  const rows = Object.entries(targets).map(([name, target]) => [name, { target }] as const)
  const found = await measureBesideFloors(Object.fromEntries(rows), rounds)
  return Object.fromEntries(Object.entries(found).map(([name, { measured }]) => [name, measured]))
}

/** Round by round: how much of the floor's speed is left. Above 1 is faster than the floor. */
export interface Ratios {
  readonly ofRequestsPerSecond: readonly number[]
  /** Of the inverse of CPU time per request. */
  readonly ofCpu: readonly number[]
}

export const compare = (
  floor: readonly Measurement[],
  measured: readonly Measurement[],
): Ratios => ({
  ofRequestsPerSecond: measured.map(
    ({ requestsPerSecond }, round) => requestsPerSecond / floor[round]!.requestsPerSecond,
  ),
  ofCpu: measured.map(
    ({ cpuMicroseconds }, round) => floor[round]!.cpuMicroseconds / cpuMicroseconds,
  ),
})

/** The medians of some rounds. */
export const medians = (measured: readonly Measurement[]): Measurement => {
  const of = (field: keyof Measurement) => median(measured.map((one) => one[field]))
  return {
    requests: of('requests'),
    cpuMicroseconds: of('cpuMicroseconds'),
    requestsPerSecond: of('requestsPerSecond'),
    medianMilliseconds: of('medianMilliseconds'),
    p99Milliseconds: of('p99Milliseconds'),
  }
}
