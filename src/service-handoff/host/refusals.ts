/**
 * Every "no" to a service, or to a host of ours that tells us of a logout: `{"detail": …, "code": …}`, the shape of
 * Django REST framework, which Epixel's API has. One word for each reason, and never a part of what was sent.
 */
import { SESSION_CHALLENGE } from '../../core/sessions/session-cookie.ts'
import type { BodyRefusal } from '../../platform/read-body.ts'

export type HandoffRefusalCode =
  | 'wrong_key'
  | 'no_session'
  | 'wrong_credentials'
  | 'not_from_our_page'
  | 'token_not_valid' // a ticket or token of nobody, or of another service; or its session is over
  | 'ticket_used'
  | 'ticket_expired'
  | 'missing_parameter'
  | 'invalid_parameter'
  | 'unknown_service'
  | 'service_not_allowed'
  | 'unknown_api_sid'
  | 'rate_limited'
  | 'unavailable'
  | BodyRefusal

export interface HandoffAnswer {
  readonly status: 400 | 401 | 403 | 404 | 410 | 413 | 415 | 429 | 503
  readonly code: string
  readonly detail: string
  /** RFC 9110 §11.6.1: a 401 says what would help. */
  readonly challenge?: string
  readonly retryAfterSeconds?: number
}

export const handoffAnswers: Readonly<Record<HandoffRefusalCode, HandoffAnswer>> = {
  wrong_key: {
    status: 401,
    code: 'authentication_failed',
    detail: 'The header apikey holds no valid API key.',
    challenge: 'apikey',
  },
  // As Simple JWT says it of all of them: nobody, another password, disabled, too many tries.
  wrong_credentials: {
    status: 401,
    code: 'no_active_account',
    detail: 'No active account found with the given credentials.',
    challenge: 'apikey',
  },
  no_session: {
    status: 401,
    code: 'not_authenticated',
    detail: 'Nobody is signed in.',
    challenge: SESSION_CHALLENGE,
  },
  not_from_our_page: {
    status: 403,
    code: 'permission_denied',
    detail: 'The request did not come from a page of this site.',
  },
  token_not_valid: {
    status: 401,
    code: 'token_not_valid',
    detail: 'The token is not valid, or not for this service.',
    challenge: 'Bearer error="invalid_token"',
  },
  ticket_used: { status: 410, code: 'token_used', detail: 'The token has been used.' },
  ticket_expired: { status: 410, code: 'token_expired', detail: 'The token has expired.' },
  missing_parameter: {
    status: 400,
    code: 'required',
    detail: 'A parameter that is required here is missing.',
  },
  invalid_parameter: {
    status: 400,
    code: 'invalid',
    detail: 'A parameter is not a text, stands there twice, or has a form that it cannot have.',
  },
  unknown_service: { status: 404, code: 'service_not_found', detail: 'There is no such service.' },
  service_not_allowed: {
    status: 403,
    code: 'service_not_allowed',
    detail: 'This hand-off is not allowed.',
  },
  unknown_api_sid: { status: 404, code: 'not_found', detail: 'There is no such session.' },
  rate_limited: {
    status: 429,
    code: 'throttled',
    detail: 'Too many requests.',
    retryAfterSeconds: 60,
  },
  unavailable: {
    status: 503,
    code: 'unavailable',
    detail: 'A part of this service is not answering. Please try again.',
    retryAfterSeconds: 5,
  },
  body_too_large: { status: 413, code: 'too_large', detail: 'The body is too large.' },
  unsupported_media_type: {
    status: 415,
    code: 'unsupported_media_type',
    detail: 'The body is neither application/json nor application/x-www-form-urlencoded.',
  },
  invalid_body: { status: 400, code: 'parse_error', detail: 'The body cannot be read.' },
}
