import type { Context } from 'hono'
import { answerError } from './pages/answer-error.tsx'
import type { RequestVariables } from './platform/request-facts.ts'

/** What the entrance itself can answer, before or without any feature. The words are for the page. */
const ERRORS = {
  not_found: {
    status: 404,
    title: 'There is nothing here',
    explanation: 'The address leads nowhere. It may be mistyped, or what was here has moved.',
    nextStep: 'Check the address, or start again from the page that brought you here.',
  },
  method_not_allowed: {
    status: 405,
    title: 'This cannot be done here',
    explanation: 'The address exists, but not for what your browser asked of it.',
    nextStep: 'Go back to the page that brought you here and try again from there.',
  },
  https_required: {
    status: 400,
    title: 'This connection is not encrypted',
    explanation: 'What was sent came over plain http, and has been left unread.',
    nextStep: 'Open the address with https at its beginning and try again.',
  },
  uri_too_long: {
    status: 414,
    title: 'This address is too long',
    explanation: 'The address is longer than any that we make, and has been left unread.',
    nextStep: 'Start again from the page that brought you here.',
  },
  headers_too_large: {
    status: 431,
    title: 'Your browser sends too much',
    explanation:
      'The cookies or other data that your browser sends along are larger than we accept.',
    nextStep: 'Delete the cookies of this site in your browser and try again.',
  },
  server_error: {
    status: 500,
    title: 'Something went wrong on our side',
    explanation:
      'The request could not be completed. It is not your fault, and it has been recorded.',
    nextStep: 'Try again in a moment. If it happens again, tell us the request below.',
  },
  misconfigured: {
    status: 500,
    title: 'This gateway is not set up yet',
    explanation: 'Its settings are not complete, so it serves nobody until they are.',
    nextStep: 'If you run this gateway: every problem is named in its log.',
  },
} as const

export type GatewayError = keyof typeof ERRORS

/**
 * The answer to a request that no feature has answered: a page for whoever asks for pages, JSON
 * `{error, request_id}` for everyone else. Kept by no cache, and repeats nothing of the request.
 */
export function gatewayError(
  c: Context<{ Variables: RequestVariables }>,
  code: GatewayError,
): Response | Promise<Response> {
  const answer = ERRORS[code]
  c.header('Vary', 'Accept', { append: true })
  if (c.req.header('accept')?.includes('text/html')) return answerError(c, code, answer)
  c.header('Cache-Control', 'no-store')
  return c.json({ error: code, request_id: c.get('facts').requestId }, answer.status)
}
