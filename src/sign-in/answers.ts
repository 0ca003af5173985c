import type { ErrorAnswer } from '../pages/answer-error.tsx'
import type { SignInReason } from './outcome.ts'

interface Answer extends ErrorAnswer {
  /** Whether trying again can help. */
  readonly retry: boolean
}

const nothingChanged = 'Nothing has been changed.'
const tryAgain = 'Please try again.'
const askOperator =
  'If it happens again, tell whoever runs this service the code and request below.'

const malformed = {
  status: 400,
  title: 'This link cannot be used',
  explanation: `The address that led here is not one that a sign-in can begin or end with. ${nothingChanged}`,
  nextStep: 'Please go back to the application and sign in from there.',
  retry: true,
} as const

const badForm = {
  title: 'The answer could not be read',
  explanation: `The identity provider sent something that is no answer to a sign-in. ${nothingChanged}`,
  nextStep: askOperator,
  retry: true,
} as const

const notTrusted = {
  status: 400,
  title: 'The sign-in could not be verified',
  explanation: `The identity provider's answer did not pass our checks, so it was not used. ${nothingChanged}`,
  nextStep: `${tryAgain} ${askOperator}`,
  retry: true,
} as const

/** The one map from reason to answer. A reason that is not in it does not compile. */
export const answers: Readonly<Record<SignInReason, Answer>> = {
  rate_limited: {
    status: 429,
    title: 'Too many sign-ins at once',
    explanation: 'More sign-ins have come from your network than we take in one minute.',
    nextStep: 'Please wait a minute and try again.',
    retry: true,
    retryAfterSeconds: 60,
  },
  method_not_allowed: { ...malformed, status: 405 },
  parameter_invalid: malformed,
  duplicate_parameter: malformed,
  provider_unknown: malformed,
  attempt_too_large: malformed,
  not_a_navigation: {
    status: 403,
    title: 'A sign-in begins with a click',
    explanation: `This address was loaded in the background, so no sign-in was begun. ${nothingChanged}`,
    nextStep: 'Please open it as a page of its own.',
    retry: true,
  },
  state_invalid: {
    status: 400,
    title: 'This is not the end of a sign-in',
    explanation: `The address that led here belongs to no sign-in that began here. ${nothingChanged}`,
    nextStep: 'To sign in, please start from the beginning.',
    retry: true,
  },
  attempt_not_in_this_browser: {
    status: 400,
    title: 'This sign-in did not begin in this browser',
    explanation: `It can only be finished where it was begun, or your browser did not keep its cookie. ${nothingChanged}`,
    nextStep: 'Please sign in from the beginning, with cookies allowed for this site.',
    retry: true,
  },
  attempt_unreadable: {
    status: 400,
    title: 'This sign-in cannot be continued',
    explanation: `What your browser kept of it is not what we gave it. ${nothingChanged}`,
    nextStep: 'Please sign in from the beginning.',
    retry: true,
  },
  attempt_expired: {
    status: 400,
    title: 'This sign-in took too long',
    explanation: `A sign-in has to be finished within ten minutes. ${nothingChanged}`,
    nextStep: tryAgain,
    retry: true,
  },
  attempt_already_used: {
    status: 400,
    title: 'This sign-in is over already',
    explanation: `The provider's answer has been used once, and it counts only once. ${nothingChanged}`,
    nextStep: 'If you are not signed in, please try again.',
    retry: true,
  },
  signed_out_meanwhile: {
    status: 403,
    title: 'You have been signed out meanwhile',
    explanation: `While this sign-in was under way, the identity provider told us that you had signed out. ${nothingChanged}`,
    nextStep: 'To sign in, please start from the beginning.',
    retry: true,
  },
  wrong_provider: notTrusted,
  response_invalid: notTrusted,
  code_refused: notTrusted,
  id_token_invalid: notTrusted,
  access_denied: {
    status: 403,
    title: 'You were not signed in',
    explanation: `The sign-in was declined at the identity provider. ${nothingChanged}`,
    nextStep: 'If that was not your intention, please try again.',
    retry: true,
  },
  provider_error: {
    status: 400,
    title: 'The identity provider could not sign you in',
    explanation: `It answered with an error instead of an identity. ${nothingChanged}`,
    nextStep: `${tryAgain} ${askOperator}`,
    retry: true,
  },
  provider_unavailable: {
    status: 503,
    title: 'The identity provider cannot be reached',
    explanation: `It is not answering at the moment, or not as it should. ${nothingChanged}`,
    nextStep: 'Please try again in a moment.',
    retry: true,
    retryAfterSeconds: 10,
  },
  account_disabled: {
    status: 403,
    title: 'This account is switched off',
    explanation: 'The identity provider knows you, but your account here has been disabled.',
    nextStep: 'Please ask whoever runs this service.',
    retry: false,
  },
  link_conflict: {
    status: 409,
    title: 'Your e-mail address belongs to another account here',
    explanation: `To protect that account, this sign-in was not joined to it. ${nothingChanged}`,
    nextStep: 'Please sign in the way you did before, or ask whoever runs this service.',
    retry: true,
  },
  email_domain_not_allowed: {
    status: 403,
    title: 'This account may not sign in here',
    explanation: `Only people with a verified e-mail address of certain organisations may. ${nothingChanged}`,
    nextStep: 'Please use another account, or ask whoever runs this service.',
    retry: true,
  },
  unavailable: {
    status: 503,
    title: 'We cannot sign you in at the moment',
    explanation: `A part of this service is not answering. ${nothingChanged}`,
    nextStep: 'Please try again in a moment.',
    retry: true,
    retryAfterSeconds: 10,
  },
  body_too_large: { ...badForm, status: 413 },
  unsupported_media_type: { ...badForm, status: 415 },
  invalid_body: { ...badForm, status: 400 },
}
