/**
 * `POST /oauth/par`: an application pushes its authorization request (RFC 9126) and gets a reference, which a
 * browser then brings to `/oauth/authorize`. It is called by applications alone: no cookie, no other origin.
 */
import { Hono } from 'hono'
import type { Audit } from '../../core/audit/audit.ts'
import type { KeptValues } from '../../core/references/kept-value.ts'
import { createDpopProofs } from '../../core/tokens/dpop-proof.ts'
import type { RequestVariables } from '../../platform/request-facts.ts'
import { answerClient } from '../answer-client.ts'
import type { ClientCallParts } from '../client-call.ts'
import { invalidRequest, oauthErrorAnswer, UNAVAILABLE, UNCACHED } from '../oauth-answer.ts'
import type { OAuthError } from '../oauth-answer.ts'
import { descriptionOf } from '../authorization/outcome.ts'
import { createPendingRequests } from '../authorization/pending-requests.ts'
import { PUSH_PATH, pushRequest } from './push-request.ts'
import type { PushParts, PushRefusalCode } from './push-request.ts'

export type PushCore = Omit<PushParts, 'pendingRequests' | 'proofs'> &
  ClientCallParts & {
    readonly audit: Audit
    readonly keptValues: KeptValues
  }

export function pushRoutes(core: PushCore) {
  const parts = {
    ...core,
    pendingRequests: createPendingRequests(core.keptValues),
    proofs: createDpopProofs(),
  }
  return new Hono<{ Variables: RequestVariables }>().post(PUSH_PATH, (c) => {
    const facts = c.get('facts')
    return answerClient(parts, c.req.raw, facts, async (call) => {
      const pushed = await pushRequest(parts, { ...call, dpop: c.req.header('dpop') })
      await core.audit.record(facts, {
        event: 'authorization.pushed',
        facts: { application_id: call.application.id },
        ...(!pushed.ok && { refusal: pushed.refusal }),
      })
      if (!pushed.ok) return oauthErrorAnswer(errorOf(pushed.refusal), facts.requestId)
      const { requestUri, expiresIn } = pushed.value
      return c.json({ request_uri: requestUri, expires_in: expiresIn }, 201, UNCACHED)
    })
  })
}

/** RFC 9126 §2.3: what would be a page or a redirect is told to the application directly. */
function errorOf(refusal: { readonly code: PushRefusalCode }): OAuthError {
  const { code } = refusal
  switch (code) {
    case 'unavailable':
    case 'temporarily_unavailable':
      return UNAVAILABLE
    case 'invalid_dpop_proof':
      return { status: 400, error: code, description: 'The DPoP proof is not good.' }
    case 'redirect_uri_missing':
    case 'redirect_uri_not_registered':
      return invalidRequest('redirect_uri is missing, or is not registered.')
    case 'unknown_application':
    case 'request_uri_invalid':
    case 'duplicate_parameter':
    case 'malformed_query':
    case 'request_too_large':
    case 'consent_not_asked':
    case 'fetched_ahead':
    case 'rate_limited':
      return invalidRequest('A parameter is malformed, or stands there twice.')
    default:
      return { status: 400, error: code, description: descriptionOf({ ...refusal, code }) }
  }
}
