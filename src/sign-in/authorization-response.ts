/**
 * The provider's answer as it reaches us: in the query (RFC 6749 §4.1.2), or by a form that the browser
 * posts (OAuth 2.0 Form Post Response Mode 1.0), whichever the provider is configured for and no other.
 */
import type { IdentityProvider } from '../core/identity-providers/identity-provider.ts'
import { readForm } from '../platform/read-form.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import type { AttemptState } from './attempt-state.ts'
import { refused } from './outcome.ts'
import type { SignInOutcome, SignInReason } from './outcome.ts'
import type { SignInParts, SignInRequest } from './sign-in-parts.ts'

export interface ReceivedResponse {
  /** Undefined where the provider posts its answers and this browser has none for this `state`. */
  readonly parameters: URLSearchParams | undefined
  /** The `state` as received, and what we once sealed in it. */
  readonly state: string
  readonly sealedState: AttemptState
  /** What to forget when the answer has been dealt with. */
  readonly setCookies: readonly string[]
}

/** By GET: `POST` answers were put by for this request, under the attempt that their `state` names. */
export async function readResponse(
  { states, responseCookies, clock }: SignInParts,
  { query, headers }: SignInRequest,
  { config: { responseMode } }: IdentityProvider,
): Promise<Result<ReceivedResponse, SignInReason>> {
  const genuine = await checkState(states, query)
  if (!genuine.ok) return genuine
  if (responseMode === 'query') {
    return ok({ ...genuine.value, parameters: query, setCookies: [] })
  }
  const { attemptId } = genuine.value.sealedState
  const parameters = await responseCookies.find(attemptId, headers.get('cookie'), clock())
  return parameters?.get('state') === genuine.value.state
    ? ok({ ...genuine.value, parameters, setCookies: [responseCookies.clear(attemptId)] })
    : ok({ ...genuine.value, parameters: undefined, setCookies: [] })
}

/** `POST /auth/sso/callback[/:provider]`: puts the answer by, judges nothing but its form, and turns it into a GET. */
export async function receiveFormPost(
  { config, states, responseCookies, clock }: SignInParts,
  provider: IdentityProvider,
  request: Request,
): Promise<SignInOutcome> {
  const providerId = provider.config.id
  const form = await readForm(request)
  if (!form.ok) return refused(form.refusal, { providerId })
  const genuine = await checkState(states, form.value)
  if (!genuine.ok) return refused(genuine.refusal, { providerId })
  const { sealedState, state } = genuine.value
  const line = await responseCookies.keep(sealedState.attemptId, form.value, clock())
  if (line === undefined) return refused({ code: 'body_too_large' }, { providerId })
  const query = new URLSearchParams({ state })
  return {
    kind: 'redirected',
    location: `${config.issuer}/auth/sso/callback/${encodeURIComponent(providerId)}?${query.toString()}`,
    setCookies: [line],
  }
}

/** RFC 6749 §3.1: no parameter twice, of any name. Then that `state` is one of ours, before it is used for anything. */
async function checkState(states: SignInParts['states'], parameters: URLSearchParams) {
  const names = [...parameters.keys()]
  if (new Set(names).size !== names.length) return refuse('duplicate_parameter')
  const state = parameters.get('state') ?? ''
  const sealedState = await states.unseal(state)
  return sealedState === undefined ? refuse('state_invalid') : ok({ state, sealedState })
}
