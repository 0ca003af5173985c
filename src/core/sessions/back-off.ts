/** How long an application that could not be told is left alone. */
import { randomBytes } from '../../platform/random.ts'

/** The gap after each failed attempt, in seconds; the last one holds for all further ones. */
const GAPS = [1, 5, 30, 120, 600, 3600] as const

/**
 * Whole seconds from the end of a failed attempt to the next one, `attempts` having been made (from 1 on). Up to a
 * fifth less or more than the gap, by `chance` (0 to 255), so that what failed together does not come back
 * together.
 */
export function backOff(attempts: number, chance: number = randomBytes(1)[0]!): number {
  const gap = GAPS[attempts - 1] ?? GAPS.at(-1)!
  // Whole numbers up to the division: a share in fractions comes out a hair above a fifth, and is rounded up.
  return Math.ceil((gap * (4 * 255 + 2 * chance)) / (5 * 255))
}
