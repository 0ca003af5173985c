import type { IdToken } from './id-token.ts'
import type { Assertion } from './identity-provider.ts'
import type { Claims } from './verify-provider-jwt.ts'

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
    claims: {
      name: claims.name ?? userInfo.name,
      picture: claims.picture ?? userInfo.picture,
      preferred_username: claims.preferred_username ?? userInfo.preferred_username,
      ...emailClaims(claims, userInfo),
    },
  }
}

/**
 * An address and the word on whether it is verified belong together: one source's `email_verified` is
 * never put to another source's address.
 */
function emailClaims(
  claims: Claims,
  userInfo: Claims,
): Pick<Assertion['claims'], 'email' | 'email_verified'> {
  const { email, email_verified: isVerified } = claims
  if (email === undefined) return { email: userInfo.email, email_verified: userInfo.email_verified }
  const isSameAddress = userInfo.email === email
  return {
    email,
    email_verified: isVerified ?? (isSameAddress ? userInfo.email_verified : undefined),
  }
}
