/** What an authorization comes to, before it becomes an HTTP answer (routes.tsx). */
import type { AuditEvent } from '../../core/audit/audit-event.ts'
import type { Refusal } from '../../platform/refusal.ts'
import type { ConsentView } from '../consent/consent-view.ts'
import type {
  AnswerTarget,
  AuthorizationError,
  AuthorizationRefusal,
  PageReason,
} from './authorization-request.ts'
import type { AnswerParameters } from './response-mode.ts'

export type AuthorizationOutcome = PageShown | Answered | Redirected | ConsentNeeded

/** Nothing is sent anywhere. */
export interface PageShown {
  readonly kind: 'page'
  readonly refusal: Refusal<PageReason>
  /** An own path, to try again. */
  readonly retryHref?: string
}

/** The application is told: yes or no. */
export interface Answered {
  readonly kind: 'answered'
  readonly target: AnswerTarget
  readonly parameters: AnswerParameters
  readonly event: AuditEvent
}

/** Nothing is decided yet: the person signs in first, or the request comes again by GET. */
export interface Redirected {
  readonly kind: 'redirected'
  /** An own path. */
  readonly location: string
}

/** The person is asked; the request waits. */
export interface ConsentNeeded {
  readonly kind: 'consent'
  readonly view: ConsentView
}

export const page = (refusal: Refusal<PageReason>, retryHref?: string): PageShown => ({
  kind: 'page',
  refusal,
  ...(retryHref !== undefined && { retryHref }),
})

/** A refusal as the application gets it: RFC 6749 §4.1.2.1, with `iss` (RFC 9207 §2). */
export const refusedTo = (
  target: AnswerTarget,
  refusal: AuthorizationRefusal,
  { issuer }: { readonly issuer: string },
  person: { readonly userId?: string; readonly sid?: string } = {},
): Answered => ({
  kind: 'answered',
  target,
  parameters: {
    error: refusal.code,
    error_description: descriptionOf(refusal),
    ...(target.state !== undefined && { state: target.state }),
    iss: issuer,
  },
  event: {
    event: 'authorization.refused',
    refusal,
    facts: { application_id: target.application.id },
    ...person,
  },
})

/** RFC 6749 §4.1.2.1: printable ASCII without `"` and `\`; nothing of the request is repeated. */
const DESCRIPTIONS: Readonly<Record<AuthorizationError, string>> = {
  invalid_request: 'A parameter is missing, malformed, or stands there twice.',
  unauthorized_client: 'The application is not registered for this response type.',
  access_denied: 'The person said no.',
  unsupported_response_type: 'There is no such response type here.',
  invalid_scope: 'None of the scope values may be granted to this application.',
  temporarily_unavailable: 'A part of this service is not answering. Try again in a moment.',
  login_required: 'The person has to sign in.',
  consent_required: 'The person has to consent.',
  request_not_supported: 'Request objects are not supported.',
  request_uri_not_supported: 'Only references of pushed requests are supported.',
  registration_not_supported: 'The registration parameter is not supported.',
  invalid_target: 'The resource is not one that this application is registered for.',
  unmet_authentication_requirements: 'The person could not be authenticated as asked.',
}

/** What of the request was wrong, for whoever builds the application. */
const CHECKS: Readonly<Record<string, string>> = {
  duplicate_parameter: 'A parameter stands there twice.',
  not_pushed: 'This application has to push its requests (RFC 9126).',
  code_challenge: 'code_challenge is missing or not a SHA-256 hash in base64url.',
  code_challenge_method: 'code_challenge_method has to be S256.',
  dpop: 'Tokens of this application are bound to a key and cannot be issued here.',
}

/** What was wrong with a request, in words of ours. */
export const descriptionOf = ({ code, facts }: AuthorizationRefusal): string => {
  const check = typeof facts?.check === 'string' ? facts.check : undefined
  if (check === undefined) return DESCRIPTIONS[code]
  const known = CHECKS[check]
  if (known !== undefined) return known
  return code === 'invalid_request'
    ? `The parameter ${check} is missing or malformed.`
    : DESCRIPTIONS[code]
}
