import type { ErrorAnswer } from '../../pages/answer-error.tsx'
import type { PageReason } from './authorization-request.ts'

const nothingSent = 'Nothing has been sent to it.'
const tellOwner =
  'Please go back and try again. If it happens again, tell whoever runs that application the code and request below.'

const notUnderstood = {
  status: 400,
  title: 'The application has sent a request that cannot be used',
  explanation: `It cannot be told where an answer would have to go. ${nothingSent}`,
  nextStep: tellOwner,
} as const

/** How a request looks from outside that is answered with a page alone. */
export const pageAnswers: Readonly<Record<PageReason, ErrorAnswer>> = {
  unknown_application: {
    status: 400,
    title: 'This application is not known here',
    explanation:
      'It is not registered, or has been switched off, so nobody can sign in to it through us.',
    nextStep: 'Please tell whoever runs that application the code and request below.',
  },
  redirect_uri_missing: {
    ...notUnderstood,
    explanation: `It does not say where an answer would have to go (redirect_uri). ${nothingSent}`,
  },
  redirect_uri_not_registered: {
    ...notUnderstood,
    title: 'The application asks for an answer at an address that is not its own',
    explanation: `The address (redirect_uri) is not one that is registered for it. ${nothingSent}`,
  },
  duplicate_parameter: notUnderstood,
  malformed_query: notUnderstood,
  request_too_large: { ...notUnderstood, status: 413 },
  request_uri_invalid: {
    status: 400,
    title: 'This request is over',
    explanation:
      'It has been answered already, has waited too long, or is not one that this application has made.',
    nextStep: 'Please go back to the application and begin again from there.',
  },
  consent_not_asked: {
    status: 403,
    title: 'This answer does not belong to a question of ours',
    explanation:
      'It did not come from our own page, or that page was used before, or you have signed in anew since. Nothing has been changed.',
    nextStep: 'Please go back to the application and begin again from there.',
  },
  fetched_ahead: {
    status: 403,
    title: 'This page was loaded before you came',
    explanation:
      'It was loaded in the background, so nothing was answered. Nothing has been changed.',
    nextStep: 'Please open it as a page of its own.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests at once',
    explanation: 'More requests have come from your network than we take in one minute.',
    nextStep: 'Please wait a minute and try again.',
    retryAfterSeconds: 60,
  },
  unavailable: {
    status: 503,
    title: 'We cannot go on at the moment',
    explanation: 'A part of this service is not answering. Nothing has been changed.',
    nextStep: 'Please try again in a moment.',
    retryAfterSeconds: 10,
  },
}
