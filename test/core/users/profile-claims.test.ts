import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseProfileClaims } from '../../../src/core/users/profile-claims.ts'

const nameOf = (name: unknown) => parseProfileClaims({ name }).name
const pictureOf = (picture: unknown) => parseProfileClaims({ picture }).picture

describe('claims of a provider', () => {
  it('become a profile', () => {
    const picture = 'https://pictures.example/a.png'
    const profile = parseProfileClaims({
      name: 'Alice Archer',
      email: 'Alice@Corp.test',
      email_verified: true,
      picture,
    })
    expect(profile).toEqual({
      name: 'Alice Archer',
      email: { text: 'Alice@Corp.test', key: 'alice@corp.test', domain: 'corp.test' },
      emailVerified: true,
      picture,
      details: {},
    })
  })

  it('name the person by given and family name when there is no name', () => {
    const said = { given_name: 'Alice', family_name: 'Archer', preferred_username: 'alice' }
    expect(parseProfileClaims(said).name).toBe('Alice Archer')
    expect(parseProfileClaims({ family_name: 'Archer' }).name).toBeUndefined()
  })

  it('name the person by preferred_username when there is no name', () => {
    expect(parseProfileClaims({ preferred_username: 'alice' }).name).toBe('alice')
    expect(parseProfileClaims({ name: '\u202e', preferred_username: 'alice' }).name).toBe('alice')
  })

  it.each(['true', 1, ['true'], [true], {}, 'TRUE', null, undefined, false])(
    'have a verified address only by the boolean true, not by %j',
    (email_verified) => {
      expect(parseProfileClaims({ email: 'a@b.test', email_verified }).emailVerified).toBe(false)
    },
  )

  it('have no verified address without a usable address', () => {
    expect(parseProfileClaims({ email: 'a@b@c', email_verified: true }).emailVerified).toBe(false)
  })

  it.each([
    1,
    true,
    null,
    {},
    ['Alice'],
    '',
    '   ',
    '\u202e\u202c',
    '\u3164 \u2800\ufe0f',
    'Al\0ice',
  ])('have no name when it is %j', (name) => {
    expect(nameOf(name)).toBeUndefined()
  })

  it.each([
    ['markup stays text', '<script>alert(1)</script>', '<script>alert(1)</script>'],
    ['line breaks and controls go', 'Al\r\nice\x1b[31m\x7f\x85', 'Alice[31m'],
    ['bidi controls go', '\u202eecilA\u2066\u2069\u200f\u061c', 'ecilA'],
    ['line and paragraph separators go', 'Al\u2028ice\u2029', 'Alice'],
    ['half of a surrogate pair is replaced', 'Al\ud800ice', 'Al\ufffdice'],
    ['space around goes', '  Alice  ', 'Alice'],
    ['scripts of all kinds stay', 'عليّ אליס 阿丽思 नी', 'عليّ אליס 阿丽思 नी'],
  ])('are cleaned: %s', (_, name, cleaned) => {
    expect(nameOf(name)).toBe(cleaned)
  })

  it('are cut at 200 characters, never inside one', () => {
    expect(nameOf('x'.repeat(10_000))).toBe('x'.repeat(200))
    expect(nameOf('x' + '😀'.repeat(10_000))).toBe('x' + '😀'.repeat(199))
  })

  it.each([
    'http://pictures.example/a.png',
    'javascript:alert(1)',
    'data:image/png;base64,AAAA',
    '//pictures.example/a.png',
    '/a.png',
    'https://user:secret@pictures.example/a.png',
    'https://',
    `https://pictures.example/${'a'.repeat(2048)}`,
    `https://pictures.example/${'ü'.repeat(600)}`,
    42,
    ['https://pictures.example/a.png'],
  ])('have no picture when it is %j', (picture) => {
    expect(pictureOf(picture)).toBeUndefined()
  })

  it('of any kind give bounded, clean text', () => {
    fc.assert(
      fc.property(
        fc.anything(),
        fc.string({ unit: 'binary', maxLength: 500, size: 'max' }),
        (junk, text) => {
          for (const name of [junk, text]) {
            const profile = parseProfileClaims({
              name,
              email: name,
              picture: name,
              email_verified: junk,
            })
            if (profile.name === undefined) continue
            expect(Array.from(profile.name).length).toBeLessThanOrEqual(200)
            expect(profile.name).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
            expect(profile.name.isWellFormed()).toBe(true)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})
