import { UNAVAILABLE, invalidRequest, oauthAnswer } from '../oauth-answer.ts'
import type { OAuthError } from '../oauth-answer.ts'
import type { GrantedTokens, TokenRefusalCode } from './grant-request.ts'

const refused = (error: string, description: string): OAuthError => ({
  status: 400,
  error,
  description,
})

/** The one map from reasons to the wire: RFC 6749 §5.2, RFC 8628 §3.5, RFC 8707 §2, RFC 9449 §5. */
export const tokenErrors: Readonly<Record<TokenRefusalCode, OAuthError>> = {
  invalid_request: invalidRequest('A parameter is missing, stands twice, or has no usable value.'),
  // One answer for every reason: which it was is nobody's business but the operator's.
  invalid_grant: refused('invalid_grant', 'This grant cannot be used, or not in this way.'),
  grant_reused: refused('invalid_grant', 'This grant cannot be used, or not in this way.'),
  invalid_scope: refused('invalid_scope', 'The scope is malformed, or wider than it may be.'),
  invalid_target: refused('invalid_target', 'The resource is not one that may be asked for here.'),
  invalid_dpop_proof: refused('invalid_dpop_proof', 'The DPoP proof is missing or not valid.'),
  unauthorized_client: refused(
    'unauthorized_client',
    'The application is not registered for this grant.',
  ),
  unsupported_grant_type: refused('unsupported_grant_type', 'There is no such grant here.'),
  authorization_pending: refused('authorization_pending', 'The person has not decided yet.'),
  slow_down: refused('slow_down', 'Ask less often: wait five seconds longer each time.'),
  access_denied: refused('access_denied', 'The person has said no.'),
  expired_token: refused('expired_token', 'The device code has expired.'),
  unavailable: UNAVAILABLE,
}

/** RFC 6749 §5.1, with the ID token of OpenID Connect Core 1.0 §3.1.3.3. */
export function tokenAnswer(granted: GrantedTokens, jkt: string | undefined): Response {
  const { accessToken, idToken, refreshToken, scope } = granted
  return oauthAnswer({
    access_token: accessToken.token,
    token_type: jkt === undefined ? 'Bearer' : 'DPoP',
    expires_in: accessToken.expiresIn,
    ...(scope === '' ? {} : { scope }),
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    ...(idToken === undefined ? {} : { id_token: idToken }),
  })
}
