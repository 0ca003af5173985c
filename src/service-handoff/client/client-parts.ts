import type { Config } from '../../config.ts'
import type { Audit } from '../../core/audit/audit.ts'
import type { EndSession } from '../../core/revocation/end-session.ts'
import type { Grants } from '../../core/sessions/grant.ts'
import type { Sessions } from '../../core/sessions/sessions.ts'
import type { Users } from '../../core/users/user.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Doors } from '../../platform/doors.ts'
import type { HandoffHosts } from './handoff-hosts.ts'

/** What the gateway hands to us as the service of a hand-off. */
export interface ClientParts {
  readonly config: Config
  readonly clock: Clock
  readonly audit: Audit
  readonly doors: Doors
  readonly handoffHosts: HandoffHosts
  readonly sessions: Pick<Sessions, 'open' | 'peek'>
  readonly users: Pick<Users, 'signIn' | 'findSignedOut'>
  readonly grants: Pick<Grants, 'participate'>
  readonly ends: Pick<EndSession, 'endSession' | 'endForProvider'>
}
