import fc from 'fast-check'
import { expect, it } from 'vitest'
import { backOff } from '../../../src/core/sessions/back-off.ts'

const attempts = fc.integer({ min: 1, max: 40 })
const chance = fc.integer({ min: 0, max: 255 })

it('grows from about a second to about an hour, and stays there', () => {
  const gaps = [1, 2, 3, 4, 5, 6, 7, 40].map((made) => [backOff(made, 0), backOff(made, 255)])
  expect(gaps).toEqual([
    [1, 2],
    [4, 6],
    [24, 36],
    [96, 144],
    [480, 720],
    [2880, 4320],
    [2880, 4320],
    [2880, 4320],
  ])
})

it('lies between its ends in whole seconds, and never falls as chance rises', () => {
  fc.assert(
    fc.property(attempts, chance, chance, (made, one, other) => {
      const [low, high] = [Math.min(one, other), Math.max(one, other)]
      const gap = backOff(made, low)
      expect(Number.isInteger(gap)).toBe(true)
      expect(gap).toBeGreaterThanOrEqual(backOff(made, 0))
      expect(gap).toBeLessThanOrEqual(backOff(made, high))
      expect(backOff(made, high)).toBeLessThanOrEqual(backOff(made, 255))
    }),
  )
})

it('differs from one application to another', () => {
  expect(new Set(Array.from({ length: 100 }, () => backOff(6))).size).toBeGreaterThan(10)
})
