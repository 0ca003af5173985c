/** What a browser gets that a site has brought here. */
import type { Context } from 'hono'
import { answerError } from '../pages/answer-error.tsx'
import type { ErrorAnswer } from '../pages/answer-error.tsx'
import { socializeScript } from '../pages/built-assets.ts'
import { FormPostPage } from '../pages/form-post-page.tsx'
import { OpenAppPage } from '../pages/open-app-page.tsx'
import type { RequestVariables } from '../platform/request-facts.ts'
import type { BroughtOutcome, BroughtRefusal } from './brought.ts'

type Environment = { Variables: RequestVariables }

/** The script that sites' pages load; it knows where it came from. */
export function answerLibrary(c: Context<Environment>, siteBase: string): Response {
  const body = `window.oneall={...window.oneall,base:${JSON.stringify(siteBase)}};${socializeScript.body}`
  return c.body(body, 200, {
    'Content-Type': socializeScript.contentType,
    'Cache-Control': 'public, max-age=300',
    'Cross-Origin-Resource-Policy': 'cross-origin',
    'X-Content-Type-Options': 'nosniff',
  })
}

export function answerBrought(
  c: Context<Environment>,
  outcome: BroughtOutcome,
): Response | Promise<Response> {
  c.header('Cache-Control', 'no-store')
  switch (outcome.kind) {
    case 'sent':
      if (outcome.cookie !== undefined) c.header('Set-Cookie', outcome.cookie, { append: true })
      c.header('Location', outcome.location)
      return c.body(null, 303)
    case 'told':
      return answerTold(c, outcome)
    case 'offered': {
      const { appAddress, siteName } = outcome
      const nonce = c.get('secureHeadersNonce')
      return c.html(<OpenAppPage appAddress={appAddress} siteName={siteName} nonce={nonce} />)
    }
    case 'refused':
      return answerError(c, outcome.code, REFUSALS[outcome.code])
  }
}

/** The connection, posted to the site: by itself where scripts run, and with a button where they do not. */
function answerTold(
  c: Context<Environment>,
  { callbackUri, fields }: Extract<BroughtOutcome, { kind: 'told' }>,
): Response | Promise<Response> {
  const nonce = c.get('secureHeadersNonce')
  c.header(
    'Content-Security-Policy',
    [
      "default-src 'none'",
      `script-src ${nonce === undefined ? "'none'" : `'nonce-${nonce}'`}`,
      "style-src 'self'",
      "img-src 'self'",
      // The site may send the browser on, to wherever on its side.
      'form-action *',
      "base-uri 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ].join('; '),
  )
  c.header('X-Frame-Options', 'DENY')
  return c.html(
    <FormPostPage title="Signing in" action={callbackUri} fields={fields} nonce={nonce} />,
  )
}

const REFUSALS: Readonly<Record<BroughtRefusal, ErrorAnswer>> = {
  unknown_page: {
    status: 404,
    title: 'This page does not exist',
    explanation: 'The address that brought you here leads nowhere.',
    nextStep: 'Go back to the site that you came from.',
  },
  page_not_allowed: {
    status: 400,
    title: 'This site cannot bring you here',
    explanation:
      'The address that you would be brought back to is not one that the site is registered with.',
    nextStep: 'Go back to the site that you came from, and tell its operator if this comes again.',
  },
  not_a_navigation: {
    status: 403,
    title: 'This page opens with a click',
    explanation: 'Its address was loaded in the background. Nothing has changed.',
    nextStep: 'Open it as a page of its own.',
  },
  not_offered: {
    status: 403,
    title: 'This way to sign in is not offered',
    explanation: 'The site asks for a way to sign in that it is not registered for.',
    nextStep: 'Go back to the site and choose another way.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many tries',
    explanation: 'There were more requests from your network than one person makes.',
    nextStep: 'Wait a minute, then try again.',
    retryAfterSeconds: 60,
  },
  unavailable: {
    status: 503,
    title: 'We cannot look right now',
    explanation: 'Something that we need does not answer. Nothing has changed.',
    nextStep: 'Try again in a moment.',
    retryAfterSeconds: 1,
  },
}
