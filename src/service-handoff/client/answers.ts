/** Every reason for which a hand-off to us is not finished, in words for the person it happens to. */
import type { ErrorAnswer } from '../../pages/answer-error.tsx'
import type { BodyRefusal } from '../../platform/read-body.ts'
import type { TakeOverRefusal } from './take-over.ts'

export type ArrivalRefusalCode =
  | TakeOverRefusal
  | 'unknown_host'
  | 'parameter_invalid'
  | 'not_from_our_page'
  | 'rate_limited'
  | BodyRefusal

const nothingChanged = 'Nothing has been changed.'
const fromTheStart = 'Please go back to where you came from, and come over from there once more.'
const later = { status: 503, retryAfterSeconds: 10 } as const

const badForm: Omit<ErrorAnswer, 'status'> = {
  title: 'This form cannot be read',
  explanation: `What your browser sent is not what our page sends. ${nothingChanged}`,
  nextStep: fromTheStart,
}

export const arrivalAnswers: Readonly<Record<ArrivalRefusalCode, ErrorAnswer>> = {
  unknown_host: {
    status: 404,
    title: 'We do not know this service',
    explanation: `Nobody is handed over to us from where you come from. ${nothingChanged}`,
    nextStep: 'Please check the address, or sign in here.',
  },
  parameter_invalid: {
    status: 400,
    title: 'This address is not complete',
    explanation: `It lacks the ticket that a service gives you on the way, or has it twice. ${nothingChanged}`,
    nextStep: fromTheStart,
  },
  not_from_our_page: {
    status: 403,
    title: 'This has to be done from our own page',
    explanation: `What your browser sent did not come from a page of ours. ${nothingChanged}`,
    nextStep: fromTheStart,
  },
  ticket_refused: {
    status: 403,
    title: 'Your ticket is not valid any more',
    explanation: `A ticket counts once, for a minute, and only while you stay signed in where you got it. ${nothingChanged}`,
    nextStep: fromTheStart,
  },
  answer_invalid: {
    ...later,
    title: 'We could not be told who you are',
    explanation: `The service that you come from has answered us, but not as it should. ${nothingChanged}`,
    nextStep: 'Please try again in a moment, or sign in here.',
  },
  host_unavailable: {
    ...later,
    title: 'The service that you come from is not answering',
    explanation:
      'We could not make sure with it that you are signed in. You have not been signed in here.',
    nextStep: fromTheStart,
  },
  signed_out_meanwhile: {
    status: 403,
    title: 'You have been signed out meanwhile',
    explanation: 'While you were on the way, you have been signed out where you come from.',
    nextStep: 'Please sign in there again, and come over from there.',
  },
  account_disabled: {
    status: 403,
    title: 'This account is switched off',
    explanation: 'We know you, but your account here has been disabled.',
    nextStep: 'Please ask whoever runs this service.',
  },
  link_conflict: {
    status: 409,
    title: 'Your e-mail address belongs to another account here',
    explanation:
      'To protect that account, you were not joined to it. You have not been signed in here.',
    nextStep: 'Please sign in the way you did before, or ask whoever runs this service.',
  },
  email_domain_not_allowed: {
    status: 403,
    title: 'This account may not sign in here',
    explanation: 'Only people with a verified e-mail address of certain organisations may.',
    nextStep: 'Please use another account, or ask whoever runs this service.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many tries',
    explanation: `There were more requests from your network than one person makes. ${nothingChanged}`,
    nextStep: 'Please wait a minute, then come over once more.',
    retryAfterSeconds: 60,
  },
  unavailable: {
    ...later,
    title: 'We cannot sign you in at the moment',
    explanation: 'A part of this service is not answering. You have not been signed in here.',
    nextStep: fromTheStart,
  },
  body_too_large: { ...badForm, status: 413 },
  unsupported_media_type: { ...badForm, status: 415 },
  invalid_body: { ...badForm, status: 400 },
}
