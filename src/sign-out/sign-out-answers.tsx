/** What the browser gets when a person signs out. None of it is ever stored by a cache. */
import type { Context } from 'hono'
import type { Config } from '../config.ts'
import { clearSessionCookie, readSessionCookie } from '../core/sessions/session-cookie.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import { ConfirmPage } from '../pages/confirm-page.tsx'
import { ErrorPage } from '../pages/error-page.tsx'
import type { Clock } from '../platform/clock.ts'
import type { RequestVariables } from '../platform/request-facts.ts'
import { LeavingPage } from './leaving-page.tsx'
import { clearReturnCookie, isReturn, setReturnCookie } from './return-cookie.ts'
import { signOutTargets } from './sign-out-targets.ts'
import type { ProviderSignOut } from './sign-out.ts'
import { SignedOutPage } from './signed-out-page.tsx'

export type Environment = { Variables: RequestVariables }

export const SIGN_OUT_PATH = '/auth/sso/logout'
export const RETURN_PATH = '/auth/sso/logout/callback'

/** A GET asks, wherever it comes from: no link, no picture and no prefetch signs anybody out. */
export const askFirst = (c: Context<Environment>) => {
  c.header('Cache-Control', 'no-store')
  return c.html(
    <ConfirmPage
      title="Sign out?"
      text="This ends your session here and signs you out at the identity provider that you came from."
      action={SIGN_OUT_PATH}
      button="Sign out"
      cancel={{ href: '/dashboard', label: 'Stay signed in' }}
      nonce={c.get('secureHeadersNonce')}
    />,
  )
}

/** The session has ended. On to the provider, or to our own last page. */
export function answerSignedOut(
  c: Context<Environment>,
  config: Config,
  provider: ProviderSignOut | undefined,
) {
  c.header('Cache-Control', 'no-store')
  c.header('Set-Cookie', clearSessionCookie(config), { append: true })
  if (provider === undefined) {
    c.header('Set-Cookie', clearReturnCookie(config.isHttps), { append: true })
    return c.redirect(config.issuer + RETURN_PATH, 303)
  }
  const { url, state } = provider
  c.header('Set-Cookie', setReturnCookie(state, config.isHttps), { append: true })
  if (signOutTargets(config).includes(url.origin)) return c.redirect(url.href, 303)
  c.header('Refresh', `0; url=${url.href}`)
  return c.html(<LeavingPage providerUrl={url} nonce={c.get('secureHeadersNonce')} />)
}

/**
 * `GET /auth/sso/logout/callback`. Whoever is still signed in is not told otherwise, whatever link has led
 * here; and no parameter leads anywhere from here.
 */
export async function answerReturn(
  c: Context<Environment>,
  { config, clock, sessions }: { config: Config; clock: Clock; sessions: Pick<Sessions, 'peek'> },
) {
  const cookies = c.req.header('cookie')
  const found = await sessions.peek(readSessionCookie(cookies, config), clock())
  if (found.ok) return askFirst(c)
  if (found.refusal.code === 'unavailable') return sayUnavailable(c)
  const states = c.req.queries('state') ?? []
  const state = states.length === 1 ? states[0] : undefined
  const isBackFromProvider = await isReturn(state, cookies, config.isHttps)
  c.header('Cache-Control', 'no-store')
  c.header('Set-Cookie', clearReturnCookie(config.isHttps))
  return c.html(
    <SignedOutPage isBackFromProvider={isBackFromProvider} nonce={c.get('secureHeadersNonce')} />,
  )
}

/** Nothing is claimed, and the cookie stays: with it, trying again can end the session. */
export function sayUnavailable(c: Context<Environment>) {
  c.header('Cache-Control', 'no-store')
  c.header('Retry-After', '5')
  return c.html(
    <ErrorPage
      code="temporarily_unavailable"
      title="We cannot sign you out at the moment"
      explanation="A part of this service is not answering, so your session may go on."
      nextStep="Please try again in a few seconds."
      requestId={c.get('facts').requestId}
      retry={{ href: SIGN_OUT_PATH, label: 'Try again' }}
      nonce={c.get('secureHeadersNonce')}
    />,
    503,
  )
}

/** Another site's form, or a browser that does not say whose page it was. Nothing has changed. */
export function refuseForeign(c: Context<Environment>) {
  c.header('Cache-Control', 'no-store')
  return c.html(
    <ErrorPage
      code="origin_not_allowed"
      title="You have not been signed out"
      explanation="The request did not come from a page of this service, so nothing has been changed."
      nextStep="To sign out, please use the button on the next page."
      requestId={c.get('facts').requestId}
      retry={{ href: SIGN_OUT_PATH, label: 'Sign out' }}
      nonce={c.get('secureHeadersNonce')}
    />,
    403,
  )
}
