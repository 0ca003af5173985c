import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  deadlineOf,
  newSessionId,
  newUserId,
  parseSessionId,
  parseUserId,
} from '../../../src/core/sessions/session.ts'

describe('the id of a user or a session', () => {
  it('is read from exactly 32 lower-case hexadecimal digits', () => {
    for (const id of [newUserId(), newSessionId(), '0'.repeat(32), '0123456789abcdef'.repeat(2)]) {
      expect(parseUserId(id)).toBe(id)
      expect(parseSessionId(id)).toBe(id)
    }
  })

  it('is read from nothing else', () => {
    const others = fc.oneof(
      fc.string(),
      fc.anything(),
      fc.string({ unit: fc.constantFrom('0', 'f', 'F', 'g', '\n'), minLength: 31, maxLength: 34 }),
    )
    fc.assert(
      fc.property(others, (value) => {
        fc.pre(!(typeof value === 'string' && /^[0-9a-f]{32}$/.test(value) && value.length === 32))
        expect(parseUserId(value)).toBeUndefined()
        expect(parseSessionId(value)).toBeUndefined()
      }),
    )
    expect(parseUserId(`${newUserId()}\n`)).toBeUndefined()
    expect(parseUserId(newUserId().toUpperCase().replace('0', 'A'))).toBeUndefined()
  })

  it('is new each time', () => {
    expect(new Set(Array.from({ length: 1000 }, newSessionId)).size).toBe(1000)
    expect(new Set(Array.from({ length: 1000 }, newUserId)).size).toBe(1000)
  })
})

describe('the deadline of a session', () => {
  it('is the earlier of its two', () => {
    expect(deadlineOf({ idleDeadlineAt: 5, absoluteDeadlineAt: 9 })).toBe(5)
    expect(deadlineOf({ idleDeadlineAt: 9, absoluteDeadlineAt: 5 })).toBe(5)
  })
})
