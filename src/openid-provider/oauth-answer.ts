/**
 * What applications are answered (RFC 6749 §5): JSON that no cache keeps. Each refusal inside has one error
 * code outside; why exactly stands in the log under the request id.
 */
import type { ClientCallRefusalCode } from './client-call.ts'

/** RFC 6749 §5.1 asks for both. */
export const UNCACHED = { 'Cache-Control': 'no-store', Pragma: 'no-cache' } as const

/** What a refused client is told. */
export interface OAuthError {
  readonly status: 400 | 401 | 413 | 429 | 503
  readonly error: string
  readonly description: string
  readonly headers?: Readonly<Record<string, string>>
}

export const UNAVAILABLE: OAuthError = {
  status: 503,
  error: 'temporarily_unavailable',
  description: 'Something that this needs cannot be reached now.',
  headers: { 'Retry-After': '5' },
}

export const invalidRequest = (description: string): OAuthError => ({
  status: 400,
  error: 'invalid_request',
  description,
})

/** The same for whatever was wrong, so that nobody learns which applications there are. */
const INVALID_CLIENT: OAuthError = {
  status: 401,
  error: 'invalid_client',
  description: 'The application could not be authenticated as it is registered.',
  headers: { 'WWW-Authenticate': 'Basic realm="oauth", charset="UTF-8"' },
}

export const clientCallErrors: Readonly<Record<ClientCallRefusalCode, OAuthError>> = {
  rate_limited: {
    status: 429,
    error: 'rate_limited',
    description: 'Too many requests from this address.',
    headers: { 'Retry-After': '60' },
  },
  unsupported_media_type: invalidRequest('The body must be application/x-www-form-urlencoded.'),
  body_too_large: { ...invalidRequest('The body is too large.'), status: 413 },
  invalid_body: invalidRequest('The body cannot be read as a form.'),
  invalid_request: invalidRequest(
    'A parameter stands twice, a secret is in the URL, or the application is authenticated in two ways.',
  ),
  invalid_client: INVALID_CLIENT,
  unavailable: UNAVAILABLE,
}

export function oauthErrorAnswer(
  { status, error, description, headers }: OAuthError,
  requestId: string,
): Response {
  return Response.json(
    { error, error_description: description, request_id: requestId },
    { status, headers: { ...UNCACHED, ...headers } },
  )
}

export const oauthAnswer = (body: object): Response => Response.json(body, { headers: UNCACHED })
