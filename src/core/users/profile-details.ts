/** What a provider says of a person beside name, address and picture; cleaned, cut, and otherwise as it says. */
import { isJsonObject, withoutUndefined } from '../../platform/json-object.ts'
import type { Profile } from '../sessions/session.ts'
import { parseText } from './profile-text.ts'

export interface UntrustedDetails {
  readonly given_name?: unknown
  readonly family_name?: unknown
  readonly preferred_username?: unknown
  readonly locale?: unknown
  readonly zoneinfo?: unknown
  readonly phone_number?: unknown
  readonly phone_number_verified?: unknown
  readonly address?: unknown
}

/** A member that is not there was not said, or not usable. */
export type ProfileDetails = Pick<
  Profile,
  | 'givenName'
  | 'familyName'
  | 'preferredUsername'
  | 'locale'
  | 'zoneinfo'
  | 'phoneNumber'
  | 'phoneNumberVerified'
  | 'address'
>

/** RFC 5646 in form only; some providers write an underscore (OpenID Connect Core 1.0 §5.1). */
const LOCALE = /^[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,5}$/
/** The names of the IANA time zone database. */
const ZONE = /^[A-Za-z][A-Za-z0-9_+-]{0,31}(?:\/[A-Za-z0-9_+-]{1,32}){0,3}$/
/** E.164 with the usual separators, and an extension (RFC 3966 §5.3). */
const PHONE_NUMBER = /^\+?[0-9(][0-9 ().-]{2,30}(?:;ext=[0-9]{1,10})?$/

const ADDRESS_MEMBERS = [
  'formatted',
  'street_address',
  'locality',
  'region',
  'postal_code',
  'country',
] as const

export function parseProfileDetails(claims: UntrustedDetails): ProfileDetails {
  const phoneNumber = parseForm(claims.phone_number, PHONE_NUMBER)
  return withoutUndefined({
    givenName: parseText(claims.given_name),
    familyName: parseText(claims.family_name),
    preferredUsername: parseText(claims.preferred_username),
    locale: parseForm(claims.locale, LOCALE),
    zoneinfo: parseForm(claims.zoneinfo, ZONE),
    phoneNumber,
    // A number and the word on whether it is verified belong together, as with an address.
    phoneNumberVerified:
      phoneNumber === undefined ? undefined : claims.phone_number_verified === true,
    address: parseAddress(claims.address),
  })
}

const parseForm = (value: unknown, form: RegExp): string | undefined =>
  typeof value === 'string' && form.test(value) ? value : undefined

/** OpenID Connect Core 1.0 §5.1.1. Undefined when nothing of it is usable. */
function parseAddress(value: unknown): Profile['address'] {
  if (!isJsonObject(value)) return undefined
  const members = ADDRESS_MEMBERS.flatMap((name) => {
    const text = parseText(value[name], { hasLines: isOfLines(name) })
    return text === undefined ? [] : [[name, text] as const]
  })
  return members.length === 0 ? undefined : Object.fromEntries(members)
}

const isOfLines = (name: (typeof ADDRESS_MEMBERS)[number]): boolean =>
  name === 'formatted' || name === 'street_address'

/**
 * As the directory keeps it, to be merged member by member. An address is one value, however many members it
 * has: a new one replaces the old one whole.
 */
export const detailsToJson = ({ address, ...rest }: ProfileDetails): string =>
  JSON.stringify({ ...rest, ...(address !== undefined && { address: JSON.stringify(address) }) })

export function detailsFromJson(json: string): ProfileDetails {
  const { address, ...rest } = JSON.parse(json) as Omit<ProfileDetails, 'address'> & {
    readonly address?: string
  }
  const parsed = address && (JSON.parse(address) as NonNullable<ProfileDetails['address']>)
  return { ...rest, ...(parsed && { address: parsed }) }
}
