import type { GrantBinding, GrantRefusal, PeekedGrant } from '../../core/sessions/grant.ts'
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

/** A grant that counts once, as it was seen: an authorization code's, or a device code's. */
interface SeenGrant {
  readonly kind: 'authorization_code' | 'device_code'
  readonly handle: string
  readonly presented: GrantBinding
  readonly seen: PeekedGrant
}

/** The tokens of such a grant: all of them are made, and then it is taken, which begins the application's part. */
export async function takeOnce(
  parts: SessionGrantParts,
  request: GrantRequest,
  { kind, handle, presented, seen: { session, family, content, isSpent } }: SeenGrant,
): Granting {
  const { application, jkt, now } = request
  const prepared = await prepareTokens(parts, request, { session, family, content })
  // One that was taken before is taken again whatever else is wrong, so that its reuse is noticed (RFC 6749 §4.1.2).
  if (!prepared.ok && !isSpent) return prepared
  const { grantTypes, tokenEndpointAuthMethod } = application.oauth
  const refresh = {
    lifetimeSeconds: parts.refreshLifetimeSeconds,
    // RFC 9449 §5: what a public client holds, nothing else would protect.
    isKeyBound: jkt !== undefined && tokenEndpointAuthMethod === 'none',
  }
  const taken = await parts.grants.take({
    kind,
    handle,
    presented,
    participation: await participationIn(parts.subjects, application, session),
    ...(grantTypes.includes('refresh_token') ? { refresh } : {}),
    now,
  })
  if (!taken.ok) return grantRefused(taken.refusal)
  if (!prepared.ok) return prepared
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
