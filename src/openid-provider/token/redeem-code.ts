import type { GrantBinding, GrantRefusal } from '../../core/sessions/grant.ts'
import { sha256Base64url } from '../../platform/digest.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Refusal } from '../../platform/refusal.ts'
import { participationIn } from './grant-request.ts'
import type {
  GrantRequest,
  Granting,
  SessionGrantParts,
  TokenRefusalCode,
} from './grant-request.ts'
import { prepareTokens } from './session-tokens.ts'

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
  const { content, session, family, binding } = seen.value
  if (binding.applicationId !== application.id)
    return refuse('invalid_grant', { check: 'not_bound' })
  if (request.mustBeOpenId && !content.isOpenId)
    return refuse('invalid_grant', { check: 'openid_code' })
  const prepared = await prepareTokens(parts, request, { session, family, content })
  if (!prepared.ok) return prepared

  const { grantTypes, tokenEndpointAuthMethod } = application.oauth
  const refresh = {
    lifetimeSeconds: parts.refreshLifetimeSeconds,
    // RFC 9449 §5: what a public client holds, nothing else would protect.
    isKeyBound: jkt !== undefined && tokenEndpointAuthMethod === 'none',
  }
  const taken = await parts.grants.take({
    kind: 'authorization_code',
    handle: code,
    presented,
    participation: await participationIn(parts.subjects, application, session),
    ...(grantTypes.includes('refresh_token') ? { refresh } : {}),
    now,
  })
  if (!taken.ok) return grantRefused(taken.refusal)
  return ok({
    ...prepared.value,
    refreshToken: taken.value.refreshToken,
    session: taken.value.session,
    family,
  })
}

/** A grant that cannot be taken is one error to the outside (RFC 6749 §5.2), whatever the reason. */
export function grantRefused({ code, facts }: Refusal<GrantRefusal>): {
  readonly ok: false
  readonly refusal: Refusal<TokenRefusalCode>
} {
  switch (code) {
    case 'unavailable':
      return refuse('unavailable')
    case 'not_granted':
      return refuse(facts?.check === 'scope' ? 'invalid_scope' : 'invalid_target', facts)
    case 'reused':
      return refuse('grant_reused', facts)
    case 'malformed':
    case 'unknown':
    case 'not_bound':
    case 'wrong_proof':
    case 'expired':
    case 'no_session':
      return refuse('invalid_grant', { ...facts, check: code })
  }
}
