/**
 * The person's answer to the consent page: `POST /oauth/authorize/consent`. It counts only from a page of our
 * own, for the session and the very question that the page was made for, and once (RFC 6749 §10.12). What is
 * wrong with it changes nothing, and the right answer can still be given.
 */
import { readSessionCookie } from '../../core/sessions/session-cookie.ts'
import type { AuthorizeParts, Visit } from '../authorization/authorize-parts.ts'
import { answerGranted, refuseRequest } from '../authorization/finish.ts'
import { page } from '../authorization/outcome.ts'
import type { AuthorizationOutcome } from '../authorization/outcome.ts'
import { isOurRequestUri } from '../authorization/pending-requests.ts'
import { readRequest } from '../authorization/read-request.ts'
import { resumeHref } from '../authorization/sign-in-step.ts'
import { uniqueParameters } from '../../platform/unique-parameters.ts'
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

  if (decision === 'deny') {
    const refusal = { code: 'access_denied', facts: { check: 'consent' } } as const
    return refuseRequest(parts, read, { refusal, person: session.value, now: visit.now })
  }
  if (decision !== 'allow') return notAsked('decision', again)
  const consent = { applicationId, scope: request.scope, claims }
  const given = await parts.consents.give({ userId, sid, consent, now: visit.now })
  if (!given.ok) {
    return given.refusal.code === 'unavailable'
      ? page({ code: 'unavailable' }, again)
      : notAsked('no_session', again)
  }
  const granted = { session: session.value, now: visit.now, isConsentGiven: true }
  return answerGranted(parts, read, granted)
}
