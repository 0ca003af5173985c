import type { Audit } from '../../core/audit/audit.ts'
import type { AuditEvent } from '../../core/audit/audit-event.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import { oauthErrorAnswer } from '../oauth-answer.ts'
import { tokenAnswer, tokenErrors } from './token-answer.ts'
import { decideTokenRequest } from './token-request.ts'
import type { TokenDecision, TokenRequest, TokenRequestParts } from './token-request.ts'

/** Decides a token request, leaves the one event of the decision, and says it on the wire. */
export async function answerTokenRequest(
  parts: TokenRequestParts & { readonly audit: Audit },
  request: TokenRequest,
  facts: RequestFacts,
  now: EpochSeconds,
): Promise<Response> {
  const decision = await decideTokenRequest(parts, request, facts, now)
  await parts.audit.record(facts, eventOf(decision, request.application.id))
  const { granted, jkt } = decision
  return granted.ok
    ? tokenAnswer(granted.value, jkt)
    : oauthErrorAnswer(tokenErrors[granted.refusal.code], facts.requestId)
}

function eventOf({ granted, grantType, jkt }: TokenDecision, application: string): AuditEvent {
  const facts = { application, grant: grantType }
  if (!granted.ok) {
    const isReuse = granted.refusal.code === 'grant_reused'
    return {
      event: isReuse ? 'grant.reused' : 'tokens.refused',
      refusal: granted.refusal,
      facts,
    }
  }
  const { accessToken, session, family } = granted.value
  const token_type = jkt === undefined ? 'Bearer' : 'DPoP'
  return {
    event: grantType === 'refresh_token' ? 'tokens.refreshed' : 'tokens.issued',
    // That the person let the application have them was decided, and noted, where the code was given.
    isRoutine: grantType === 'authorization_code',
    ...(session === undefined ? {} : { userId: session.userId, sid: session.sid }),
    facts: { ...facts, jti: accessToken.jti, family, token_type },
  }
}
