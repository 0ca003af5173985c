import { randomBytes } from '../../platform/random.ts'

/**
 * RFC 8628 §6.1: consonants only, so that no code is a word, and none that look or sound alike. 20 letters
 * and 8 places are 34 bits: with ten minutes, a signed-in person and a door that counts, nobody guesses one.
 */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ'
const LENGTH = 8
const CODE = new RegExp(`^[${ALPHABET}]{${LENGTH}}$`)

/** A code for a person to type, in its canonical form: eight letters. */
export function newUserCode(): string {
  let code = ''
  while (code.length < LENGTH) {
    for (const byte of randomBytes(LENGTH)) {
      // 240 is the largest multiple of 20 in a byte: what is above it would make some letters likelier.
      if (byte < 240 && code.length < LENGTH) code += ALPHABET[byte % ALPHABET.length]!
    }
  }
  return code
}

/** As it is shown: `WDJB-MJHT`. */
export const shownUserCode = (code: string): string => `${code.slice(0, 4)}-${code.slice(4)}`

/** What a person typed, in its canonical form: case, blanks and dashes do not count. Undefined for no code. */
export function parseUserCode(typed: string | undefined): string | undefined {
  if (typed === undefined || typed.length > 40) return undefined
  const code = typed.toUpperCase().replace(/[\s\-–—._]/g, '')
  return CODE.test(code) ? code : undefined
}
