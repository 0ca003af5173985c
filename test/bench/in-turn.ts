import { measure } from './load.ts'
import type { Measurement, Target } from './load.ts'
import { median } from './section.ts'

/** The runtime compiles for its first ten thousand requests or so, and that in the CPU time of the same process. */
export const WARM_UP_MILLISECONDS = 4000

/** Rounds in which the targets take turns, so that a noisy moment does not fall on one alone. */
export async function measureInTurn<Name extends string>(
  targets: Readonly<Record<Name, Target>>,
  { rounds, milliseconds }: { readonly rounds: number; readonly milliseconds: number },
): Promise<Readonly<Record<Name, readonly Measurement[]>>> {
  const names = Object.keys(targets) as Name[]
  const measured = Object.fromEntries(names.map((name) => [name, [] as Measurement[]])) as Record<
    Name,
    Measurement[]
  >
  for (const name of names) await measure(targets[name], WARM_UP_MILLISECONDS)
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) measured[name].push(await measure(targets[name], milliseconds))
  }
  return measured
}

export interface BesideFloor {
  readonly measured: readonly Measurement[]
  /** Measured right before or after, round by round; none for what stands beside nothing. */
  readonly floor: readonly Measurement[]
}

/**
 * Rounds as above, in which each target is measured beside the floor that it is held against: a machine that is slow
 * for some seconds is slow for both. Which of them goes first changes from round to round, since whoever does pays
 * for what the one before has left to be tidied up.
 */
export async function measureBesideFloors<Name extends string>(
  rows: Readonly<Record<Name, { readonly target: Target; readonly floor?: Target | undefined }>>,
  { rounds, milliseconds }: { readonly rounds: number; readonly milliseconds: number },
): Promise<Readonly<Record<Name, BesideFloor>>> {
  const names = Object.keys(rows) as Name[]
  const found = Object.fromEntries(
    names.map((name) => [name, { measured: [] as Measurement[], floor: [] as Measurement[] }]),
  ) as Record<Name, { measured: Measurement[]; floor: Measurement[] }>
  for (const name of names) await measure(rows[name].target, WARM_UP_MILLISECONDS)
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      const { target, floor } = rows[name]
      const isFloorFirst = round % 2 === 0
      const measureFloor = async () => {
        if (floor !== undefined) found[name].floor.push(await measure(floor, milliseconds))
      }
      if (isFloorFirst) await measureFloor()
      found[name].measured.push(await measure(target, milliseconds))
      if (!isFloorFirst) await measureFloor()
    }
  }
  return found
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
