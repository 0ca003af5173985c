/** What the browser gets when a person signs out. None of it is ever stored by a cache. */
import type { Context } from 'hono'
import type { Config } from '../config.ts'
import { signOutAddresses } from '../core/identity-providers/sign-out-addresses.ts'
import { SIGNED_OUT_PATH } from '../core/revocation/sign-out.ts'
import type { Arrival, SignOut } from '../core/revocation/sign-out.ts'
import { answerError } from '../pages/answer-error.tsx'
import { ConfirmPage } from '../pages/confirm-page.tsx'
import { allowForms } from '../pages/allow-forms.tsx'
import { pagePolicy, policySource } from '../pages/page-policy.ts'
import type { RequestVariables } from '../platform/request-facts.ts'
import { SignedOutPage } from './signed-out-page.tsx'

export type Environment = { Variables: RequestVariables }

export const SIGN_OUT_PATH = '/auth/sso/logout'
export const RETURN_PATH = SIGNED_OUT_PATH

/** Frames get this long to tell their applications before the page goes on by itself. */
const GO_ON_SECONDS = 5

/** A GET asks, wherever it comes from: no link, no picture and no prefetch signs anybody out. */
export const askFirst = (c: Context<Environment>, config: Config) => {
  c.header('Cache-Control', 'no-store')
  allowForms(c, signOutAddresses(config))
  return c.html(
    <ConfirmPage
      title="Sign out?"
      text="This ends your session here, at the applications that you used with it, and at the identity provider that you came from."
      action={SIGN_OUT_PATH}
      button="Sign out"
      cancel={{ href: '/dashboard', label: 'Stay signed in' }}
      nonce={c.get('secureHeadersNonce')}
    />,
  )
}

/** `GET /auth/sso/logout/callback`: no parameter leads anywhere from here; what does is sealed in a cookie of ours. */
export async function answerReturn(
  c: Context<Environment>,
  { config, signOut }: { readonly config: Config; readonly signOut: Pick<SignOut, 'arrive'> },
) {
  const states = c.req.queries('state') ?? []
  const state = states.length === 1 ? states[0] : undefined
  const arrived = await signOut.arrive({ cookieHeader: c.req.header('cookie'), state })
  if (!arrived.ok) {
    return arrived.refusal.code === 'signed_in' ? askFirst(c, config) : sayUnavailable(c)
  }
  const { destination, mayGoOn, setCookies } = arrived.value
  c.header('Cache-Control', 'no-store')
  for (const line of setCookies) c.header('Set-Cookie', line, { append: true })
  if (destination !== undefined && mayGoOn) return c.redirect(destination.url, 303)
  return showLastPage(c, arrived.value)
}

function showLastPage(
  c: Context<Environment>,
  { isBackFromProvider, isExpected, applications, destination }: Arrival,
) {
  const nonce = c.get('secureHeadersNonce')
  const frames = applications.flatMap(({ frame }) => frame ?? [])
  if (nonce !== undefined && frames.length > 0) {
    for (const [name, value] of Object.entries(
      pagePolicy({ nonce, frames: frames.map(policySource) }),
    )) {
      c.header(name, value)
    }
  }
  if (destination !== undefined && isExpected) {
    c.header('Refresh', `${GO_ON_SECONDS}; url=${destination.url}`)
  }
  return c.html(
    <SignedOutPage
      isBackFromProvider={isBackFromProvider}
      applications={applications}
      destination={destination}
      nonce={nonce}
    />,
  )
}

/** Nothing is claimed, and the cookie stays: with it, trying again can end the session. */
export const sayUnavailable = (c: Context<Environment>) =>
  answerError(
    c,
    'temporarily_unavailable',
    {
      status: 503,
      title: 'We cannot sign you out at the moment',
      explanation: 'A part of this service is not answering, so your session may go on.',
      nextStep: 'Please try again in a few seconds.',
      retryAfterSeconds: 5,
    },
    { retry: { href: SIGN_OUT_PATH, label: 'Try again' } },
  )

/** Another site's form, or a browser that does not say whose page it was. Nothing has changed. */
export const refuseForeign = (c: Context<Environment>) =>
  answerError(
    c,
    'origin_not_allowed',
    {
      status: 403,
      title: 'You have not been signed out',
      explanation:
        'The request did not come from a page of this service, so nothing has been changed.',
      nextStep: 'To sign out, please use the button on the next page.',
    },
    { retry: { href: SIGN_OUT_PATH, label: 'Sign out' } },
  )
