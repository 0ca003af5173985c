import type { Config } from '../config.ts'
import type { KeptSiteKeys } from '../core/applications/kept-site-keys.ts'
import type { ApplicationRegistry } from '../core/applications/application-registry.ts'
import type { RotateWidgetSecret } from '../core/applications/rotate-widget-secret.ts'
import type { KeptWidgetSecrets } from '../core/applications/widget-secrets.ts'
import type { AuditTrail } from '../core/audit/audit.ts'
import type { CanaryRuns } from '../core/revocation/canary-runs.ts'
import type { CutOffRecords } from '../core/revocation/cut-off-progress.ts'
import type { DisableUser } from '../core/revocation/disable-user.ts'
import type { EndSession } from '../core/revocation/end-session.ts'
import type { EraseUser } from '../core/revocation/erase-user.ts'
import type { LogoutDeliveries } from '../core/revocation/logout-delivery.ts'
import type { Consents, Grants } from '../core/sessions/grant.ts'
import type { StartCutOff } from '../core/revocation/start-cut-off.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import type { KeyOperations } from '../core/tokens/key-operations.ts'
import type { LocalCredentials } from '../core/users/local-credentials.ts'
import type { SiteUsers } from '../core/users/site-user.ts'
import type { UserDirectory } from '../core/users/user-directory.ts'
import type { UserRoles } from '../core/users/user-roles.ts'
import type { Users } from '../core/users/user.ts'
import type { Clock } from '../platform/clock.ts'
import type { Doors } from '../platform/doors.ts'

/** What the management API works with. */
export interface AdminParts {
  readonly config: Config
  readonly clock: Clock
  readonly audit: AuditTrail
  readonly doors: Doors
  readonly people: UserDirectory
  readonly userRoles: UserRoles
  readonly users: Pick<Users, 'create' | 'find'>
  readonly localCredentials: LocalCredentials
  readonly sessions: Pick<Sessions, 'list'>
  readonly consents: Pick<Consents, 'connections'>
  readonly grants: Pick<Grants, 'handoffs'>
  readonly siteUsers: Pick<SiteUsers, 'ofAllCompanies'>
  readonly ends: EndSession
  readonly disableUser: DisableUser
  readonly eraseUser: EraseUser
  readonly keyOperations: KeyOperations
  readonly cutOffRecords: CutOffRecords
  readonly startCutOff: StartCutOff
  readonly canaryRuns: Pick<CanaryRuns, 'list'>
  readonly applicationRegistry: ApplicationRegistry
  readonly siteKeys: KeptSiteKeys
  readonly rotateWidgetSecret: RotateWidgetSecret
  readonly widgetSecrets: Pick<KeptWidgetSecrets, 'list'>
  readonly deliveries: Pick<LogoutDeliveries, 'listUndelivered' | 'replay'>
}

export const ADMIN_PATH = '/admin/api'
