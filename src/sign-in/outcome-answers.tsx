/** What the browser gets for an outcome. None of these answers is ever stored by a cache. */
import type { Context } from 'hono'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import { answerError } from '../pages/answer-error.tsx'
import { displayedText } from '../pages/displayed-text.ts'
import type { RequestVariables } from '../platform/request-facts.ts'
import { answers } from './answers.ts'
import type { Redirected, Refused, SignInOutcome } from './outcome.ts'
import { withoutOwnOrigin } from './return-to.ts'
import { SignInPage } from './sign-in-page.tsx'
import type { SignInParts } from './sign-in-parts.ts'
import type { SignInTarget } from './sign-in-target.ts'
import { startHref } from './start-href.ts'

export type Environment = { Variables: RequestVariables }

type Answering = Response | Promise<Response>

export interface OutcomeAnswers {
  answer(c: Context<Environment>, outcome: SignInOutcome): Answering
  signInPage(c: Context<Environment>, target: SignInTarget): Answering
}

export function createOutcomeAnswers(parts: SignInParts): OutcomeAnswers {
  const signInPage = createSignInPage(parts)
  return {
    signInPage,
    answer(c, outcome) {
      switch (outcome.kind) {
        case 'redirected':
          return answerRedirect(c, outcome)
        case 'asked':
          return signInPage(c, outcome.target)
        case 'refused':
          return answerRefusal(c, outcome)
      }
    },
  }
}

/** 303 in all cases: whatever was posted is not posted on (RFC 9700 §4.12). */
function answerRedirect(c: Context<Environment>, { location, setCookies }: Redirected): Answering {
  c.header('Cache-Control', 'no-store')
  for (const line of setCookies) c.header('Set-Cookie', line, { append: true })
  return c.redirect(location, 303)
}

/** A page, or JSON for what prefers it. Repeats nothing of the request, and never redirects. */
function answerRefusal(
  c: Context<Environment>,
  { refusal: { code }, retryHref = '/auth/login', asker, setCookies }: Refused,
): Answering {
  const { retry, ...answer } = answers[code]
  const { status, retryAfterSeconds } = answer
  for (const line of setCookies) c.header('Set-Cookie', line, { append: true })
  if (status === 405) c.header('Allow', 'GET')
  if (prefersJson(c.req.header('accept'))) {
    c.header('Cache-Control', 'no-store')
    if (retryAfterSeconds !== undefined) c.header('Retry-After', String(retryAfterSeconds))
    return c.json({ error: code, request_id: c.get('facts').requestId }, status)
  }
  return answerError(c, code, answer, {
    retry: retry ? { href: retryHref, label: 'Sign in again' } : undefined,
    leave: asker && { href: asker.cancelHref, label: `Back to ${displayedText(asker.name, 60)}` },
  })
}

/** The sign-in page; whoever is signed in is named on it, and may go on as they are. */
const createSignInPage =
  ({ config, clock, sessions, identityProviders }: SignInParts) =>
  async (
    c: Context<Environment>,
    { returnTo, request, asked }: SignInTarget,
  ): Promise<Response> => {
    const session = await sessions.peek(readSessionCookie(c.req.header('cookie'), config), clock())
    c.header('Cache-Control', 'no-store')
    return c.html(
      <SignInPage
        providers={identityProviders.all.map(({ config: { id, name } }) => ({
          id,
          name,
          href: startHref(config, { providerId: id, returnTo, request, asked }),
        }))}
        returnTo={withoutOwnOrigin(returnTo, config)}
        signedInAs={session.ok ? { name: session.value.profile.name } : undefined}
        continueHref={session.ok && asked?.mayContinue !== false ? returnTo : undefined}
        asker={asked?.asker}
        nonce={c.get('secureHeadersNonce')}
      />,
    )
  }

const prefersJson = (accept = ''): boolean =>
  accept.includes('application/json') && !accept.includes('text/html')
