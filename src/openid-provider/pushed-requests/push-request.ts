/**
 * Pushed authorization requests (RFC 9126): an application hands its request in by itself, and sends the
 * browser with a reference to it. The request is judged here as it would be at the authorization endpoint,
 * and there again.
 */
import type { Config } from '../../config.ts'
import type { KnownApplications } from '../../core/applications/known-applications.ts'
import type { DpopProofs } from '../../core/tokens/dpop-proof.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { ClientCall } from '../client-call.ts'
import type { AuthorizationError, PageReason } from '../authorization/authorization-request.ts'
import { findTarget } from '../authorization/find-target.ts'
import { parseRequest } from '../authorization/parse-request.ts'
import { PUSHED_SECONDS } from '../authorization/pending-requests.ts'
import type { PendingRequests } from '../authorization/pending-requests.ts'

export const PUSH_PATH = '/oauth/par'

export interface PushParts {
  readonly config: Pick<Config, 'issuer'>
  readonly knownApplications: Pick<KnownApplications, 'judge'>
  readonly pendingRequests: PendingRequests
  readonly proofs: DpopProofs
}

export interface PushedRequest {
  readonly requestUri: string
  readonly expiresIn: number
}

export type PushRefusalCode = AuthorizationError | PageReason | 'invalid_dpop_proof'

/** What proves who the application is, and is not part of its request. */
const PROOFS = ['client_secret', 'client_assertion', 'client_assertion_type']

export async function pushRequest(
  { config, knownApplications, pendingRequests, proofs }: PushParts,
  { application, form, now, dpop }: ClientCall & { readonly dpop: string | undefined },
): Promise<Result<PushedRequest, PushRefusalCode>> {
  // RFC 9126 §2.1: a reference is not pushed.
  if (form.has('request_uri')) return refuse('invalid_request', { check: 'request_uri' })
  const parameters = new URLSearchParams([...form].filter(([name]) => !PROOFS.includes(name)))
  parameters.set('client_id', application.id)
  if (dpop !== undefined) {
    const key = await proofs.check(
      { proof: dpop, method: 'POST', url: config.issuer + PUSH_PATH },
      now,
    )
    if (!key.ok) return refuse('invalid_dpop_proof', key.refusal.facts)
    const { jkt } = key.value
    // RFC 9449 §10.1.
    const named = parameters.getAll('dpop_jkt').join(' ')
    if (named !== '' && named !== jkt) return refuse('invalid_request', { check: 'dpop_jkt' })
    parameters.set('dpop_jkt', jkt)
  }
  const request = await knownApplications.judge(
    application.id,
    (known) => {
      const target = findTarget(known, parameters)
      return target.ok ? parseRequest(target.value, parameters, { isPushed: true }) : target
    },
    now,
  )
  if (!request.ok) return request
  const kept = { query: parameters.toString(), applicationId: application.id }
  const requestUri = await pendingRequests.push(kept, now)
  return requestUri.ok
    ? ok({ requestUri: requestUri.value, expiresIn: PUSHED_SECONDS })
    : requestUri
}
