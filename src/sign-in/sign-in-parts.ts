import type { Config } from '../config.ts'
import type { AskedSignIns } from '../core/identity-providers/asked-sign-in.ts'
import type { IdentityProviders } from '../core/identity-providers/identity-provider.ts'
import type { Claims } from '../core/references/claims.ts'
import type { EndSession } from '../core/revocation/end-session.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import type { EarlyLogouts } from '../core/users/early-logouts.ts'
import type { Users } from '../core/users/user.ts'
import type { Clock } from '../platform/clock.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import type { AttemptCookies } from './attempt-cookies.ts'
import type { AttemptStates } from './attempt-state.ts'
import type { ResponseCookies } from './response-cookies.ts'

/** What the steps of a sign-in work with. */
export interface SignInParts {
  readonly config: Config
  readonly clock: Clock
  readonly sessions: Sessions
  readonly ends: Pick<EndSession, 'endSession'>
  readonly users: Users
  readonly earlyLogouts: Pick<EarlyLogouts, 'findFor'>
  readonly identityProviders: IdentityProviders
  readonly claims: Claims
  readonly askedSignIns: AskedSignIns
  readonly states: AttemptStates
  readonly attemptCookies: AttemptCookies
  readonly responseCookies: ResponseCookies
}

/** A request, as far as the steps look at it. */
export interface SignInRequest {
  /** As the path names it; the first configured provider if it does not. */
  readonly providerId: string | undefined
  readonly query: URLSearchParams
  readonly headers: Headers
  readonly facts: RequestFacts
}
