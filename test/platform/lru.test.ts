import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LeastRecentlyUsed } from '../../src/platform/lru.ts'

const keys = Array.from({ length: 13 }, (_, key) => key)

/** Few keys are read, and so again and again while others come. */
const program = fc.array(
  fc.oneof(
    fc.record({ key: fc.constantFrom(...keys), isPut: fc.constant(true) }),
    fc.record({ key: fc.nat({ max: 1 }), isPut: fc.constant(false) }),
  ),
  { maxLength: 120, size: 'max' },
)

describe('a bounded map of what was used last', () => {
  it('has the half of its capacity that was used last, and never more than its capacity', () => {
    fc.assert(
      fc.property(program, fc.integer({ min: 1, max: 10 }), (steps, capacity) => {
        const map = new LeastRecentlyUsed<number, string>(capacity)
        let lastUsed: number[] = []
        for (const { key, isPut } of steps) {
          if (isPut) map.set(key, 'a value')
          const isThere = map.get(key) !== undefined
          if (lastUsed.slice(0, Math.ceil(capacity / 2)).includes(key)) expect(isThere).toBe(true)
          if (isThere) lastUsed = [key, ...lastUsed.filter((other) => other !== key)]
        }
        const held = keys.filter((key) => map.get(key) !== undefined)
        expect(held.length).toBeLessThanOrEqual(capacity)
      }),
    )
  })

  it('has the value that was put in last, and nothing that was deleted since', () => {
    fc.assert(
      fc.property(program, fc.constantFrom(...keys), (steps, deleted) => {
        const map = new LeastRecentlyUsed<number, string>(keys.length)
        for (const [at, { key, isPut }] of steps.entries()) {
          if (isPut) map.set(key, `put in at ${at}`)
          else map.get(key)
        }
        map.delete(deleted)
        for (const key of keys) {
          const at = steps.findLastIndex((step) => step.isPut && step.key === key)
          expect(map.get(key)).toBe(at < 0 || key === deleted ? undefined : `put in at ${at}`)
        }
      }),
    )
  })
})
