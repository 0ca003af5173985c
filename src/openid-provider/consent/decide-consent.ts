/**
 * The person's answer to the consent page: `POST /oauth/authorize/consent`. It counts only from a page of our
 * own, for the session and the very question that the page was made for, and once (RFC 6749 §10.12). What is
 * wrong with it changes nothing, and the right answer can still be given.
 */
import { readSessionCookie } from '../../core/sessions/session-cookie.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { uniqueParameters } from '../../platform/unique-parameters.ts'
import type {
  AuthorizationError,
  AuthorizationRequest,
} from '../authorization/authorization-request.ts'
import type { AuthorizeParts, Visit } from '../authorization/authorize-parts.ts'
import { answered } from '../authorization/finish.ts'
import { issueAnswer } from '../authorization/issue-answer.ts'
import { page, refusedTo } from '../authorization/outcome.ts'
import type { Answered, AuthorizationOutcome } from '../authorization/outcome.ts'
import { isOurRequestUri } from '../authorization/pending-requests.ts'
import { readRequest } from '../authorization/read-request.ts'
import { resumeHref } from '../authorization/sign-in-step.ts'
import { claimNames } from './consent-needed.ts'

const FIELDS = ['client_id', 'request_uri', 'proof', 'decision'] as const

/** `visit.parameters` is the form. */
export async function decideConsent(
  parts: AuthorizeParts,
  visit: Visit,
): Promise<AuthorizationOutcome> {
  const outcome = await decide(parts, visit)
  // A question that is answered, or never was.
  return outcome.kind === 'page' && outcome.refusal.code === 'request_uri_invalid'
    ? notAsked('used')
    : outcome
}

const notAsked = (check: string, retryHref?: string) =>
  page({ code: 'consent_not_asked', facts: { check } }, retryHref)

async function decide(parts: AuthorizeParts, visit: Visit): Promise<AuthorizationOutcome> {
  const form = uniqueParameters(visit.parameters, FIELDS)
  if (!form.ok) return notAsked('duplicate_parameter')
  const { client_id: applicationId, request_uri: requestUri, proof, decision } = form.value
  if (applicationId === undefined || requestUri === undefined) return notAsked('missing')
  if (!isOurRequestUri(requestUri)) return notAsked('missing')
  const parameters = new URLSearchParams({ client_id: applicationId, request_uri: requestUri })
  const read = await readRequest(parts, { ...visit, parameters }, { isAnew: true })
  if (read.kind !== 'read') return read
  const { request } = read

  const again = resumeHref(applicationId, requestUri)
  const cookie = readSessionCookie(visit.cookieHeader, parts.config)
  const session = await parts.sessions.peek(cookie, visit.now)
  if (!session.ok) {
    return session.refusal.code === 'unavailable'
      ? page({ code: 'unavailable' }, again)
      : notAsked('no_session', again)
  }
  const { userId, sid } = session.value
  const claims = claimNames(request)
  const question = { sid, requestUri, applicationId, scope: request.scope, claims }
  if (!(await parts.consentProofs.check(question, proof ?? ''))) return notAsked('proof', again)
  if (decision !== 'allow' && decision !== 'deny') return notAsked('decision', again)

  // Of two answers at once the one that gets the request counts, wholly: nothing has come of the other.
  const taken = await parts.pendingRequests.take(requestUri, visit.now)
  if (!taken.ok) return page(taken.refusal, again)
  if (decision === 'deny') {
    const refusal = { code: 'access_denied', facts: { check: 'consent' } } as const
    return refusedTo(request.target, refusal, parts.config, { userId, sid })
  }
  const allowed = await allow(parts, request, session.value, visit.now)
  if (allowed.ok) return allowed.value
  const { code } = allowed.refusal
  // The person has said nothing yet that anybody could act on: the question stands as it did.
  if (OPEN.has(code)) await parts.pendingRequests.putBack(requestUri, taken.value)
  if (code === 'unavailable') return page({ code }, again)
  if (code === 'no_session') return notAsked('no_session', again)
  return refusedTo(request.target, { ...allowed.refusal, code }, parts.config, { userId, sid })
}

const OPEN: ReadonlySet<string> = new Set(['unavailable', 'no_session', 'temporarily_unavailable'])

/** What was agreed to is remembered, and the application gets its answer. */
async function allow(
  { consents, ...parts }: AuthorizeParts,
  request: AuthorizationRequest,
  session: LiveSession,
  now: EpochSeconds,
): Promise<Result<Answered, AuthorizationError | 'no_session' | 'unavailable'>> {
  const { userId, sid } = session
  const { scope, target } = request
  const consent = { applicationId: target.application.id, scope, claims: claimNames(request) }
  const given = await consents.give({ userId, sid, consent, now })
  if (!given.ok) return given
  const issued = await issueAnswer(parts, request, session, now)
  if (!issued.ok) return issued
  const facts = { is_consent_given: true }
  const answer = { session, parameters: issued.value, facts, isRoutine: false }
  return ok(answered(parts, request, answer))
}
