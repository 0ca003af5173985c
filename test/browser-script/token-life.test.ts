import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  claimsOf,
  isDueForRenewal,
  isUsable,
  remainingSeconds,
  renewalDelay,
} from '../../src/browser/token-life.ts'
import type { StoredToken } from '../../src/browser/token-store.ts'

const token = (receivedAt: number, expiresInSeconds: number): StoredToken => ({
  accessToken: 'a.b.c',
  tokenType: 'Bearer',
  receivedAt,
  expiresInSeconds,
})

const clock = fc.integer({ min: -1e12, max: 4e12 })
const life = fc.integer({ min: 0, max: 3600 })
const age = fc.integer({ min: 0, max: 7_200_000 })

describe('the life of a token', () => {
  it('is counted from its receipt, whatever the clock says', () => {
    fc.assert(
      fc.property(clock, clock, life, age, (a, b, seconds, milliseconds) => {
        const here = remainingSeconds(token(a, seconds), a + milliseconds)
        const there = remainingSeconds(token(b, seconds), b + milliseconds)
        expect(here).toBe(there)
        expect(here).toBe(Math.max(0, seconds - milliseconds / 1000))
      }),
    )
  })

  it('is unknown, and so over, when the clock was set back to before the receipt', () => {
    fc.assert(
      fc.property(clock, life, fc.integer({ min: 1, max: 1e12 }), (receivedAt, seconds, back) => {
        expect(remainingSeconds(token(receivedAt, seconds), receivedAt - back)).toBe(0)
        expect(isUsable(token(receivedAt, seconds), receivedAt - back)).toBe(false)
      }),
    )
  })

  it('never ends between being found good and being sent', () => {
    expect(isUsable(token(0, 300), 289_000)).toBe(true)
    expect(isUsable(token(0, 300), 290_000)).toBe(false)
  })

  it('comes to its renewal before it stops being usable', () => {
    fc.assert(
      fc.property(life, age, (seconds, now) => {
        if (!isUsable(token(0, seconds), now))
          expect(isDueForRenewal(token(0, seconds), now)).toBe(true)
      }),
    )
  })

  it('is long enough for use even when it is only a few seconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3600 }), (seconds) => {
        expect(isUsable(token(0, seconds), 0)).toBe(true)
        expect(isDueForRenewal(token(0, seconds), 0)).toBe(false)
      }),
    )
  })

  it('is renewed with thirty seconds to go, and no page asks more than once a second', () => {
    expect(renewalDelay(token(0, 300), 0)).toBe(270_000)
    expect(renewalDelay(token(0, 300), 300_000)).toBe(1000)
    expect(renewalDelay(token(0, 1), 0)).toBe(1000)
  })
})

describe('what a token says of its session', () => {
  it('is read from a JWT', () => {
    const payload = btoa(JSON.stringify({ sid: 'ÿ~?', iat: 5 }))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
    expect(claimsOf(`h.${payload.replaceAll('=', '')}.s`)).toMatchObject({ iat: 5 })
  })

  it('is nothing for anything else', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(claimsOf(text).sid).toBeUndefined()
      }),
    )
    for (const text of ['', 'opaque', 'a.b.c', `a.${btoa('null')}.c`, `a.${btoa('7')}.c`]) {
      expect(claimsOf(text)).toEqual({})
    }
  })
})
