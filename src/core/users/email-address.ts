import { hasInvisible } from '../../platform/invisible-text.ts'

/** An e-mail address that is fit to be compared. Only `parseEmailAddress` makes one. */
export interface EmailAddress {
  /** As the provider wrote it. */
  readonly text: string
  /** What two addresses are compared by. */
  readonly key: string
  /** The domain of the key. */
  readonly domain: string
}

/** RFC 5321 §4.5.3.1.3, less the angle brackets. */
const MAX_BYTES = 254

// Letters and digits of any script in the domain, so that no other separator can hide in it.
const ADDRESS = /^[^\s@\p{Cc}\p{Cf}]+@((?:[\p{L}\p{N}\p{M}_-]+\.)*[\p{L}\p{N}\p{M}_-]+)$/u

/**
 * An address is taken as it stands or not at all: what would have to be repaired (control or format
 * characters, white space, anything invisible, a second `@`, anything that Unicode's NFKC would rewrite) is not
 * an address, because two systems that repair differently disagree on whose it is.
 *
 * The key is lower-cased by ASCII rules only: Unicode case folding merges different people.
 */
export function parseEmailAddress(value: unknown): EmailAddress | undefined {
  if (typeof value !== 'string' || value.length > MAX_BYTES || !value.isWellFormed())
    return undefined
  if (new TextEncoder().encode(value).length > MAX_BYTES) return undefined
  if (value.normalize('NFKC') !== value || hasInvisible(value) || !ADDRESS.test(value))
    return undefined
  const key = value.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  return { text: value, key, domain: key.slice(key.indexOf('@') + 1) }
}
