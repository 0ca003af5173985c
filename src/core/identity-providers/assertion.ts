import type { EpochSeconds } from '../../platform/clock.ts'
import type { IdToken } from './id-token.ts'
import type { Claims } from './verify-provider-jwt.ts'

/** Who the provider says the person is: taken from one verified ID token, completed by UserInfo. */
export interface Assertion {
  readonly issuer: string
  readonly subject: string
  readonly idToken: string
  readonly issuedAt: EpochSeconds
  readonly authTime: EpochSeconds | undefined
  readonly acr: string | undefined
  readonly amr: readonly string[] | undefined
  readonly upstreamSid: string | undefined
  /** Untrusted text from the provider, still to be cleaned by `core/users`. */
  readonly claims: {
    readonly name?: unknown
    readonly email?: unknown
    readonly email_verified?: unknown
    readonly picture?: unknown
    readonly preferred_username?: unknown
    readonly given_name?: unknown
    readonly family_name?: unknown
    readonly locale?: unknown
    readonly zoneinfo?: unknown
    readonly phone_number?: unknown
    readonly phone_number_verified?: unknown
    readonly address?: unknown
  }
}

/** Completes a verified ID token by UserInfo (of the same subject, or empty): the ID token has the first word. */
export function createAssertion(
  issuer: string,
  rawIdToken: string,
  idToken: IdToken,
  userInfo: Claims,
): Assertion {
  const { claims } = idToken
  return {
    issuer,
    subject: idToken.subject,
    idToken: rawIdToken,
    issuedAt: idToken.issuedAt,
    authTime: idToken.authTime,
    acr: idToken.acr,
    amr: idToken.amr,
    upstreamSid: idToken.sid,
    claims: assertedClaims(claims, userInfo),
  }
}

/** What is said of the person; the first one has the first word. */
export const assertedClaims = (claims: Claims, userInfo: Claims): Assertion['claims'] => ({
  ...Object.fromEntries(SINGLE_CLAIMS.map((name) => [name, claims[name] ?? userInfo[name]])),
  ...verifiedClaims('email', claims, userInfo),
  ...verifiedClaims('phone_number', claims, userInfo),
})

/** Claims that say something by themselves (OpenID Connect Core 1.0 §5.1). */
const SINGLE_CLAIMS = [
  'name',
  'given_name',
  'family_name',
  'preferred_username',
  'picture',
  'locale',
  'zoneinfo',
  'address',
] as const

/**
 * An address or number and the word on whether it is verified belong together: one source's word is never put
 * to what another source says.
 */
function verifiedClaims(
  name: 'email' | 'phone_number',
  claims: Claims,
  userInfo: Claims,
): Assertion['claims'] {
  const verified = `${name}_verified` as const
  const value = claims[name]
  if (value === undefined) return { [name]: userInfo[name], [verified]: userInfo[verified] }
  const isSame = userInfo[name] === value
  return {
    [name]: value,
    [verified]: claims[verified] ?? (isSame ? userInfo[verified] : undefined),
  }
}
