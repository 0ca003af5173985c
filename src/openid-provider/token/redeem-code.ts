import type { GrantBinding } from '../../core/sessions/grant.ts'
import { sha256Base64url } from '../../platform/digest.ts'
import { refuse } from '../../platform/refusal.ts'
import type { GrantRequest, Granting, SessionGrantParts } from './grant-request.ts'
import { grantRefused, takeOnce } from './take-once.ts'

/** RFC 7636 §4.1. What is not of this form is no verifier at all, and is refused before it costs the code. */
const VERIFIER = /^[A-Za-z0-9\-._~]{43,128}$/

/** `grant_type=authorization_code` (RFC 6749 §4.1.3, RFC 7636 §4.5, OpenID Connect Core 1.0 §3.1.3). */
export async function redeemCode(parts: SessionGrantParts, request: GrantRequest): Granting {
  const { application, parameters, jkt, now } = request
  const { code, redirect_uri: redirectUri, code_verifier: verifier } = parameters
  if (code === undefined) return refuse('invalid_request', { missing: 'code' })
  if (verifier !== undefined && !VERIFIER.test(verifier))
    return refuse('invalid_request', { check: 'code_verifier' })
  const presented: GrantBinding = {
    applicationId: application.id,
    ...(redirectUri === undefined ? {} : { redirectUri }),
    ...(verifier === undefined ? {} : { codeChallenge: await sha256Base64url(verifier) }),
    ...(jkt === undefined ? {} : { jkt }),
  }
  const seen = await parts.grants.peek('authorization_code', code, now)
  if (!seen.ok) return grantRefused(seen.refusal)
  if (seen.value.binding.applicationId !== application.id)
    return refuse('invalid_grant', { check: 'not_bound' })
  const { content, isSpent } = seen.value
  if (request.mustBeOpenId && !content.isOpenId && !isSpent)
    return refuse('invalid_grant', { check: 'openid_code' })
  const grant = { kind: 'authorization_code', handle: code, presented, seen: seen.value } as const
  return takeOnce(parts, request, grant)
}
