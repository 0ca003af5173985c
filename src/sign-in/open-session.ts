import type { Assertion } from '../core/identity-providers/assertion.ts'
import { endUnheard } from '../core/revocation/end-unheard.ts'
import type { Authentication, LiveSession, SessionId } from '../core/sessions/session.ts'
import { setSessionCookie } from '../core/sessions/session-cookie.ts'
import type { User } from '../core/users/user.ts'
import { profileOf } from '../core/users/user-profile.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import { beganAtMilliseconds } from './sign-in-attempt.ts'
import type { SignInAttempt } from './sign-in-attempt.ts'
import type { SignInParts, SignInRequest } from './sign-in-parts.ts'

export interface OpenedSession {
  readonly sid: SessionId
  readonly setCookies: readonly string[]
  /** Another tab had signed the same person in meanwhile, and that session stays. */
  readonly isKept: boolean
}

/**
 * The session that a finished attempt leads to: always a new one under a new handle (nothing that the
 * browser held before is worth anything afterwards), in place of the one that was there. The one exception
 * is a session that another tab has just opened for the very same sign-in.
 */
export async function openSession(
  { config, sessions, ends, earlyLogouts }: SignInParts,
  { headers, facts }: SignInRequest,
  input: {
    readonly attempt: SignInAttempt
    readonly assertion: Assertion
    readonly user: User
    /** What a new session is to be called. */
    readonly sid: SessionId
    /** The browser's live session when it came back. */
    readonly previous: LiveSession | undefined
    readonly now: EpochSeconds
  },
): Promise<Result<OpenedSession, 'account_disabled' | 'signed_out_meanwhile' | 'unavailable'>> {
  const { attempt, assertion, user, sid, previous, now } = input
  if (previous !== undefined && isSameSignIn(previous, input)) {
    return ok({ sid: previous.sid, setCookies: [], isKept: true })
  }
  const { upstreamSid, issuer } = assertion
  const opened = await sessions.open({
    userId: user.id,
    sid,
    authentication: authenticationOf(assertion, attempt.providerId),
    profile: profileOf(user),
    idToken: assertion.idToken,
    userAgent: headers.get('user-agent') ?? undefined,
    continent: facts.continent,
    now,
  })
  if (!opened.ok) {
    if (opened.refusal.code === 'user_disabled') return refuse('account_disabled')
    endUnheard(ends, facts, { userId: user.id, sid, now })
    return refuse('unavailable')
  }
  const { session, cookie } = opened.value
  // A logout that came for this sign-in before the session was there has left a marker; one that comes from
  // here on finds the session.
  const logout = await earlyLogouts.findFor({
    issuer,
    subject: assertion.subject,
    upstreamSid,
    authenticatedAt: Math.min(assertion.authTime ?? assertion.issuedAt, assertion.issuedAt),
    beganAtMilliseconds: beganAtMilliseconds(attempt),
    now,
  })
  if (!logout.ok || logout.value.isSignedOut) {
    // That we cannot tell is no word of the provider's: nothing else of the person's ends with it.
    const cause = logout.ok ? 'provider_back_channel' : 'sign_in_unfinished'
    await ends.endSession(facts, { ...idsOf(session), cause, now })
    return refuse(logout.ok ? 'signed_out_meanwhile' : 'unavailable')
  }
  if (previous !== undefined) {
    const cause = 'replaced_by_sign_in'
    const ended = await ends.endSession(facts, { ...idsOf(previous), cause, now })
    if (!ended.ok) {
      // Two sessions never live on from one browser. The new one's handle has not left us.
      await ends.endSession(facts, { ...idsOf(session), cause: 'sign_in_unfinished', now })
      return refuse('unavailable')
    }
  }
  const setCookies = [setSessionCookie(cookie, config)]
  return ok({ sid, setCookies, isKept: false })
}

/** The same person, by the same upstream session, since this attempt began; and nothing more was asked for. */
function isSameSignIn(
  { startedAt, userId, authentication }: LiveSession,
  { attempt, assertion, user }: { attempt: SignInAttempt; assertion: Assertion; user: User },
): boolean {
  return (
    startedAt >= attempt.createdAt &&
    userId === user.id &&
    authentication.issuer === assertion.issuer &&
    authentication.subject === assertion.subject &&
    authentication.upstreamSid === assertion.upstreamSid &&
    authentication.acr === assertion.acr &&
    attempt.request.prompt === undefined &&
    (assertion.authTime === undefined || authentication.authTime >= assertion.authTime)
  )
}

const idsOf = ({ userId, sid }: LiveSession) => ({ userId, sid })

const authenticationOf = (assertion: Assertion, providerId: string): Authentication => ({
  providerId,
  issuer: assertion.issuer,
  subject: assertion.subject,
  // A provider that does not say when, has said that it was not after the ID token.
  authTime: assertion.authTime ?? assertion.issuedAt,
  ...(assertion.upstreamSid !== undefined && { upstreamSid: assertion.upstreamSid }),
  ...(assertion.acr !== undefined && { acr: assertion.acr }),
  ...(assertion.amr !== undefined && { amr: assertion.amr }),
})
