import { coversConsent } from '../../core/sessions/covers-consent.ts'
import type { Consents, NeededConsent } from '../../core/sessions/grant.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import { ok } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { AuthorizationRequest } from '../authorization/authorization-request.ts'

/**
 * Whether the person has to be asked. The company's own applications need no consent; another's, one that
 * covers every scope value, every claim and the API. An answer that any program on the machine may catch and use (RFC
 * 8252 §8.6) goes out only when the person has just said so: a code is of use to none but its own
 * application, where that has to prove itself.
 */
export async function isConsentLacking(
  { consents }: { readonly consents: Pick<Consents, 'read'> },
  request: AuthorizationRequest,
  { userId }: Pick<LiveSession, 'userId'>,
): Promise<Result<boolean, 'unavailable'>> {
  const { application } = request.target
  if (isAlwaysAsked(request)) return ok(true)
  if (application.isFirstParty) return ok(false)
  const given = await consents.read(userId, application.id)
  if (!given.ok) return given
  return ok(given.value === undefined || !coversConsent(given.value, consentTo(request)))
}

/** Whether no consent of before is enough. */
export function isAlwaysAsked({ prompts, responseType, target }: AuthorizationRequest): boolean {
  const { application, redirectUri } = target
  if (prompts.has('consent')) return true
  const isOfUseToNoneElse =
    responseType === 'code' && application.oauth.tokenEndpointAuthMethod !== 'none'
  return !application.isFirstParty && !redirectUri.startsWith('https:') && !isOfUseToNoneElse
}

/** What an answer to this request rests on, for whoever gives it; nothing for the company's own applications. */
export const consentBehind = (request: AuthorizationRequest): NeededConsent | undefined =>
  request.target.application.isFirstParty ? undefined : consentTo(request)

/** What whoever says yes to a request agrees to. */
export const consentTo = (request: AuthorizationRequest): NeededConsent => ({
  scope: request.scope,
  claims: claimNames(request),
  resources: request.resource === undefined ? [] : [request.resource],
})

/** The names of the claims that are asked for one by one, each once. */
export const claimNames = ({ claims }: Pick<AuthorizationRequest, 'claims'>): readonly string[] => [
  ...new Set([...(claims?.userinfo ?? []), ...(claims?.idToken ?? [])]),
]
