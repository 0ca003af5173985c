/**
 * Revocation (RFC 7009). A refresh token goes with its whole family and every access token of it; an access
 * token goes alone. What is not the caller's stays as it is, and is answered as what is unknown: 200.
 */
import type { OAuthApplication } from '../../core/applications/application.ts'
import type { Audit } from '../../core/audit/audit.ts'
import type { AuditEvent } from '../../core/audit/audit-event.ts'
import type { Grants } from '../../core/sessions/grant.ts'
import { parseUserId } from '../../core/sessions/session.ts'
import type { ApplicationTokens } from '../../core/tokens/application-token.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import { uniqueParameters } from '../../platform/unique-parameters.ts'
import type { ClientCall } from '../client-call.ts'
import { UNAVAILABLE, UNCACHED, invalidRequest, oauthErrorAnswer } from '../oauth-answer.ts'
import type { OAuthError } from '../oauth-answer.ts'

export interface RevocationParts {
  readonly audit: Audit
  readonly grants: Pick<Grants, 'revoke' | 'revokeTokens'>
  readonly applicationTokens: Pick<ApplicationTokens, 'verify'>
}

type RevokeRefusalCode = 'unsupported_token_type' | 'unavailable'

/** `untouched`: there was nothing of the caller's to revoke. */
interface Revoked {
  readonly what: 'family' | 'access_token' | 'untouched'
  readonly why?: string
  readonly userId?: string
}

const errors: Readonly<Record<RevokeRefusalCode, OAuthError>> = {
  unsupported_token_type: {
    status: 400,
    error: 'unsupported_token_type',
    description: 'A token without a user cannot be revoked; it expires within minutes.',
  },
  unavailable: UNAVAILABLE,
}

export async function answerRevocation(
  parts: RevocationParts,
  { application, form, now }: ClientCall,
  facts: RequestFacts,
): Promise<Response> {
  const record = (event: AuditEvent) => parts.audit.record(facts, event)
  const read = uniqueParameters(form, ['token'])
  if (!read.ok || !read.value.token) {
    await record({ event: 'revocation.refused', refusal: { code: 'invalid_request' } })
    return oauthErrorAnswer(invalidRequest('One token is needed.'), facts.requestId)
  }
  const revoked = await revoke(parts, application, read.value.token, now)
  if (!revoked.ok) {
    const { refusal } = revoked
    await record({ event: 'revocation.refused', refusal, facts: { application: application.id } })
    return oauthErrorAnswer(errors[refusal.code], facts.requestId)
  }
  const { what, why, userId } = revoked.value
  await record({
    event: what === 'untouched' ? 'revocation.answered' : 'tokens.revoked',
    ...(userId === undefined ? {} : { userId }),
    facts: { application: application.id, what, why },
  })
  return new Response(null, { status: 200, headers: UNCACHED })
}

async function revoke(
  { grants, applicationTokens }: RevocationParts,
  application: OAuthApplication,
  token: string,
  now: EpochSeconds,
): Promise<Result<Revoked, RevokeRefusalCode>> {
  if (token.startsWith('r_')) {
    const handle = { kind: 'refresh_token', handle: token } as const
    const revoked = await grants.revoke({ ...handle, applicationId: application.id, now })
    if (revoked.ok) return ok({ what: 'family' })
    const { code } = revoked.refusal
    return code === 'unavailable' ? refuse(code) : ok({ what: 'untouched', why: code })
  }
  const verified = await applicationTokens.verify(token, now)
  if (!verified.ok) {
    const { code } = verified.refusal
    return code === 'unavailable' ? refuse(code) : ok({ what: 'untouched', why: code })
  }
  const { client_id, jti, user } = verified.value
  if (client_id !== application.id) return ok({ what: 'untouched', why: 'other_application' })
  const userId = parseUserId(user?.userId)
  if (userId === undefined) return refuse('unsupported_token_type')
  const revoked = await grants.revokeTokens({ userId, id: jti, now })
  return revoked.ok ? ok({ what: 'access_token', userId }) : revoked
}
