/**
 * The authorization endpoint as one story. A request arrives, its own parameters or a reference to some that
 * wait. Who asks and where the answer goes is settled first; then everything else of the request; then whether
 * the person is there, is the right one and has signed in lately enough; then whether they agree. The first
 * question without a good answer ends the story: with a page, a refusal to the application, a sign-in, or a
 * question to the person, after which it is told from the start again.
 */
import { readSessionCookie } from '../../core/sessions/session-cookie.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { claimNames, isAlwaysAsked, isConsentLacking } from '../consent/consent-needed.ts'
import type {
  AuthorizationError,
  AuthorizationRequest,
  PageReason,
} from './authorization-request.ts'
import type { AuthorizeParts, Visit } from './authorize-parts.ts'
import { answered, answerGranted, refuseRequest } from './finish.ts'
import { codeFor } from './issue-answer.ts'
import { isAnySessionGood, judgeSession } from './judge-session.ts'
import type { SignInReason } from './judge-session.ts'
import { page } from './outcome.ts'
import type { AuthorizationOutcome } from './outcome.ts'
import type { PendingRequest } from './pending-requests.ts'
import { readRequest } from './read-request.ts'
import type { ReadRequest, ReceivedRequest } from './read-request.ts'
import { isForChoice, OTHER_ACCOUNT, resumeHref, signInLocation } from './sign-in-step.ts'

/** After so many sign-ins that were not what was asked for, the application is told. */
const MAX_ROUNDS = 5

export async function authorize(
  parts: AuthorizeParts,
  visit: Visit,
): Promise<AuthorizationOutcome> {
  const read = await readRequest(parts, visit)
  if (read.kind !== 'read') return read
  const { request, received } = read
  const { target, prompts } = request
  const no = (code: AuthorizationError, check: string, person?: LiveSession) =>
    refuseRequest(parts, read, { refusal: { code, facts: { check } }, person, now: visit.now })

  const found = await findSession(parts, read, visit)
  if (!found.ok && found.refusal.code === 'unavailable')
    return no('temporarily_unavailable', 'session')
  const { session, code } = found.ok ? found.value : {}
  if (session !== undefined && code !== undefined)
    return answered(parts, request, { session, parameters: { code }, isRoutine: true })
  const expected = await expectedSubject(parts, request, visit)
  if (!expected.ok) return no(expected.refusal.code, 'id_token_hint', session)

  const judged = session && {
    session,
    subject: await parts.subjects.subjectFor(target.application, session.userId),
  }
  const { receivedAtMilliseconds, offeredSid } = received.pending
  const about = { receivedAtMilliseconds, offeredSid, expectedSubject: expected.value }
  const judgement = judgeSession(request, judged, about)
  if (received.isForOtherAccount && !prompts.has('none') && judgement.kind === 'good') {
    return sendToSignIn(parts, read, { reason: 'other_account', session, visit })
  }
  if (judgement.kind === 'refused') return no(judgement.code, judgement.check, session)
  if (judgement.kind === 'sign_in') {
    return received.pending.rounds >= MAX_ROUNDS
      ? no('login_required', judgement.reason, session)
      : sendToSignIn(parts, read, { reason: judgement.reason, session, visit })
  }

  const lacking = await isConsentLacking(parts, request, judgement.session)
  if (!lacking.ok) return no('temporarily_unavailable', 'consent', session)
  if (!lacking.value) {
    return answerGranted(parts, read, { session: judgement.session, now: visit.now })
  }
  if (prompts.has('none')) return no('consent_required', 'consent', session)
  return askForConsent(parts, read, { session: judgement.session, visit })
}

/**
 * The browser's session; and with it a code, where nothing that could be found out about the session or the
 * person would stand against one, and no question is to be asked: then its object has decided everything
 * at once.
 */
async function findSession(
  { config, sessions, grants }: AuthorizeParts,
  { request, received }: ReadRequest,
  { cookieHeader, now }: Visit,
): Promise<
  Result<
    { readonly session: LiveSession; readonly code?: string | undefined },
    'no_session' | 'unavailable'
  >
> {
  const cookie = readSessionCookie(cookieHeader, config)
  // A silent check is no visit of the person's.
  const isUse = !request.prompts.has('none')
  const isWaiting = received.requestUri !== undefined
  const isUndisputed = isAnySessionGood(request) && !isAlwaysAsked(request)
  if (request.responseType !== 'code' || isWaiting || !isUndisputed) {
    const found = await (isUse ? sessions.use(cookie, now) : sessions.peek(cookie, now))
    return found.ok ? ok({ session: found.value }) : found
  }
  const found = await grants.mintBehind({ cookie, isUse, grant: codeFor(request), now })
  if (!found.ok) return found
  const { session, minted } = found.value
  return ok({ session, code: minted.ok ? minted.value.handle : undefined })
}

/** Whom the application expects: by an ID token of ours to it, or by `sub` as a claim (Core §5.5.1). */
async function expectedSubject(
  { signedClaims }: AuthorizeParts,
  { idTokenHint, claims, target }: AuthorizationRequest,
  { now }: Visit,
): Promise<Result<string | undefined, 'invalid_request' | 'temporarily_unavailable'>> {
  if (idTokenHint === undefined) return ok(claims?.sub)
  const hint = await signedClaims.readIdToken(idTokenHint, now)
  if (!hint.ok) {
    const isDown = hint.refusal.code === 'unavailable'
    return refuse(isDown ? 'temporarily_unavailable' : 'invalid_request')
  }
  const { sub, aud } = hint.value
  if (typeof sub !== 'string' || aud !== target.application.id) return refuse('invalid_request')
  const isContradicted = claims?.sub !== undefined && claims.sub !== sub
  return isContradicted ? refuse('invalid_request') : ok(sub)
}

async function sendToSignIn(
  parts: AuthorizeParts,
  { request, received }: ReadRequest,
  input: {
    readonly reason: SignInReason
    readonly session: LiveSession | undefined
    readonly visit: Visit
  },
): Promise<AuthorizationOutcome> {
  const { reason, session, visit } = input
  const kept = await keepWaiting(parts, received, visit, {
    rounds: received.pending.rounds + 1,
    ...(isForChoice(reason) && session && { offeredSid: session.sid }),
  })
  if (!kept.ok) return page(kept.refusal)
  const location = await signInLocation(parts, request, {
    reason,
    requestUri: kept.value,
    sid: session?.sid,
    visit,
  })
  return { kind: 'redirected', location }
}

async function askForConsent(
  parts: AuthorizeParts,
  { request, received }: ReadRequest,
  { session, visit }: { readonly session: LiveSession; readonly visit: Visit },
): Promise<AuthorizationOutcome> {
  const kept = await keepWaiting(parts, received, visit, {})
  if (!kept.ok) return page(kept.refusal)
  const requestUri = kept.value
  const { scope, resource } = request
  const { application, redirectUri } = request.target
  const claims = claimNames(request)
  const question = {
    sid: session.sid,
    requestUri,
    applicationId: application.id,
    scope,
    claims,
    resource,
  }
  return {
    kind: 'consent',
    view: {
      application,
      session,
      scope,
      claims,
      resource,
      redirectUri,
      requestUri,
      proof: await parts.consentProofs.make(question),
      otherAccountHref: `${resumeHref(application.id, requestUri)}&${OTHER_ACCOUNT}=1`,
    },
  }
}

/** The request waits under a reference: its own, if it has one. */
async function keepWaiting(
  { pendingRequests }: Pick<AuthorizeParts, 'pendingRequests'>,
  { requestUri, pending }: ReceivedRequest,
  { now }: Visit,
  change: Partial<PendingRequest>,
): Promise<Result<string, PageReason>> {
  const changed = { ...pending, ...change }
  if (requestUri === undefined) return pendingRequests.keep(changed, now)
  if (Object.keys(change).length === 0) return ok(requestUri)
  const noted = await pendingRequests.change(requestUri, { seen: pending, pending: changed, now })
  return noted.ok ? ok(requestUri) : noted
}
