/**
 * Which claims about a person an application is told (OpenID Connect Core 1.0 §5): by scope values, or asked
 * for one by one. What is not known of the person is left out, never guessed.
 */
import type { Profile } from '../core/sessions/session.ts'

/** Core §5.4: the claims that each scope value stands for, as far as we ever know them. */
export const CLAIMS_OF_SCOPE = {
  profile: [
    'name',
    'given_name',
    'family_name',
    'preferred_username',
    'picture',
    'zoneinfo',
    'locale',
    'updated_at',
  ],
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
} as const

type ScopeOfClaims = keyof typeof CLAIMS_OF_SCOPE

/** A claim about the person, under its name in Core §5.1. */
export type PersonalClaim = (typeof CLAIMS_OF_SCOPE)[ScopeOfClaims][number]

const SCOPES = Object.keys(CLAIMS_OF_SCOPE) as readonly ScopeOfClaims[]

/** All claims about a person that we can ever tell: `claims_supported`, without those of the protocol. */
export const personalClaims: readonly PersonalClaim[] = SCOPES.flatMap(
  (scope): readonly PersonalClaim[] => CLAIMS_OF_SCOPE[scope],
)

export const isPersonalClaim = (name: unknown): name is PersonalClaim =>
  (personalClaims as readonly unknown[]).includes(name)

/** The claims that these scope values stand for. */
export const claimsOfScope = (scope: readonly string[]): readonly PersonalClaim[] =>
  SCOPES.filter((value) => scope.includes(value)).flatMap(
    (value): readonly PersonalClaim[] => CLAIMS_OF_SCOPE[value],
  )

/** The known ones among the claims that scope values stand for or that are named one by one. */
export function claimsAbout(
  profile: Profile,
  granted: { readonly scope: readonly string[]; readonly names: readonly string[] },
): Readonly<Record<string, unknown>> {
  const known = knownClaims(profile)
  const wanted = new Set<string>([...claimsOfScope(granted.scope), ...granted.names])
  return Object.fromEntries(
    personalClaims
      .filter((name) => wanted.has(name) && known[name] !== undefined)
      .map((name) => [name, known[name]]),
  )
}

/** RebelMouse's names for what they call user ID, first name and last name, beside the standard ones. */
export function rebelMouseNames(
  claims: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { sub, given_name, family_name } = claims
  return {
    id: sub,
    ...(given_name === undefined ? {} : { first_name: given_name }),
    ...(family_name === undefined ? {} : { last_name: family_name }),
  }
}

function knownClaims(profile: Profile): Readonly<Record<PersonalClaim, unknown>> {
  return {
    name: profile.name ?? fullName(profile),
    // Not taken apart from `name`: which part of a name is the family's no rule can tell.
    given_name: profile.givenName,
    family_name: profile.familyName,
    preferred_username: profile.preferredUsername,
    picture: profile.picture,
    zoneinfo: profile.zoneinfo,
    locale: profile.locale,
    updated_at: profile.updatedAt,
    email: profile.email,
    // Core §5.1: booleans; without a value there is nothing that could be verified.
    email_verified: profile.email === undefined ? undefined : profile.emailVerified === true,
    address: isEmpty(profile.address) ? undefined : profile.address,
    phone_number: profile.phoneNumber,
    phone_number_verified:
      profile.phoneNumber === undefined ? undefined : profile.phoneNumberVerified === true,
  }
}

const fullName = ({ givenName, familyName }: Profile): string | undefined =>
  givenName === undefined || familyName === undefined ? undefined : `${givenName} ${familyName}`

const isEmpty = (address: Profile['address']): boolean =>
  address === undefined || Object.keys(address).length === 0
