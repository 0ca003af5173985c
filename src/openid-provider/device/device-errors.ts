import type { ErrorAnswer } from '../../pages/answer-error.tsx'

export type DeviceErrorCode =
  | 'unknown_code'
  | 'not_from_our_page'
  | 'rate_limited'
  | 'temporarily_unavailable'

/** In words for a person. Nothing of the request is repeated. */
export const DEVICE_ERRORS: Readonly<Record<DeviceErrorCode, ErrorAnswer>> = {
  unknown_code: {
    status: 404,
    title: 'No device waits with that code',
    explanation:
      'It may be mistyped, used already, or older than ten minutes. Nothing was connected.',
    nextStep: 'Look at your device again, and enter the code that it shows now.',
  },
  not_from_our_page: {
    status: 403,
    title: 'This has to be done from our own page',
    explanation:
      'What your browser sent did not come from a page of ours, so nothing has been connected.',
    nextStep: 'Enter the code that your device shows on our page.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many codes were tried',
    explanation: 'From where you are, more codes were tried than a person needs.',
    nextStep: 'Wait a minute, then enter the code again.',
    retryAfterSeconds: 60,
  },
  temporarily_unavailable: {
    status: 503,
    title: 'The code cannot be looked up now',
    explanation: 'Something on our side did not answer in time. Nothing is lost.',
    nextStep: 'Wait a few seconds, then try again.',
    retryAfterSeconds: 5,
  },
}
