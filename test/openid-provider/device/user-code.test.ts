import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  newUserCode,
  parseUserCode,
  shownUserCode,
} from '../../../src/openid-provider/device/user-code.ts'

describe('a user code (RFC 8628 §6.1)', () => {
  it('has eight of twenty letters, each as likely as the others', () => {
    const counts = new Map<string, number>()
    const codes = Array.from({ length: 5000 }, newUserCode)
    for (const code of codes) {
      expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{8}$/)
      for (const letter of code) counts.set(letter, (counts.get(letter) ?? 0) + 1)
    }
    expect(new Set(codes).size).toBe(5000)
    const expected = (5000 * 8) / 20
    const chiSquare = [...counts.values()].reduce(
      (sum, n) => sum + (n - expected) ** 2 / expected,
      0,
    )
    // 19 degrees of freedom: exceeded by chance once in a million runs or so.
    expect(counts.size).toBe(20)
    expect(chiSquare).toBeLessThan(65)
  })

  it('is understood however people type it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(' ', '-', '–', '.', ''), { minLength: 9, maxLength: 9 }),
        fc.boolean(),
        (gaps, isLower) => {
          const code = newUserCode()
          const typed =
            Array.from(code)
              .map((letter, at) => gaps[at]! + letter)
              .join('') + gaps[8]!
          expect(parseUserCode(isLower ? typed.toLowerCase() : typed)).toBe(code)
        },
      ),
    )
    const code = newUserCode()
    expect(parseUserCode(shownUserCode(code))).toBe(code)
  })

  it.each([
    undefined,
    '',
    'BCDF',
    'BCDFGHJKL',
    'AAAABBBB',
    'BCDF-GHJ1',
    'ß'.repeat(8),
    'B'.repeat(41),
  ])('is not %s', (typed) => {
    expect(parseUserCode(typed)).toBeUndefined()
  })
})
