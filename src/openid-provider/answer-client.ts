import type { Audit } from '../core/audit/audit.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { readClientCall } from './client-call.ts'
import type { ClientCall, ClientCallParts } from './client-call.ts'
import { clientCallErrors, oauthErrorAnswer } from './oauth-answer.ts'

/**
 * Answers a request that an application makes by itself: by `answer`, once it has been authenticated; everybody
 * else is told what they may know, and leaves an event.
 */
export async function answerClient(
  parts: ClientCallParts & { readonly audit: Audit },
  request: Request,
  facts: RequestFacts,
  answer: (call: ClientCall) => Promise<Response>,
): Promise<Response> {
  const call = await readClientCall(parts, request, facts)
  if (call.ok) return answer(call.value)
  const { refusal } = call
  const event = refusal.code === 'rate_limited' ? 'rate.limited' : 'client.refused'
  const { pathname: path } = new URL(request.url)
  await parts.audit.record(facts, { event, refusal, facts: { path } })
  return oauthErrorAnswer(clientCallErrors[refusal.code], facts.requestId)
}
