/** What the browser gets when an application sends it here to sign out. None of it is ever stored by a cache. */
import type { Context } from 'hono'
import type { Config } from '../../config.ts'
import { signOutAddresses } from '../../core/identity-providers/sign-out-addresses.ts'
import type { Destination } from '../../core/revocation/departure.ts'
import { SIGNED_OUT_PATH } from '../../core/revocation/sign-out.ts'
import { answerError } from '../../pages/answer-error.tsx'
import type { ErrorAnswer } from '../../pages/answer-error.tsx'
import { ConfirmPage } from '../../pages/confirm-page.tsx'
import { displayedText } from '../../pages/displayed-text.ts'
import { allowForms } from '../../pages/allow-forms.tsx'
import type { BodyRefusal } from '../../platform/read-body.ts'
import type { RequestVariables } from '../../platform/request-facts.ts'
import type { LogoutRequest, LogoutRequestRefusal } from './logout-request.ts'

type LogoutContext = Context<{ Variables: RequestVariables }>

export type LogoutProblem =
  | LogoutRequestRefusal
  | BodyRefusal
  | 'origin_not_allowed'
  | 'rate_limited'

/** Names who asks. The form leads on to the provider and to the application, and browsers hold it to that. */
export function askPerson(
  c: LogoutContext,
  config: Config,
  { application, destination }: LogoutRequest,
  action: string,
) {
  const nonce = c.get('secureHeadersNonce')
  c.header('Cache-Control', 'no-store')
  allowForms(c, [...signOutAddresses(config), ...(destination ? [destination.url] : [])])
  const who = displayedText(application?.name) ?? 'An application'
  return c.html(
    <ConfirmPage
      title="Sign out?"
      text={`${who} asks to sign you out. This ends your session here, at the applications that you used with it, and at the identity provider that you came from.`}
      action={action}
      fields={{ ...destination?.fields }}
      button="Sign out"
      cancel={{ href: '/dashboard', label: 'Stay signed in' }}
      nonce={nonce}
    />,
  )
}

/** Nobody is signed in: nothing is ended, and nobody has to be told. */
export function passBy(
  c: LogoutContext,
  { issuer }: Pick<Config, 'issuer'>,
  destination: Destination | undefined,
) {
  c.header('Cache-Control', 'no-store')
  return c.redirect(destination?.url ?? issuer + SIGNED_OUT_PATH, 303)
}

const FORM = 'What was sent is not one form of type application/x-www-form-urlencoded.'

interface Problem extends Pick<ErrorAnswer, 'status' | 'retryAfterSeconds'> {
  readonly says: string
}

const PROBLEMS: Readonly<Record<LogoutProblem, Problem>> = {
  duplicate_parameter: { status: 400, says: 'A parameter stands in the request more than once.' },
  unknown_application: { status: 400, says: 'No application is registered under this client_id.' },
  hint_of_another_application: {
    status: 400,
    says: 'The id_token_hint was issued to another application than the client_id names.',
  },
  post_logout_redirect_uri_not_registered: {
    status: 400,
    says: 'The post_logout_redirect_uri is not registered for the application that has sent you here.',
  },
  state_too_long: { status: 400, says: 'The state is too long.' },
  body_too_large: { status: 413, says: 'The request is too long.' },
  unsupported_media_type: { status: 415, says: FORM },
  invalid_body: { status: 400, says: FORM },
  origin_not_allowed: {
    status: 403,
    says: 'The request did not come from a page of this service.',
  },
  rate_limited: {
    status: 429,
    says: 'There have been too many requests from your network.',
    retryAfterSeconds: 60,
  },
  unavailable: {
    status: 503,
    says: 'A part of this service is not answering.',
    retryAfterSeconds: 5,
  },
}

/** Nothing has changed, and nothing of the request is repeated or followed. */
export function answerProblem(c: LogoutContext, problem: LogoutProblem) {
  const { says, ...how } = PROBLEMS[problem]
  const answer = {
    ...how,
    title: 'You have not been signed out',
    explanation: `${says} Nothing has been changed.`,
    nextStep: 'To sign out, please use the button on the next page.',
  }
  const retry = { href: '/auth/sso/logout', label: 'Sign out' }
  return answerError(c, problem, answer, { retry })
}
