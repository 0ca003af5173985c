import { isInvisible } from '../platform/invisible-text.ts'

/**
 * A person's own words (a name, an e-mail address) made fit to stand in a page: line breaks and control
 * characters become spaces, and what is longer than a name can sensibly be is cut.
 *
 * Direction marks stay, since Hebrew and Arabic names need them; the page isolates the text in `<bdi>`.
 */
export function displayedText(text: string | undefined, maxCharacters = 120): string | undefined {
  const plain = text
    ?.toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
  if (plain === undefined || isInvisible(plain)) return undefined
  // By code points, so that no character is cut in half, and a hundred accents on one letter count as such.
  const characters = Array.from(plain)
  if (characters.length <= maxCharacters) return plain
  return `${characters.slice(0, maxCharacters - 1).join('')}…`
}

/** The first letter of the first and of the last word, for where no picture is to be had. */
export function initialsOf(name: string): string {
  const words = name.split(' ').filter((word) => letterOrDigit.test(word))
  const ends = words.length > 1 ? [words[0], words.at(-1)] : words
  return ends
    .map((word = '') => letterOrDigit.exec(word)?.[0] ?? '')
    .join('')
    .toUpperCase()
}

const letterOrDigit = /[\p{L}\p{N}]\p{M}*/u
