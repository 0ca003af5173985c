import type {
  KnownApplication,
  KnownApplications,
} from '../../core/applications/known-applications.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { AuthorizationRequest, PageReason } from './authorization-request.ts'
import type { AuthorizeParts, Visit } from './authorize-parts.ts'
import { findApplicationId, findTarget } from './find-target.ts'
import { page, refusedTo } from './outcome.ts'
import type { Answered, PageShown } from './outcome.ts'
import { parseRequest } from './parse-request.ts'
import { isOurRequestUri } from './pending-requests.ts'
import type { PendingRequest } from './pending-requests.ts'
import { OTHER_ACCOUNT } from './sign-in-step.ts'

/** How a request came: its own parameters, or a reference to some that wait. */
export interface ReceivedRequest {
  readonly parameters: URLSearchParams
  /** Its reference, if it waits. */
  readonly requestUri: string | undefined
  readonly pending: PendingRequest
  /** The person would rather be somebody else. */
  readonly isForOtherAccount: boolean
}

/** A request that is right in itself, and how it came. */
export interface ReadRequest {
  readonly kind: 'read'
  readonly request: AuthorizationRequest
  readonly received: ReceivedRequest
}

type ReadParts = Pick<AuthorizeParts, 'knownApplications' | 'pendingRequests' | 'config'>

/**
 * Reads and judges a request, in the only safe order; one that waits is judged anew, since its application may
 * have been changed or disabled meanwhile. Only a code is given by what is known of the application:
 * whatever else is asked for, or decided (`isAnew`), is a matter of the registration as it is now.
 */
export async function readRequest(
  parts: ReadParts,
  visit: Visit,
  { isAnew = false }: { readonly isAnew?: boolean } = {},
): Promise<PageShown | Answered | ReadRequest> {
  const received = await receive(parts, visit)
  if (!received.ok) return page(received.refusal)
  const { parameters } = received.value
  const applicationId = findApplicationId(parameters)
  if (!applicationId.ok) return page(applicationId.refusal)
  const judgeBy = (how: keyof KnownApplications) =>
    parts.knownApplications[how](
      applicationId.value,
      (known) => judgeRequest(parts, received.value, known),
      visit.now,
    )
  const known = await judgeBy(isAnew ? 'judgeAnew' : 'judge')
  // What it is for is only known now: the application's adapter has a say in it.
  const isEnough = isAnew || !known.ok || known.value.responseType === 'code'
  const judged = isEnough ? known : await judgeBy('judgeAnew')
  if (judged.ok) return { kind: 'read', request: judged.value, received: received.value }
  return 'outcome' in judged ? judged.outcome : page(judged.refusal)
}

function judgeRequest(
  { config }: Pick<ReadParts, 'config'>,
  { parameters, pending }: ReceivedRequest,
  known: KnownApplication | undefined,
):
  | { readonly ok: true; readonly value: AuthorizationRequest }
  | { readonly ok: false; readonly outcome: PageShown | Answered } {
  const target = findTarget(known, parameters)
  if (!target.ok) return { ok: false, outcome: page(target.refusal) }
  const request = parseRequest(target.value, parameters, pending)
  return request.ok
    ? request
    : { ok: false, outcome: refusedTo(target.value, request.refusal, config) }
}

async function receive(
  { pendingRequests }: Pick<AuthorizeParts, 'pendingRequests'>,
  { parameters, now, milliseconds }: Visit,
): Promise<Result<ReceivedRequest, PageReason>> {
  const [requestUri = '', ...others] = parameters.getAll('request_uri')
  if (!isOurRequestUri(requestUri) || others.length > 0) {
    const pending = {
      query: parameters.toString(),
      applicationId: parameters.get('client_id') ?? '',
      isPushed: false,
      receivedAtMilliseconds: milliseconds,
      rounds: 0,
    }
    return ok({ parameters, requestUri: undefined, pending, isForOtherAccount: false })
  }
  // RFC 9126 §4: whose it is has to be said again. All other parameters beside it are ignored.
  const [applicationId = '', ...more] = parameters.getAll('client_id')
  if (more.length > 0) return refuse('duplicate_parameter', { parameter: 'client_id' })
  const pending = await pendingRequests.read(requestUri, { applicationId, now, milliseconds })
  if (!pending.ok) return pending
  return ok({
    parameters: new URLSearchParams(pending.value.query),
    requestUri,
    pending: pending.value,
    isForOtherAccount: parameters.get(OTHER_ACCOUNT) === '1',
  })
}
