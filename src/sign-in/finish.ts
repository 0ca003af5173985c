/**
 * A sign-in is finished: `GET /auth/sso/callback[/:provider]`. The order is the point. Everything that can
 * be judged is judged before anything is consumed, so that a request which fails costs an honest retry
 * nothing; then the attempt is claimed, once, and only then does the code leave us: a code sent twice makes
 * a good provider revoke what the first one gave (RFC 6749 §4.1.2).
 */
import type { AuditEvent } from '../core/audit/audit-event.ts'
import type { Assertion } from '../core/identity-providers/assertion.ts'
import type { IdentityProvider } from '../core/identity-providers/identity-provider.ts'
import { newSessionId } from '../core/sessions/session.ts'
import type { LiveSession } from '../core/sessions/session.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { isSameHash, sha256Base64url } from '../platform/digest.ts'
import { ok } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import { readResponse } from './authorization-response.ts'
import type { ReceivedResponse } from './authorization-response.ts'
import { attemptReference } from './attempt-reference.ts'
import { answerWithoutAttempt } from './lost-attempt.ts'
import { openSession } from './open-session.ts'
import { refused } from './outcome.ts'
import type { Redirected, Refused, SignInReason } from './outcome.ts'
import { parseReturnTo } from './return-to.ts'
import { expiryOf, secretsOf } from './sign-in-attempt.ts'
import type { SignInAttempt } from './sign-in-attempt.ts'
import type { SignInParts, SignInRequest } from './sign-in-parts.ts'
import { retryHref } from './start-href.ts'

type Finished = Redirected | Refused

export async function finishSignIn(parts: SignInParts, request: SignInRequest): Promise<Finished> {
  const provider = parts.identityProviders.find(request.providerId)
  if (provider === undefined) return refused({ code: 'provider_unknown' })
  const providerId = provider.config.id
  const response = await readResponse(parts, request, provider)
  if (!response.ok) return refused(response.refusal, { providerId })

  const outcome = await answerResponse(parts, request, provider, response.value)
  return { ...outcome, setCookies: [...outcome.setCookies, ...response.value.setCookies] }
}

async function answerResponse(
  parts: SignInParts,
  request: SignInRequest,
  provider: IdentityProvider,
  response: ReceivedResponse,
): Promise<Finished> {
  const { sealedState, parameters, state } = response
  const cookieHeader = request.headers.get('cookie')
  const attempt = await parts.attemptCookies.find(sealedState.attemptId, cookieHeader)
  if (attempt === 'absent') return answerWithoutAttempt(parts, request, provider, sealedState)
  const { id: providerId } = provider.config
  if (attempt === 'unreadable') return refused({ code: 'attempt_unreadable' }, { providerId })
  if (parameters === undefined) {
    const facts = { check: 'response_mode' }
    return refused({ code: 'response_invalid', facts }, { providerId })
  }
  const answered = { provider, parameters, state, attempt, now: parts.clock() }
  return finishAttempt(parts, request, answered)
}

/** What one callback is about: an answer, and the attempt of this browser that it names. */
interface Answered {
  readonly provider: IdentityProvider
  readonly parameters: URLSearchParams
  readonly state: string
  readonly attempt: SignInAttempt
  readonly now: EpochSeconds
}

/** Judges, claims, and only then redeems. */
async function finishAttempt(
  parts: SignInParts,
  request: SignInRequest,
  answered: Answered,
): Promise<Finished> {
  const { config, attemptCookies, sessions } = parts
  const { provider, parameters, state, attempt, now } = answered
  const providerId = provider.config.id
  if (!isSameHash(attempt.stateHash, await sha256Base64url(state))) {
    return refused({ code: 'state_invalid' }, { providerId })
  }
  if (attempt.providerId !== providerId) return refused({ code: 'wrong_provider' }, { providerId })
  const returnTo = parseReturnTo(attempt.returnTo, config)
  const { request: asked, asker } = attempt
  const again = {
    providerId,
    retryHref: retryHref(config, { providerId, returnTo, request: asked }),
    asker,
  }
  const over = { ...again, setCookies: [attemptCookies.clear(attempt.id)] }
  if (now >= expiryOf(attempt)) return refused({ code: 'attempt_expired' }, over)

  const secrets = secretsOf(attempt, state)
  const checked = await provider.checkResponse(parameters, secrets, now)
  // The provider's own "no" ends the attempt. Whatever else is wrong with the answer may be somebody
  // else's doing, and the right one may still come.
  if (!checked.ok) return refused(checked.refusal, isFinal(checked.refusal.code) ? over : again)
  const cookie = readSessionCookie(request.headers.get('cookie'), config)
  const previous = await sessions.peek(cookie, now)
  if (!previous.ok && previous.refusal.code === 'unavailable') {
    return refused({ code: 'unavailable' }, again)
  }
  const live = previous.ok ? previous.value : undefined

  const lifetime = { now: parts.clock(), expiresAt: expiryOf(attempt) }
  const claimed = await parts.claims.claim(attemptReference(attempt.id), lifetime)
  const obstacle = claimed.ok ? undefined : claimed.refusal.code
  if (obstacle === 'unavailable') return refused({ code: 'unavailable' }, again)
  if (obstacle === 'expired') return refused({ code: 'attempt_expired' }, over)
  if (obstacle === 'already_claimed') {
    return live !== undefined && live.startedAt >= attempt.createdAt
      ? { kind: 'redirected', location: returnTo, setCookies: over.setCookies }
      : refused({ code: 'attempt_already_used' }, over)
  }

  const redeemed = await provider.redeem(checked.value, secrets, attempt, now)
  if (!redeemed.ok) return refused(redeemed.refusal, over)
  const admitted = await admit(parts, request, answered, redeemed.value, live)
  if (!admitted.ok) {
    return refused(admitted.refusal, { ...over, subject: redeemed.value.subject })
  }
  const { event, setCookies } = admitted.value
  const cookies = [...setCookies, ...over.setCookies]
  return { kind: 'redirected', location: returnTo, setCookies: cookies, event }
}

/** The person whom the provider has named: their account, and a session in it. */
async function admit(
  parts: SignInParts,
  request: SignInRequest,
  { provider: { config }, attempt, now }: Answered,
  assertion: Assertion,
  previous: LiveSession | undefined,
): Promise<Result<{ event: AuditEvent; setCookies: readonly string[] }, SignInReason>> {
  const { issuer, subject, claims, upstreamSid } = assertion
  const newSid = newSessionId()
  const expiresAt = now + parts.config.session.absoluteSeconds
  const account = await parts.users.signIn({
    provider: config,
    issuer,
    subject,
    claims,
    upstreamSession:
      upstreamSid === undefined ? undefined : { upstreamSid, sid: newSid, expiresAt },
    now,
  })
  if (!account.ok) return account
  const { user, isNew, isLinked } = account.value
  const session = { attempt, assertion, user, sid: newSid, previous, now }
  const opened = await openSession(parts, request, session)
  if (!opened.ok) return opened
  const { sid, setCookies, isKept } = opened.value
  const event: AuditEvent = {
    event: 'login.accepted',
    userId: user.id,
    sid,
    providerId: config.id,
    subject,
    facts: { is_new_user: isNew, is_linked: isLinked, is_session_kept: isKept },
  }
  return ok({ event, setCookies })
}

const isFinal = (code: SignInReason): boolean =>
  code === 'access_denied' || code === 'provider_error'
