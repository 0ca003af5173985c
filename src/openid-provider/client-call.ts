/**
 * A call that an application makes by itself, as a form (RFC 6749 §3.2): the token endpoint and those beside
 * it. No cookie is looked at: whatever a browser would add of its own means nothing here.
 */
import type { OAuthApplication } from '../core/applications/application.ts'
import type { Clock, EpochSeconds } from '../platform/clock.ts'
import type { Doors } from '../platform/doors.ts'
import type { BodyRefusal } from '../platform/read-body.ts'
import { readForm } from '../platform/read-form.ts'
import { ok } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import type { AuthenticateClient, ClientRefusalCode } from './client-authentication.ts'

export interface ClientCallParts {
  readonly clock: Clock
  readonly doors: Pick<Doors, 'mayEnter'>
  readonly authenticateClient: AuthenticateClient
}

/** Who calls, with what, and when: a call is as late as its last byte, and what it brings counts until then. */
export interface ClientCall {
  readonly application: OAuthApplication
  readonly form: URLSearchParams
  readonly now: EpochSeconds
}

export type ClientCallRefusalCode = BodyRefusal | ClientRefusalCode | 'rate_limited'

/** The checks that every such call goes through, the cheapest first: how often, what, and who. */
export async function readClientCall(
  { clock, doors, authenticateClient }: ClientCallParts,
  request: Request,
  facts: RequestFacts,
): Promise<Result<ClientCall, ClientCallRefusalCode>> {
  const entry = await doors.mayEnter('token', facts)
  if (!entry.ok) return entry
  const form = await readForm(request)
  if (!form.ok) return form
  const now = clock()
  const { pathname, searchParams } = new URL(request.url)
  const authenticated = await authenticateClient(
    {
      authorization: request.headers.get('authorization') ?? undefined,
      form: form.value,
      query: searchParams,
      path: pathname,
    },
    now,
  )
  return authenticated.ok
    ? ok({ application: authenticated.value, form: form.value, now })
    : authenticated
}
