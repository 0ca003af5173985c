import type { GrantContent } from '../../core/sessions/grant.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { GrantRequest, Granting, SessionGrantParts } from './grant-request.ts'
import { grantRefused } from './redeem-code.ts'
import { prepareTokens } from './session-tokens.ts'

/** `grant_type=refresh_token` (RFC 6749 §6, RFC 9700 §4.14.2, OpenID Connect Core 1.0 §12). */
export async function refreshTokens(parts: SessionGrantParts, request: GrantRequest): Granting {
  const { application, parameters, jkt, now } = request
  const handle = parameters.refresh_token
  if (handle === undefined) return refuse('invalid_request', { missing: 'refresh_token' })
  const seen = await parts.grants.peek('refresh_token', handle, now)
  if (!seen.ok) return grantRefused(seen.refusal)
  const { content, family, binding } = seen.value
  if (binding.applicationId !== application.id)
    return refuse('invalid_grant', { check: 'not_bound' })
  const narrowed = narrowTo(content, request)
  if (!narrowed.ok) return narrowed
  const prepared = await prepareTokens(parts, request, {
    session: afterUse(seen.value.session, now),
    family,
    content: narrowed.value,
    isRefresh: true,
  })
  if (!prepared.ok) return prepared

  const rotated = await parts.grants.rotate({
    handle,
    presented: { applicationId: application.id, ...(jkt === undefined ? {} : { jkt }) },
    lifetimeSeconds: parts.refreshLifetimeSeconds,
    now,
  })
  if (!rotated.ok) return grantRefused(rotated.refusal)
  const { refreshToken, session } = rotated.value
  return ok({ ...prepared.value, refreshToken, session, family })
}

/** RFC 6749 §6: these tokens may be for less than was granted, never for more. The grant stays as it is. */
function narrowTo(
  content: GrantContent,
  { scope, requestedScope }: GrantRequest,
): Result<GrantContent, 'invalid_scope'> {
  if (scope === undefined) return ok(content)
  const isWider = scope.some((value) => !content.scope.includes(value))
  if (isWider) return refuse('invalid_scope', { check: 'wider' })
  const { requestedScope: _, ...rest } = content
  return ok({
    ...rest,
    scope,
    isOpenId: content.isOpenId && (scope.includes('openid') || !content.scope.includes('openid')),
    ...(requestedScope === undefined ? {} : { requestedScope }),
  })
}

/** The session as the rotation will leave it: it is a use, which moves the idle deadline. */
const afterUse = (session: LiveSession, now: EpochSeconds): LiveSession => ({
  ...session,
  idleDeadlineAt: Math.max(
    session.idleDeadlineAt,
    now + (session.idleDeadlineAt - session.lastUsedAt),
  ),
})
