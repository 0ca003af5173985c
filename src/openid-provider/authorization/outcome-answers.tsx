/** What the browser gets for an outcome. No answer of these is ever stored by a cache. */
import type { Context } from 'hono'
import { answerError } from '../../pages/answer-error.tsx'
import { FormPostPage } from '../../pages/form-post-page.tsx'
import { allowForms } from '../../pages/allow-forms.tsx'
import type { RequestVariables } from '../../platform/request-facts.ts'
import { ConsentPage } from '../consent/consent-page.tsx'
import type { Answered, AuthorizationOutcome, ConsentNeeded, PageShown } from './outcome.ts'
import { pageAnswers } from './page-answers.ts'
import { withAnswer } from './response-mode.ts'

export type Environment = { Variables: RequestVariables }

type Answering = Response | Promise<Response>

export function answerOutcome(c: Context<Environment>, outcome: AuthorizationOutcome): Answering {
  c.header('Cache-Control', 'no-store')
  c.header('Pragma', 'no-cache')
  switch (outcome.kind) {
    case 'page':
      return answerPage(c, outcome)
    case 'answered':
      return answerApplication(c, outcome)
    case 'redirected':
      return redirect(c, outcome.location)
    case 'consent':
      return answerConsent(c, outcome)
  }
}

/**
 * 303 in all cases: whatever was posted is not posted on (RFC 9700 §4.12). The header is set as it stands,
 * since an application's URI is compared and sent back character by character.
 */
function redirect(c: Context<Environment>, location: string): Response {
  c.header('Location', location)
  return c.body(null, 303)
}

function answerApplication(
  c: Context<Environment>,
  { target: { redirectUri, mode }, parameters }: Answered,
): Answering {
  if (mode !== 'form_post') return redirect(c, withAnswer(redirectUri, mode, parameters))
  const nonce = c.get('secureHeadersNonce')
  allowForms(c, [redirectUri])
  return c.html(
    <FormPostPage title="Going on" action={redirectUri} fields={parameters} nonce={nonce} />,
  )
}

function answerConsent(c: Context<Environment>, { view }: ConsentNeeded): Answering {
  allowForms(c, [view.redirectUri])
  return c.html(<ConsentPage view={view} nonce={c.get('secureHeadersNonce')} />)
}

/** At the request's own URL, and without a way to anywhere else. */
function answerPage(
  c: Context<Environment>,
  { refusal: { code }, retryHref }: PageShown,
): Answering {
  const retry = retryHref === undefined ? undefined : { href: retryHref, label: 'Try again' }
  return answerError(c, code, pageAnswers[code], { retry })
}
