/**
 * What a provider says of a person is text from a stranger. Here it becomes a profile: named claims only
 * (OpenID Connect Core 1.0 §5.1), each of the type it should have, cleaned and cut. Nothing else that the
 * provider sends is ever copied.
 */
import { parseEmailAddress } from './email-address.ts'
import type { EmailAddress } from './email-address.ts'
import { parseProfileDetails } from './profile-details.ts'
import type { ProfileDetails, UntrustedDetails } from './profile-details.ts'
import { parseText } from './profile-text.ts'

/** The claims as they came, of any type. */
export interface UntrustedClaims extends UntrustedDetails {
  readonly name?: unknown
  readonly email?: unknown
  readonly email_verified?: unknown
  readonly picture?: unknown
}

export interface ProfileClaims {
  readonly name: string | undefined
  readonly email: EmailAddress | undefined
  readonly emailVerified: boolean
  /** An https URL. */
  readonly picture: string | undefined
  readonly details: ProfileDetails
}

const MAX_URL_LENGTH = 2048

/** Never refuses: a claim that is missing or unusable is simply not there. */
export function parseProfileClaims(claims: UntrustedClaims): ProfileClaims {
  const email = parseEmailAddress(claims.email)
  const details = parseProfileDetails(claims)
  const { givenName, familyName, preferredUsername } = details
  const fullName =
    givenName === undefined || familyName === undefined ? undefined : `${givenName} ${familyName}`
  return {
    name: parseText(claims.name) ?? parseText(fullName) ?? preferredUsername,
    email,
    // Core §5.1: a boolean. A provider that sends "true" or 1 has not said what we need to hear.
    emailVerified: email !== undefined && claims.email_verified === true,
    picture: parsePicture(claims.picture),
    details,
  }
}

function parsePicture(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_URL_LENGTH) return undefined
  const url = URL.parse(value)
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    return undefined
  }
  return url.href.length > MAX_URL_LENGTH ? undefined : url.href
}
