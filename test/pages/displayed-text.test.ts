import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { displayedText, initialsOf } from '../../src/pages/displayed-text.ts'

/** Any UTF-16 code units, lone surrogates among them, and often what text should not hold. */
const anyText = fc
  .array(fc.oneof(fc.nat(0xffff), fc.constantFrom(0, 10, 32, 0x85, 0x2028, 0x202e, 0xd83c, 0xdf09)))
  .map((units) => String.fromCharCode(...units))

describe('text of a person in a page', () => {
  it('is never longer than asked, on one line, well-formed, and free of control characters', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 2, max: 50 }), (text, most) => {
        const shown = displayedText(text, most)
        if (shown === undefined) return
        expect(Array.from(shown).length).toBeLessThanOrEqual(most)
        expect(shown).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u)
        expect(shown.isWellFormed()).toBe(true)
        expect(shown.trim()).toBe(shown)
      }),
    )
  })

  it('is left alone when there is nothing wrong with it', () => {
    for (const name of ['Ada', 'שרה כהן', 'José-María', '山田 太郎', '👩‍👩‍👧 family']) {
      expect(displayedText(name)).toBe(name)
    }
  })

  it('is cut on a whole character', () => {
    expect(displayedText('🌉'.repeat(5), 3)).toBe('🌉🌉…')
    expect(displayedText(`e${'\u0301'.repeat(10_000)}`, 4)).toBe('e\u0301\u0301…')
  })

  it('is nothing when there is nothing to see', () => {
    for (const text of [
      undefined,
      '',
      ' ',
      '\n\t',
      '\u0000',
      '\u200b',
      '\u202e \u3164\ufe0f',
      '\u2800',
    ])
      expect(displayedText(text)).toBeUndefined()
  })
})

describe('initials', () => {
  it('are of the first and the last word', () => {
    expect(initialsOf('Ada')).toBe('A')
    expect(initialsOf('Ada King Lovelace')).toBe('AL')
    expect(initialsOf('åsa (admin)')).toBe('ÅA')
    expect(initialsOf('– –')).toBe('')
  })
})
