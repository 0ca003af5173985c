/**
 * The person's answer to the consent page: `POST /oauth/authorize/consent`. It counts only from a page of our
 * own, for the session and the very question that the page was made for, and once (RFC 6749 §10.12). What is
 * wrong with it changes nothing, and the right answer can still be given.
 */
import { readSessionCookie } from '../../core/sessions/session-cookie.ts'
import { uniqueParameters } from '../../platform/unique-parameters.ts'
import type { AuthorizationRefusal } from '../authorization/authorization-request.ts'
import type { AuthorizeParts, Visit } from '../authorization/authorize-parts.ts'
import { answered } from '../authorization/finish.ts'
import { issueAnswer } from '../authorization/issue-answer.ts'
import { page, refusedTo } from '../authorization/outcome.ts'
import type { AuthorizationOutcome } from '../authorization/outcome.ts'
import { isOurRequestUri } from '../authorization/pending-requests.ts'
import { readRequest } from '../authorization/read-request.ts'
import { resumeHref } from '../authorization/sign-in-step.ts'
import { consentTo } from './consent-needed.ts'

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

/** Nobody is signed in (any more) who could have been asked, or nobody can say. */
const notThere = (code: 'no_session' | 'unavailable', retryHref: string) =>
  code === 'unavailable' ? page({ code }, retryHref) : notAsked(code, retryHref)

async function decide(parts: AuthorizeParts, visit: Visit): Promise<AuthorizationOutcome> {
  const { config, sessions, pendingRequests, consents, consentProofs } = parts
  const { now } = visit
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
  const session = await sessions.peek(readSessionCookie(visit.cookieHeader, config), now)
  if (!session.ok) return notThere(session.refusal.code, again)
  const { userId, sid } = session.value
  const consent = { applicationId, ...consentTo(request) }
  const question = { sid, requestUri, ...consent, resource: request.resource }
  const isAsked = await consentProofs.check(question, proof ?? '')
  if (!isAsked) return notAsked('proof', again)
  if (decision !== 'allow' && decision !== 'deny') return notAsked('decision', again)

  // Of two answers at once the one that gets the request counts, wholly: nothing has come of the other.
  const taken = await pendingRequests.take(requestUri, now)
  if (!taken.ok) return page(taken.refusal, again)
  const refuseTo = (refusal: AuthorizationRefusal) =>
    refusedTo(request.target, refusal, config, { userId, sid })
  if (decision === 'deny') return refuseTo({ code: 'access_denied', facts: { check: 'consent' } })
  // What could not be written down has not been said: the question stands as before.
  const askAgain = () => pendingRequests.putBack(requestUri, taken.value)
  const given = await consents.give({ userId, sid, consent, now })
  if (!given.ok) {
    await askAgain()
    return notThere(given.refusal.code, again)
  }
  const issued = await issueAnswer(parts, request, session.value, now)
  if (!issued.ok) {
    if (issued.refusal.code === 'temporarily_unavailable') await askAgain()
    return refuseTo(issued.refusal)
  }
  return answered(parts, request, {
    session: session.value,
    parameters: issued.value,
    facts: { is_consent_given: true },
    isRoutine: false,
  })
}
