import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseEmailAddress } from '../../../src/core/users/email-address.ts'

describe('an e-mail address', () => {
  it.each([
    'a@b',
    'first.last+tag@sub.corp.test',
    "o'brien@corp.test",
    'user_name@xn--bcher-kva.example',
    'jürgen@bücher.example',
    '用户@例子.公司',
  ])('%j is taken as it stands', (text) => {
    expect(parseEmailAddress(text)?.text).toBe(text)
  })

  it.each([
    ['a second @', 'a@evil.test@corp.test'],
    ['an @ at the start', '@corp.test'],
    ['no domain', 'a@'],
    ['no @', 'corp.test'],
    ['the empty text', ''],
    ['a line break', 'a@corp.test\r\nbcc: x@y.test'],
    ['a final line break', 'a@corp.test\n'],
    ['a NUL', 'a\0@corp.test'],
    ['DEL', 'a\x7f@corp.test'],
    ['a C1 control', 'a\x85@corp.test'],
    ['a space', 'a b@corp.test'],
    ['space around', ' a@corp.test '],
    ['a no-break space', 'a\u00a0@corp.test'],
    ['a zero-width space', 'a\u200b@corp.test'],
    ['a soft hyphen', 'a\u00ad@corp.test'],
    ['a letter of which nothing is to be seen', 'a\u115f@corp.test'],
    ['such a letter in the domain', 'a@corp\u1160.test'],
    ['a joiner of nothing', 'a\u034f@corp.test'],
    ['a choice of form in the domain', 'a@corp\ufe0f.test'],
    ['a blank in Braille', 'a\u2800@corp.test'],
    ['a bidi override', 'a\u202e@corp.test'],
    ['a full-width @', 'a＠corp.test'],
    ['full-width letters', 'ａ@corp.test'],
    ['a ligature', 'oﬃce@corp.test'],
    ['a decomposed letter', 'ju\u0308rgen@corp.test'],
    ['an ideographic full stop', 'a@corp。test'],
    ['an empty label', 'a@corp..test'],
    ['a dot at the start of the domain', 'a@.corp.test'],
    ['a dot at the end of the domain', 'a@corp.test.'],
    ['a domain literal', 'a@[127.0.0.1]'],
    ['a slash in the domain', 'a@corp.test/evil.test'],
    ['a comma in the domain', 'a@corp.test,evil.test'],
    ['a NUL in the domain', 'a@corp.test\0.evil.test'],
    ['half of a surrogate pair', 'a\ud800@corp.test'],
    ['255 bytes', `${'a'.repeat(245)}@corp.test`],
    ['255 bytes in fewer characters', `${'ü'.repeat(123)}@corp.test`],
  ])('with %s is refused, not repaired', (_, text) => {
    expect(parseEmailAddress(text)).toBeUndefined()
  })

  it('of 254 bytes is taken', () => {
    expect(parseEmailAddress(`${'a'.repeat(244)}@corp.test`)).toBeDefined()
  })

  it.each([undefined, null, 1, true, {}, ['a@corp.test'], { toString: () => 'a@corp.test' }])(
    'that is %j, not a text, is refused',
    (value) => {
      expect(parseEmailAddress(value)).toBeUndefined()
    },
  )

  it('is compared in ASCII lower case', () => {
    const upper = parseEmailAddress('Victim@CORP.test')
    expect(upper).toEqual({
      text: 'Victim@CORP.test',
      key: 'victim@corp.test',
      domain: 'corp.test',
    })
    expect(upper?.key).toBe(parseEmailAddress('victim@corp.test')?.key)
  })

  it('keeps the case of letters outside ASCII: folding them merges different people', () => {
    expect(parseEmailAddress('ÄB@Corp.test')?.key).toBe('Äb@corp.test')
  })

  it.each([
    ['İ@corp.test', 'i@corp.test'],
    ['ı@corp.test', 'i@corp.test'],
    ['\u212aate@corp.test', 'kate@corp.test'], // KELVIN SIGN lower-cases to k
    ['straße@corp.test', 'strasse@corp.test'],
    ['аdmin@corp.test', 'admin@corp.test'], // Cyrillic а
  ])('%s never has the key of %s', (stranger, victim) => {
    expect(parseEmailAddress(stranger)?.key).not.toBe(parseEmailAddress(victim)?.key)
  })

  it('of any text at all has one @ and a key that is its own key', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.emailAddress()), (text) => {
        const address = parseEmailAddress(text)
        if (address === undefined) return
        expect(address.text).toBe(text)
        expect(address.key.split('@')).toHaveLength(2)
        expect(address.key.split('@')[1]).toBe(address.domain)
        expect(parseEmailAddress(address.key)?.key).toBe(address.key)
      }),
      { numRuns: 2000 },
    )
  })
})
