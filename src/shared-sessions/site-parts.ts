import type { Config } from '../config.ts'
import type { Site, Sites } from '../core/applications/sites.ts'
import type { Subjects } from '../core/applications/subject.ts'
import type { Audit } from '../core/audit/audit.ts'
import type { IdentityProviders } from '../core/identity-providers/identity-provider.ts'
import type { EndSession } from '../core/revocation/end-session.ts'
import type { RemoveSiteUser } from '../core/revocation/remove-site-user.ts'
import type { Grants } from '../core/sessions/grant.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import type { SiteConnections } from '../core/users/site-connections-table.ts'
import type { SiteSessions } from '../core/users/site-sessions-table.ts'
import type { SiteUsers } from '../core/users/site-user.ts'
import type { Users } from '../core/users/user.ts'
import type { Clock, EpochSeconds } from '../platform/clock.ts'
import type { Doors } from '../platform/doors.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import type { Seal } from '../platform/seal.ts'

/** What the gateway hands to this feature. */
export interface SharedSessionsCore {
  readonly config: Config
  readonly clock: Clock
  readonly audit: Audit
  readonly doors: Doors
  readonly sites: Sites
  readonly subjects: Subjects
  readonly siteUsers: SiteUsers
  readonly siteSessions: SiteSessions
  readonly siteConnections: SiteConnections
  readonly grants: Pick<Grants, 'mint' | 'take'>
  readonly identityProviders: Pick<IdentityProviders, 'find'>
  readonly users: Pick<Users, 'find' | 'signIn' | 'attach'>
  readonly sessions: Pick<Sessions, 'open' | 'list' | 'peek' | 'readProfile'>
  readonly ends: Pick<EndSession, 'endSession' | 'endAllSessions'>
  readonly removeSiteUser: Pick<RemoveSiteUser, 'remove'>
}

export interface SiteParts extends SharedSessionsCore {
  /** Keeps the tokens of shared sessions, which sites are told again and again. */
  readonly tokens: Seal
  /** Keeps the grants that connections stand for. */
  readonly connectionGrants: Seal
  /** Keeps what a browser carries. */
  readonly browserTokens: Seal
}

/**
 * Who asks for a site: its own server, which has proven so by its keys; or an application on somebody's phone,
 * which holds none, with the nonce that it has begun a sign-in with, if it has one.
 */
export type SiteCaller =
  | { readonly kind: 'server' }
  | { readonly kind: 'phone'; readonly nonce: string | undefined }

export interface SiteRequest {
  readonly site: Site
  readonly caller: SiteCaller
  readonly facts: RequestFacts
  readonly now: EpochSeconds
  /** The tokens in the path, in order. */
  readonly tokens: readonly string[]
  readonly query: URLSearchParams
  /** What stands under `request` in the body; empty where there is none. */
  readonly content: Readonly<Record<string, unknown>>
}
