import { describe, expect, it } from 'vitest'
import { isFetchedAhead } from '../../src/protocol/fetched-ahead.ts'

describe('a request that nobody has asked for yet', () => {
  it.each([
    ['Sec-Purpose', 'prefetch'],
    ['Sec-Purpose', 'prefetch;prerender'],
    ['Sec-Purpose', 'prefetch;anonymous-client-ip'],
    ['Purpose', 'Prefetch'],
    ['X-Purpose', 'preview'],
    ['X-Moz', 'prefetch'],
  ])('says so: %s: %s', (name, value) => {
    expect(isFetchedAhead(new Headers({ [name]: value }))).toBe(true)
  })

  it('is told from all others', () => {
    expect(isFetchedAhead(new Headers())).toBe(false)
    expect(
      isFetchedAhead(new Headers({ purpose: 'navigation', 'sec-fetch-dest': 'document' })),
    ).toBe(false)
  })
})
