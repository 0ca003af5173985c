import type { IdentityProvider } from '../core/identity-providers/identity-provider.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import { attemptReference } from './attempt-reference.ts'
import type { AttemptState } from './attempt-state.ts'
import { readBrowserId } from './browser-cookie.ts'
import { refused } from './outcome.ts'
import type { Redirected, Refused } from './outcome.ts'
import { parseReturnTo } from './return-to.ts'
import { ATTEMPT_LIFETIME_SECONDS } from './sign-in-attempt.ts'
import type { SignInParts, SignInRequest } from './sign-in-parts.ts'
import { retryHref, startHref } from './start-href.ts'

/**
 * An answer whose `state` is ours, in a browser that has no cookie of that attempt. Either it was finished
 * here already (the back button), or the browser lost the cookie, or the link is another browser's: login
 * CSRF (RFC 6749 §10.12). The code in it is therefore never used. What may happen at most is what a plain
 * link to the sign-in could do as well: it is begun anew, once, and only where nobody is signed in.
 */
export async function answerWithoutAttempt(
  { config, clock, sessions, claims }: SignInParts,
  { headers }: SignInRequest,
  provider: IdentityProvider,
  state: AttemptState,
): Promise<Redirected | Refused> {
  const now = clock()
  const providerId = provider.config.id
  const returnTo = parseReturnTo(state.returnTo, config)
  const target = { providerId, returnTo, request: state.request }
  const again = { providerId, retryHref: retryHref(config, target) }
  const cookieHeader = headers.get('cookie')
  const browserId = readBrowserId(cookieHeader, config.isHttps)
  const isForeign = browserId !== undefined && browserId !== state.browserId
  if (isForeign) return refused({ code: 'attempt_not_in_this_browser' }, { providerId })
  const session = await sessions.peek(readSessionCookie(cookieHeader, config), now)
  if (!session.ok && session.refusal.code === 'unavailable')
    return refused({ code: 'unavailable' }, again)
  if (session.ok && browserId !== undefined && session.value.startedAt >= state.issuedAt) {
    // This attempt, or another tab's, has led to the session that is here.
    return { kind: 'redirected', location: returnTo, setCookies: [] }
  }
  if (now >= state.issuedAt + ATTEMPT_LIFETIME_SECONDS)
    return refused({ code: 'attempt_expired' }, again)
  if (session.ok || state.isRestart) return refused({ code: 'attempt_not_in_this_browser' }, again)
  const isClaimed = await claims.isClaimed(attemptReference(state.attemptId))
  if (!isClaimed.ok) return refused({ code: 'unavailable' }, again)
  if (isClaimed.value) return refused({ code: 'attempt_already_used' }, again)
  return {
    kind: 'redirected',
    location: `${config.issuer}${startHref(config, { ...target, isRestart: true })}`,
    setCookies: [],
    event: {
      event: 'login.rejected',
      providerId,
      refusal: { code: 'attempt_not_in_this_browser', facts: { restarted: true } },
    },
  }
}
