import { isInvisible } from '../../platform/invisible-text.ts'

const MAX_CODE_POINTS = 200

// Unicode's Bidi_Control: with them a name can change how the text around it reads.
const CONTROLS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu
const CONTROLS_BUT_LINE_FEEDS = /[^\P{Cc}\n]|[\p{Bidi_Control}\u2028\u2029]/gu

/**
 * A text that a provider says of a person, cleaned of what could change how the text around it reads, and
 * cut at 200 characters; undefined when nothing is left of it to be seen.
 */
export function parseText(
  value: unknown,
  { hasLines = false }: { readonly hasLines?: boolean } = {},
): string | undefined {
  if (typeof value !== 'string' || value.includes('\0')) return undefined
  const controls = hasLines ? CONTROLS_BUT_LINE_FEEDS : CONTROLS
  const cleaned = value.toWellFormed().replace(controls, '').trim()
  const cut = Array.from(cleaned.slice(0, 2 * MAX_CODE_POINTS))
    .slice(0, MAX_CODE_POINTS)
    .join('')
  const text = cut.trimEnd()
  return isInvisible(text) ? undefined : text
}
