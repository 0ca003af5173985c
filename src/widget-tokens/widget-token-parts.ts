import type { Config } from '../config.ts'
import type { Applications } from '../core/applications/application.ts'
import type { Subjects } from '../core/applications/subject.ts'
import { asWidget } from '../core/applications/widget.ts'
import type { WidgetSecrets } from '../core/applications/widget.ts'
import type { WidgetApplication } from '../core/applications/application.ts'
import type { Audit } from '../core/audit/audit.ts'
import type { AccessChecks } from '../core/revocation/check-access.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import type { UserRoles } from '../core/users/user-roles.ts'
import type { Clock } from '../platform/clock.ts'
import type { Doors } from '../platform/doors.ts'
import type { Result } from '../platform/refusal.ts'
import type { RequestFacts } from '../platform/request-facts.ts'

/** What widget tokens are made and judged with. */
export interface WidgetTokenParts {
  readonly config: Pick<Config, 'issuer' | 'isHttps' | 'allowedOrigins'>
  readonly clock: Clock
  readonly audit: Audit
  readonly doors: Doors
  readonly applications: Pick<Applications, 'find'>
  readonly widgetSecrets: WidgetSecrets
  readonly userRoles: Pick<UserRoles, 'of'>
  readonly sessions: Pick<Sessions, 'use' | 'peek' | 'list' | 'connectTab'>
  readonly accessChecks: AccessChecks
  readonly subjects: Pick<Subjects, 'subjectFor'>
}

/**
 * Whose route this is. Counted first, since it asks the directory before anybody has proven anything. A widget
 * that is switched off is as unknown as one that never was.
 */
export async function findWidget(
  { doors, applications }: Pick<WidgetTokenParts, 'doors' | 'applications'>,
  applicationId: string,
  facts: RequestFacts,
): Promise<Result<WidgetApplication, 'rate_limited' | 'unknown_application' | 'unavailable'>> {
  const entry = await doors.mayEnter('widget', facts)
  if (!entry.ok) return entry
  const found = await applications.find(applicationId)
  return found.ok ? asWidget(found.value) : found
}

/** The origins whose pages may go by the session cookie. */
export const originsOf = (
  { config }: Pick<WidgetTokenParts, 'config'>,
  { widget }: WidgetApplication,
): readonly string[] => [config.issuer, ...widget.allowedOrigins]
