import type { GrantContent } from '../../core/sessions/grant.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { GrantRequest, Granting, SessionGrantParts } from './grant-request.ts'
import { grantRefused } from './take-once.ts'
import { prepareTokens } from './session-tokens.ts'

/**
 * `grant_type=refresh_token` (RFC 6749 §6, RFC 9700 §4.14.2, OpenID Connect Core 1.0 §12). Unlike a code it is taken
 * first, with one question to its object, and its tokens are signed then, by keys that are at hand by that
 * time: whoever gets no answer all the same asks again and gets the same successor.
 */
export async function refreshTokens(parts: SessionGrantParts, request: GrantRequest): Granting {
  const { application, parameters, scope, resource, jkt, now } = request
  const { oauth } = application
  const handle = parameters.refresh_token
  if (handle === undefined) return refuse('invalid_request', { missing: 'refresh_token' })
  if (scope?.length === 0) return refuse('invalid_scope', { check: 'empty' })
  for (const alg of ['ES256', oauth.idTokenSignedResponseAlg] as const) {
    const key = await parts.keys.signingKey(alg, now)
    if (!key.ok) return key
  }
  const rotated = await parts.grants.rotate({
    handle,
    presented: { applicationId: application.id, ...(jkt === undefined ? {} : { jkt }) },
    asked: {
      scope,
      scopes: oauth.scope,
      resource,
      resources: oauth.resources,
      mayNameResource: application.isFirstParty,
    },
    lifetimeSeconds: parts.refreshLifetimeSeconds,
    now,
  })
  if (!rotated.ok) return grantRefused(rotated.refusal)
  const { refreshToken, session, family, content } = rotated.value
  const prepared = await prepareTokens(parts, request, {
    session,
    family,
    content: narrowTo(content, request),
    isRefresh: true,
  })
  return prepared.ok ? ok({ ...prepared.value, refreshToken, session, family }) : prepared
}

/** RFC 6749 §6: these tokens may be for less than was granted. The grant stays as it is. */
function narrowTo(content: GrantContent, { scope, requestedScope }: GrantRequest): GrantContent {
  if (scope === undefined) return content
  const { requestedScope: _, ...rest } = content
  return {
    ...rest,
    scope,
    isOpenId: content.isOpenId && (scope.includes('openid') || !content.scope.includes('openid')),
    ...(requestedScope === undefined ? {} : { requestedScope }),
  }
}
