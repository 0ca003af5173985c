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
