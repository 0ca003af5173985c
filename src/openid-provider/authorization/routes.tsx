/**
 * Applications send their people here to sign in. Routes:
 *
 *   GET, POST /oauth/authorize           an authorization request (authorize.ts tells the story)
 *   POST      /oauth/authorize/consent   the person's answer to the consent page (../consent)
 *   GET       /oauth/authorize/cancel    the person would rather not sign in
 *
 * Requests that wait are kept in `core/references`; signing in is the sign-in feature's; codes are minted in
 * the user's object (`core/sessions`), and taken at the token endpoint, which does the next step.
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { Config } from '../../config.ts'
import type { Audit } from '../../core/audit/audit.ts'
import { epochMilliseconds } from '../../platform/clock.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Doors } from '../../platform/doors.ts'
import { isWellEscaped, readForm } from '../../platform/read-form.ts'
import type { KeptValues } from '../../core/references/kept-value.ts'
import { isFetchedAhead } from '../../protocol/fetched-ahead.ts'
import { isFromOwnPage } from '../../protocol/same-origin.ts'
import { createConsentProofs } from '../consent/consent-proof.ts'
import { decideConsent } from '../consent/decide-consent.ts'
import { CONSENT_PATH } from '../consent/consent-page.tsx'
import { authorize } from './authorize.ts'
import type { PageReason } from './authorization-request.ts'
import type { AuthorizeParts, Visit } from './authorize-parts.ts'
import { cancelAuthorization } from './cancel.ts'
import { page } from './outcome.ts'
import type { AuthorizationOutcome } from './outcome.ts'
import { answerOutcome } from './outcome-answers.tsx'
import type { Environment } from './outcome-answers.tsx'
import { createPendingRequests } from './pending-requests.ts'
import { AUTHORIZE_PATH, CANCEL_PATH } from './sign-in-step.ts'

/** What the gateway hands to this feature. */
export type AuthorizationCore = Omit<AuthorizeParts, 'pendingRequests' | 'consentProofs'> & {
  readonly audit: Audit
  readonly doors: Doors
  readonly clock: Clock
  readonly keptValues: KeptValues
}

/** C8: what is posted goes on by GET, so it has to fit into a URL. */
const MAX_URL_LENGTH = 8 * 1024

export function authorizationRoutes(core: AuthorizationCore) {
  const { config, audit, doors, clock } = core
  const parts: AuthorizeParts = {
    ...core,
    pendingRequests: createPendingRequests(core.keptValues),
    consentProofs: createConsentProofs(config.secrets.handleKey),
  }

  /** A visit's story, told at its door; what it comes to is noted once, and answered. */
  const through =
    (
      readParameters: (request: Request) => Promise<URLSearchParams | PageReason>,
      story: (parts: AuthorizeParts, visit: Visit) => Promise<AuthorizationOutcome>,
    ) =>
    async (c: Context<Environment>): Promise<Response> => {
      const facts = c.get('facts')
      const entrance = await doors.mayEnter('authorize', facts)
      const parameters = !entrance.ok
        ? 'rate_limited'
        : isFetchedAhead(c.req.raw.headers)
          ? 'fetched_ahead'
          : await readParameters(c.req.raw)
      const outcome =
        typeof parameters === 'string'
          ? page({ code: parameters })
          : await story(parts, {
              parameters,
              cookieHeader: c.req.header('cookie'),
              now: clock(),
              milliseconds: epochMilliseconds(),
            })
      await record(c, outcome)
      return answerOutcome(c, outcome)
    }

  async function record(c: Context<Environment>, outcome: AuthorizationOutcome): Promise<void> {
    const facts = c.get('facts')
    if (outcome.kind === 'answered') await audit.record(facts, outcome.event)
    if (outcome.kind !== 'page') return
    const { refusal } = outcome
    const isLimit = refusal.code === 'rate_limited'
    await audit.record(facts, {
      event: isLimit ? 'rate.limited' : 'authorization.refused',
      refusal,
    })
  }

  return new Hono<Environment>()
    .get(AUTHORIZE_PATH, through(readQuery, authorize))
    .post(AUTHORIZE_PATH, through(readPosted, goOnByGet(config)))
    .get(CANCEL_PATH, through(readQuery, cancelAuthorization))
    .post(
      CONSENT_PATH,
      through(async (request) => {
        const isOwn = isFromOwnPage(request.headers, config.issuer)
        return isOwn ? readPosted(request) : 'consent_not_asked'
      }, decideConsent),
    )
}

/** What a lenient parser would repair is refused, since the application could not know its `state` again. */
async function readQuery({ url }: Request): Promise<URLSearchParams | PageReason> {
  const { search, searchParams } = new URL(url)
  return isWellEscaped(search) ? searchParams : 'malformed_query'
}

async function readPosted(request: Request): Promise<URLSearchParams | PageReason> {
  const form = await readForm(request)
  if (form.ok) return form.value
  return form.refusal.code === 'body_too_large' ? 'request_too_large' : 'malformed_query'
}

/**
 * OpenID Connect Core 1.0 §3.1.2.1 has requests by POST too. From another site such a request comes without the
 * session's cookie (`SameSite=Lax`), so it goes on by GET, and is judged there.
 */
const goOnByGet =
  ({ issuer }: Config) =>
  async (_: AuthorizeParts, { parameters }: Visit): Promise<AuthorizationOutcome> => {
    const location = `${AUTHORIZE_PATH}?${parameters.toString()}`
    return issuer.length + location.length > MAX_URL_LENGTH
      ? page({ code: 'request_too_large' })
      : { kind: 'redirected', location }
  }
