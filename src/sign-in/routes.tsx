/**
 * A person signs in with an identity provider. Routes:
 *
 *   GET       /auth/login                     the sign-in page
 *   GET, POST /auth/sso/login[/:provider]     a sign-in begins (start.ts), and the browser goes to the provider
 *   GET, POST /auth/sso/callback[/:provider]  it comes back (finish.ts), and the browser goes to `return_to`
 *
 * Attempts are kept in sealed cookies and claimed in `core/references`; whose account it is, is decided
 * in `core/users`; the session is opened in `core/sessions`. The token bridge does the next step. Here the
 * outcome of a step becomes one audit event and, in outcome-answers.tsx, an HTTP answer.
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { Audit } from '../core/audit/audit.ts'
import type { Door, Doors } from '../platform/doors.ts'
import { createAttemptCookies } from './attempt-cookies.ts'
import { createAttemptStates } from './attempt-state.ts'
import { receiveFormPost } from './authorization-response.ts'
import { finishSignIn } from './finish.ts'
import { refused } from './outcome.ts'
import { createOutcomeAnswers } from './outcome-answers.tsx'
import type { Environment } from './outcome-answers.tsx'
import type { SignInOutcome } from './outcome.ts'
import { createResponseCookies } from './response-cookies.ts'
import type { SignInParts, SignInRequest } from './sign-in-parts.ts'
import { readTarget } from './sign-in-target.ts'
import { receivePostedStart, startSignIn } from './start.ts'

/** What the gateway hands to this feature. */
export type SignInCore = Omit<SignInParts, 'states' | 'attemptCookies' | 'responseCookies'> & {
  readonly audit: Audit
  readonly doors: Doors
}

export function signInRoutes(core: SignInCore) {
  const { config, audit, doors, identityProviders } = core
  const { isHttps, secrets } = config
  const parts: SignInParts = {
    ...core,
    states: createAttemptStates(secrets.handleKey),
    attemptCookies: createAttemptCookies(secrets.handleKey, isHttps),
    responseCookies: createResponseCookies(secrets.handleKey, isHttps),
  }
  const answers = createOutcomeAnswers(parts)

  async function finish(request: SignInRequest, raw: Request): Promise<SignInOutcome> {
    if (raw.method === 'GET') return finishSignIn(parts, request)
    const provider = identityProviders.find(request.providerId)
    // A provider that answers in the query never posts: such a body (say, after a 307) is not even read.
    return raw.method === 'POST' && provider?.config.responseMode === 'form_post'
      ? receiveFormPost(parts, provider, raw)
      : refused({ code: 'method_not_allowed' })
  }

  const through =
    (door: Door, step: (request: SignInRequest, raw: Request) => Promise<SignInOutcome>) =>
    async (c: Context<Environment>): Promise<Response> => {
      const facts = c.get('facts')
      const request = {
        providerId: c.req.param('provider'),
        query: new URL(c.req.url).searchParams,
        headers: c.req.raw.headers,
        facts,
      }
      const entrance = await doors.mayEnter(door, facts)
      const outcome = entrance.ok ? await step(request, c.req.raw) : refused(entrance.refusal)
      await recordOutcome(c, outcome)
      return answers.answer(c, outcome)
    }

  async function recordOutcome(c: Context<Environment>, outcome: SignInOutcome): Promise<void> {
    const facts = c.get('facts')
    if (outcome.kind !== 'refused') {
      if (outcome.event !== undefined) await audit.record(facts, outcome.event)
      return
    }
    const { refusal, providerId, subject } = outcome
    await audit.record(facts, {
      event: refusal.code === 'rate_limited' ? 'rate.limited' : 'login.rejected',
      refusal,
      ...(providerId !== undefined && { providerId }),
      ...(subject !== undefined && { subject }),
    })
  }

  return new Hono<Environment>()
    .get('/auth/login', async (c) =>
      answers.signInPage(
        c,
        await readTarget(parts, {
          asked: c.req.query('asked'),
          return_to: c.req.query('return_to'),
        }),
      ),
    )
    .get(
      '/auth/sso/login/:provider?',
      through('sign_in', (request) => startSignIn(parts, request)),
    )
    .post(
      '/auth/sso/login/:provider?',
      through('sign_in', (request, raw) => receivePostedStart(parts, request, raw)),
    )
    .get('/auth/sso/callback/:provider?', through('callback', finish))
    .post('/auth/sso/callback/:provider?', through('callback', finish))
}
