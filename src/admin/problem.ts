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
    detail:
      'A parameter or member is unknown, missing, repeated or malformed; "errors" names each. Nothing was done.',
  },
  invalid_registration: {
    status: 400,
    title: 'Registration not possible',
    detail:
      'What it asks for cannot work or is not safe; "errors" names each reason. Nothing was done.',
  },
  body_too_large: { status: 413, title: 'Body too large', detail: 'Nothing was done.' },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'Send application/json.',
  },
  changed_meanwhile: {
    status: 412,
    title: 'Changed meanwhile',
    detail: 'It is not the version any more that was named. Read it again. Nothing was done.',
  },
  no_secret_used: {
    status: 409,
    title: 'No secret is used',
    detail: 'Nothing that this application is registered for uses such a secret.',
  },
  no_widget: { status: 409, title: 'No widget', detail: 'This application is no widget.' },
  too_many_secrets: {
    status: 409,
    title: 'Too many secrets',
    detail: 'Wait until older ones have run out, or rotate with overlap_seconds 0.',
  },
  last_secret: {
    status: 409,
    title: 'The only secret',
    detail: 'Rotate with overlap_seconds 0 to replace it at once, or disable the application.',
  },
  username_taken: {
    status: 409,
    title: 'Username taken',
    detail: 'Somebody else has this username. Nothing was done.',
  },
  email_taken: {
    status: 409,
    title: 'Address taken',
    detail: 'Somebody else has this address, verified. Nothing was done.',
  },
  announced_too_recently: {
    status: 409,
    title: 'The next key is not known everywhere yet',
    detail: 'Rotate after the time in Retry-After; a compromised key can be withdrawn at any time.',
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
  end_pending: {
    status: 503,
    title: 'Nothing more is issued, and what was issued has not ended',
    detail:
      'The application gets no more tokens. Those that it has could not be cut off: repeat this request until it is answered otherwise, with the ETag of this answer if it had an If-Match.',
  },
} as const

export type ProblemCode = keyof typeof PROBLEMS

/** One thing that is wrong with a request: where, as a JSON Pointer into the body or as a parameter's name. */
export type ProblemError =
  | { readonly pointer: string; readonly detail: string }
  | { readonly parameter: string; readonly detail: string }

/** A JSON Pointer as the fragment of a URI (RFC 6901 §6): names that operators send have any characters in them. */
export const inFragment = (pointer: string): string =>
  `#${encodeURI(pointer).replaceAll('#', '%23')}`

const RETRY_AFTER_SECONDS: Partial<Record<ProblemCode, number>> = {
  rate_limited: 60,
  unavailable: 5,
  disable_pending: 60,
  end_pending: 5,
}

/** An answer that is none of those an operation is described with: it fits in the place of each. */
export type ProblemAnswer = Response & {
  readonly _data: never
  readonly _status: never
  readonly _format: never
}

/** `type` leads to the description in the OpenAPI document; `instance` is the request's id. */
export function answerProblem(
  c: { get(name: 'facts'): RequestFacts },
  code: ProblemCode,
  errors?: readonly ProblemError[],
): ProblemAnswer {
  const { status, title, detail } = PROBLEMS[code]
  const headers = new Headers({
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
  })
  if (code === 'unauthorized') headers.set('WWW-Authenticate', 'Bearer')
  const retryAfter = RETRY_AFTER_SECONDS[code]
  if (retryAfter !== undefined) headers.set('Retry-After', String(retryAfter))
  const type = `/admin/api/openapi.json#/components/responses/${code}`
  const instance = c.get('facts').requestId
  const body = { type, title, status, detail, instance, code, ...(errors && { errors }) }
  return new Response(JSON.stringify(body), { status, headers }) as ProblemAnswer
}
