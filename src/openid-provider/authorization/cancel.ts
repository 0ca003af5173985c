import type { AuthorizeParts, Visit } from './authorize-parts.ts'
import { refuseRequest } from './finish.ts'
import { page } from './outcome.ts'
import type { AuthorizationOutcome } from './outcome.ts'
import { readRequest } from './read-request.ts'

/**
 * The person would rather not sign in: `GET /oauth/authorize/cancel`. Only whoever has the reference of a
 * request that waits can end it, and its application is told no.
 */
export async function cancelAuthorization(
  parts: AuthorizeParts,
  visit: Visit,
): Promise<AuthorizationOutcome> {
  const read = await readRequest(parts, visit)
  if (read.kind !== 'read') return read
  if (read.received.requestUri === undefined) return page({ code: 'request_uri_invalid' })
  const refusal = { code: 'access_denied', facts: { check: 'sign_in' } } as const
  return refuseRequest(parts, read, { refusal, person: undefined, now: visit.now })
}
