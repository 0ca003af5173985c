import type { Config } from '../../config.ts'
import type { Applications } from '../../core/applications/application.ts'
import type { HandoffKeys } from '../../core/applications/handoff-keys.ts'
import type { HandoffSessions } from '../../core/applications/handoff-sessions.ts'
import type { Subjects } from '../../core/applications/subject.ts'
import type { Audit } from '../../core/audit/audit.ts'
import type { PasswordSessions } from '../../core/revocation/password-sessions.ts'
import type { EndSession } from '../../core/revocation/end-session.ts'
import type { Revocation } from '../../core/revocation/revocation.ts'
import type { Grants } from '../../core/sessions/grant.ts'
import type { Sessions } from '../../core/sessions/sessions.ts'
import type { ApplicationTokens } from '../../core/tokens/application-token.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Doors } from '../../platform/doors.ts'

/** What the gateway hands to us as the host of a hand-off. */
export interface HostParts {
  readonly config: Config
  readonly clock: Clock
  readonly audit: Audit
  readonly doors: Doors
  readonly applications: Applications
  readonly handoffKeys: Pick<HandoffKeys, 'check'>
  readonly handoffSessions: HandoffSessions
  readonly subjects: Subjects
  readonly sessions: Pick<Sessions, 'peek' | 'use'>
  readonly grants: Grants
  readonly passwordSessions: PasswordSessions
  readonly applicationTokens: Pick<ApplicationTokens, 'issue' | 'verify'>
  readonly revocation: Revocation
  readonly ends: Pick<EndSession, 'endSession' | 'disconnectApplication'>
}
