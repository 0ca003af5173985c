import type { RequestFacts } from '../platform/request-facts.ts'

/** What the management API answers when it does not do what was asked: problem details (RFC 9457). */
export const PROBLEMS = {
  unauthorized: {
    status: 401,
    title: 'Not authorized',
    detail: 'Send "Authorization: Bearer" with an admin API key.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    detail: 'Wait for the time in Retry-After.',
  },
  not_found: { status: 404, title: 'Not found', detail: 'There is nothing under this id or path.' },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    detail: 'The methods of this path are in Allow.',
  },
  invalid_request: {
    status: 400,
    title: 'Invalid request',
    detail: 'A parameter or member is unknown, missing, repeated or malformed. Nothing was done.',
  },
  body_too_large: { status: 413, title: 'Body too large', detail: 'Nothing was done.' },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'Send application/json.',
  },
  announced_too_recently: {
    status: 409,
    title: 'The next key is not known everywhere yet',
    detail: 'Rotate later; a compromised key can be withdrawn at any time.',
  },
  unavailable: {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'It is not known whether it was done. Ask again: doing it twice does no harm.',
  },
  disable_pending: {
    status: 503,
    title: 'Disabled, and not confirmed',
    detail:
      'The user cannot sign in, and tokens and sessions are refused within 60 seconds as a rule. The sessions end as soon as their store answers; it is asked again by itself, and by repeating this request.',
  },
} as const

export type ProblemCode = keyof typeof PROBLEMS

const RETRY_AFTER_SECONDS: Partial<Record<ProblemCode, number>> = {
  rate_limited: 60,
  unavailable: 5,
  disable_pending: 60,
  announced_too_recently: 600,
}

/** `type` leads to the description in the OpenAPI document; `instance` is the request's id. */
export function answerProblem(
  c: { get(name: 'facts'): RequestFacts },
  code: ProblemCode,
): Response {
  const { status, title, detail } = PROBLEMS[code]
  const headers = new Headers({
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
  })
  if (code === 'unauthorized') headers.set('WWW-Authenticate', 'Bearer')
  const retryAfter = RETRY_AFTER_SECONDS[code]
  if (retryAfter !== undefined) headers.set('Retry-After', String(retryAfter))
  const type = `/admin/api/openapi.json#/components/responses/${code}`
  const body = { type, title, status, detail, instance: c.get('facts').requestId, code }
  return new Response(JSON.stringify(body), { status, headers })
}
