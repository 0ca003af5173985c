/**
 * A person signs out: `POST /auth/sso/logout`. The session ends first, and only then does the browser go
 * on to the provider, to sign out there as well (RP-Initiated Logout 1.0): whatever becomes of that, and if
 * the browser never arrives, here it is over.
 */
import type { Config } from '../config.ts'
import type { IdentityProviders } from '../core/identity-providers/identity-provider.ts'
import type { EndSession } from '../core/revocation/end-session.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import type { Clock } from '../platform/clock.ts'
import { randomToken } from '../platform/random.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { within } from '../platform/time-limit.ts'

export interface SignOutParts {
  readonly config: Config
  readonly clock: Clock
  readonly sessions: Pick<Sessions, 'peek' | 'readSignIn'>
  readonly identityProviders: IdentityProviders
  readonly ending: Pick<EndSession, 'endSession'>
}

/** Nobody who wants to leave is kept waiting longer for the provider's metadata. */
const PROVIDER_WAIT_MILLISECONDS = 2000

/** The provider's own sign-out page, and the `state` that comes back from it. */
export interface ProviderSignOut {
  readonly url: URL
  readonly state: string
}

/**
 * Ends the session behind the cookie, if it lives. `unavailable`: it may or may not have ended, and nothing
 * is to be claimed. `provider` is undefined when there is nobody to sign out with: no session that we know
 * of, a provider that has no such page, or one that is down.
 */
export async function signOut(
  { config, clock, sessions, identityProviders, ending }: SignOutParts,
  { cookieHeader, facts }: { cookieHeader: string | undefined; facts: RequestFacts },
): Promise<Result<{ provider: ProviderSignOut | undefined }, 'unavailable'>> {
  const now = clock()
  const cookie = readSessionCookie(cookieHeader, config)
  const found = await sessions.peek(cookie, now)
  if (!found.ok && found.refusal.code === 'unavailable') return refuse('unavailable')
  if (found.ok) {
    const { userId, sid } = found.value
    const ended = await ending.endSession(facts, { userId, sid, cause: 'person', now })
    if (!ended.ok) return refuse('unavailable')
  }
  // Also of a session that had ended before: at the provider it may still be open.
  const signIn = await sessions.readSignIn(cookie)
  if (!signIn.ok) return ok({ provider: undefined })
  const { idToken, authentication } = signIn.value
  const provider = identityProviders.find(authentication.providerId)
  if (provider?.config.issuer !== authentication.issuer) return ok({ provider: undefined })
  const state = randomToken()
  const url = await within(
    PROVIDER_WAIT_MILLISECONDS,
    provider.endSessionUrl({ idToken, state }, now),
  )
  return ok({
    provider: !url.isLate && url.value.ok ? { url: url.value.value, state } : undefined,
  })
}
