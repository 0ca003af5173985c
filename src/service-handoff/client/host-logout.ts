import type { Result } from '../../platform/refusal.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import { handoffAnswers } from '../host/refusals.ts'
import type { HandoffRefusalCode } from '../host/refusals.ts'
import { readParameters } from '../read-parameters.ts'
import type { ClientParts } from './client-parts.ts'
import type { HandoffHost } from './handoff-hosts.ts'

/**
 * A host says that a session there is over: `{"api_sid": …}`. What came of it here ends, and nothing else. The
 * wire has no proof of who calls; only host and service know an `api_sid`, which cannot be guessed, and all
 * that it can do is this. Whether there was such a session is not said, so that nobody can try them out.
 */
export async function answerHostLogout(
  parts: ClientParts,
  host: HandoffHost | undefined,
  request: Request,
  facts: RequestFacts,
): Promise<Response> {
  const ended = await endFromHost(parts, host, request, facts)
  const headers = new Headers({ 'Cache-Control': 'no-store', Pragma: 'no-cache' })
  const providerId = host === undefined ? {} : { providerId: host.config.id }
  if (ended.ok) {
    const { apiSid, count } = ended.value
    await parts.audit.record(facts, {
      event: 'logout.accepted',
      ...providerId,
      facts: { by: 'handoff_host', ended: count },
    })
    return Response.json({ status: 'logged_out', api_sid: apiSid }, { headers })
  }
  const { refusal } = ended
  const event = refusal.code === 'rate_limited' ? 'rate.limited' : 'logout.rejected'
  await parts.audit.record(facts, { event, refusal, ...providerId })
  const { status, code, detail, retryAfterSeconds } = handoffAnswers[refusal.code]
  if (retryAfterSeconds !== undefined) headers.set('Retry-After', String(retryAfterSeconds))
  return Response.json({ detail, code }, { status, headers })
}

async function endFromHost(
  { clock, doors, users, ends }: ClientParts,
  host: HandoffHost | undefined,
  request: Request,
  facts: RequestFacts,
): Promise<Result<{ readonly apiSid: string; readonly count: number }, HandoffRefusalCode>> {
  const entrance = await doors.mayEnter('back_channel', facts)
  if (!entrance.ok) return entrance
  if (host === undefined) return refuse('unknown_service')
  const read = await readParameters(request, ['api_sid'])
  if (!read.ok) return read
  const { api_sid: apiSid } = read.value
  if (apiSid === undefined) return refuse('missing_parameter', { parameter: 'api_sid' })
  const now = clock()
  const { id: providerId, issuer } = host.config
  const found = await users.findSignedOut({ issuer, subject: undefined, upstreamSid: apiSid, now })
  if (!found.ok) return found
  let count = 0
  for (const userId of found.value) {
    const cause = 'handoff_host'
    const logout = { issuer, providerId, upstreamSid: apiSid, scope: 'session', cause } as const
    const ended = await ends.endForProvider(facts, { userId, logout, now })
    if (!ended.ok) return refuse('unavailable')
    count += ended.value.ended
  }
  return ok({ apiSid, count })
}
