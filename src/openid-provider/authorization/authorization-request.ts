/**
 * An authorization request (RFC 6749 §4.1.1, OpenID Connect Core 1.0 §3.1.2.1), judged in the only order that
 * is safe: who asks, where an answer would go, and only then everything else. Until the first two are known
 * to be right nothing is sent anywhere; from then on every refusal is sent to the application.
 */
import type { OAuthApplication, ResponseType } from '../../core/applications/application.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Refusal } from '../../platform/refusal.ts'
import type { ClaimsRequest } from '../claims-request.ts'
import type { ResponseMode } from './response-mode.ts'

/** Why there is only a page: the application, or the way to it, is not known for certain. */
export type PageReason =
  | 'unknown_application'
  | 'redirect_uri_missing'
  | 'redirect_uri_not_registered'
  | 'request_uri_invalid' // a reference of ours that is unknown, used up or too old, or somebody else's
  | 'duplicate_parameter'
  | 'malformed_query'
  | 'request_too_large'
  | 'consent_not_asked' // the consent form of somebody else, of another session, or used before
  | 'fetched_ahead' // nobody has come yet: nothing is answered, and nothing used up
  | 'rate_limited'
  | 'unavailable'

/** Error codes of RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6, RFC 8707 §2 and others, as sent. */
export type AuthorizationError =
  | 'invalid_request'
  | 'unauthorized_client'
  | 'access_denied'
  | 'unsupported_response_type'
  | 'invalid_scope'
  | 'temporarily_unavailable'
  | 'login_required'
  | 'consent_required'
  | 'request_not_supported'
  | 'request_uri_not_supported'
  | 'registration_not_supported'
  | 'invalid_target'
  | 'unmet_authentication_requirements'

/** A refusal that is sent to the application; `facts.check` says what of the request it was. */
export type AuthorizationRefusal = Refusal<AuthorizationError>

/** Where the answer goes and how: proven, before anything else is looked at. */
export interface AnswerTarget {
  readonly application: OAuthApplication
  /** When its registration was read: what is given under it counts as given then. */
  readonly asOf: EpochSeconds
  readonly redirectUri: string
  readonly mode: ResponseMode
  /** Byte for byte as it came. */
  readonly state: string | undefined
}

/** A request that may be answered, if the person is there and agrees. */
export interface AuthorizationRequest {
  readonly target: AnswerTarget
  readonly responseType: ResponseType
  /** Whether the application named the redirect URI, so that it has to name it again for its tokens. */
  readonly isRedirectUriSent: boolean
  /** What may be granted: known, and registered for this application. */
  readonly scope: readonly string[]
  /** As it was spelled, where the application's adapter has rewritten it. */
  readonly requestedScope: string | undefined
  readonly isOpenId: boolean
  readonly nonce: string | undefined
  readonly codeChallenge: string | undefined
  readonly jkt: string | undefined
  readonly resource: string | undefined
  readonly claims: ClaimsRequest | undefined
  readonly prompts: ReadonlySet<Prompt>
  readonly maxAge: number | undefined
  readonly loginHint: string | undefined
  readonly acrValues: string | undefined
  readonly uiLocales: string | undefined
  readonly idTokenHint: string | undefined
}

export const promptValues = ['none', 'login', 'consent', 'select_account'] as const
export type Prompt = (typeof promptValues)[number]
