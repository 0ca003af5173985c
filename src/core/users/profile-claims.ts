/**
 * What a provider says of a person is text from a stranger. Here it becomes a profile: named claims only
 * (OpenID Connect Core 1.0 §5.1), each of the type it should have, cleaned and cut. Nothing else that the
 * provider sends is ever copied.
 */
import { parseEmailAddress } from './email-address.ts'
import type { EmailAddress } from './email-address.ts'

/** The claims as they came, of any type. */
export interface UntrustedClaims {
  readonly name?: unknown
  readonly email?: unknown
  readonly email_verified?: unknown
  readonly picture?: unknown
  readonly preferred_username?: unknown
}

export interface ProfileClaims {
  readonly name: string | undefined
  readonly email: EmailAddress | undefined
  readonly emailVerified: boolean
  /** An https URL. */
  readonly picture: string | undefined
}

const MAX_CODE_POINTS = 200
const MAX_URL_LENGTH = 2048

// Unicode's Bidi_Control: with them a name can change how the text around it reads.
const CONTROLS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu

/** Never refuses: a claim that is missing or unusable is simply not there. */
export function parseProfileClaims(claims: UntrustedClaims): ProfileClaims {
  const email = parseEmailAddress(claims.email)
  return {
    name: parseText(claims.name) ?? parseText(claims.preferred_username),
    email,
    // Core §5.1: a boolean. A provider that sends "true" or 1 has not said what we need to hear.
    emailVerified: email !== undefined && claims.email_verified === true,
    picture: parsePicture(claims.picture),
  }
}

function parseText(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.includes('\0')) return undefined
  const cleaned = value.toWellFormed().replace(CONTROLS, '').trim()
  const cut = Array.from(cleaned.slice(0, 2 * MAX_CODE_POINTS))
    .slice(0, MAX_CODE_POINTS)
    .join('')
  const text = cut.trimEnd()
  return text === '' ? undefined : text
}

function parsePicture(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_URL_LENGTH) return undefined
  const url = URL.parse(value)
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    return undefined
  }
  return url.href.length > MAX_URL_LENGTH ? undefined : url.href
}
