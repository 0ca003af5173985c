import type { Context } from 'hono'
import { answerError } from '../pages/answer-error.tsx'
import type { RequestVariables } from '../platform/request-facts.ts'

/** In words for a person. Nothing of the request is repeated. */
const ERRORS = {
  temporarily_unavailable: {
    status: 503,
    title: 'Your session cannot be looked up',
    explanation:
      'Something on our side did not answer in time. You are still signed in, and nothing is lost.',
    nextStep: 'Wait a few seconds, then try again.',
    label: 'Try again',
    retryAfterSeconds: 5,
  },
  not_from_our_page: {
    status: 403,
    title: 'This has to be done from our own page',
    explanation:
      'What your browser sent did not come from a page of ours, so nothing has been done.',
    nextStep: 'Open the page about your sessions and do it there.',
    label: 'Your sessions',
  },
  unknown_session: {
    status: 404,
    title: 'There is no such session',
    explanation: 'No session of yours goes by what was asked for. Nothing has been changed.',
    nextStep: 'Look at your sessions again; it may have ended long ago.',
    label: 'Your sessions',
  },
} as const

export type AccountErrorCode = keyof typeof ERRORS

/** The error page of this feature, with a way on. */
export function accountError(
  c: Context<{ Variables: RequestVariables }>,
  code: AccountErrorCode,
  href: '/dashboard' | '/account',
): Response | Promise<Response> {
  const { label, ...answer } = ERRORS[code]
  return answerError(c, code, answer, { retry: { href, label } })
}
