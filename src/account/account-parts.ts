import type { Config } from '../config.ts'
import type { Applications } from '../core/applications/application.ts'
import type { Audit } from '../core/audit/audit.ts'
import type { EndSession } from '../core/revocation/end-session.ts'
import type { RequireUser } from '../core/revocation/require-user.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import type { Consents } from '../core/sessions/grant.ts'
import { LOCAL_PROVIDER_ID } from '../core/sessions/session.ts'
import type { LiveSession } from '../core/sessions/session.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import { STORAGE_PROVIDER_ID } from '../core/users/pushed-user.ts'
import type { Clock } from '../platform/clock.ts'
import type { Doors } from '../platform/doors.ts'
import type { Result } from '../platform/refusal.ts'
import { isVisit } from '../protocol/fetched-ahead.ts'

/** What the gateway hands to this feature. */
export interface AccountParts {
  readonly config: Config
  readonly clock: Clock
  readonly audit: Audit
  readonly doors: Doors
  readonly sessions: Sessions
  readonly ends: EndSession
  readonly consents: Pick<Consents, 'connections'>
  readonly applications: Pick<Applications, 'namesOf'>
  readonly requireUser: RequireUser
}

/**
 * The live session of whoever opens a page. Only a person's own visit counts as use: not a HEAD, and not a
 * page that a browser fetches ahead.
 */
export function findVisitor(
  { config, clock, sessions }: Pick<AccountParts, 'config' | 'clock' | 'sessions'>,
  request: Request,
): Promise<Result<LiveSession, 'no_session' | 'unavailable'>> {
  const cookie = readSessionCookie(request.headers.get('cookie'), config)
  return isVisit(request) ? sessions.use(cookie, clock()) : sessions.peek(cookie, clock())
}

/** What stands in the place of a provider's name where a session came from none. */
const OWN_NAMES: ReadonlyMap<string, string> = new Map([
  [LOCAL_PROVIDER_ID, 'a password'],
  [STORAGE_PROVIDER_ID, 'a site that shares its sign-in'],
])

/** The name, as configured, of the provider or host that the session came from; its id, once it is configured no more. */
export function providerNameOf(
  { authentication: { providerId } }: LiveSession,
  { identityProviders, handoffHosts }: Pick<Config, 'identityProviders' | 'handoffHosts'>,
): string {
  const all = [...identityProviders, ...handoffHosts]
  const configured = all.find(({ id }) => id === providerId)?.name
  return configured ?? OWN_NAMES.get(providerId) ?? providerId
}
