/** A site is told who has come to it: it gets a connection, by way of the browser. */
import type { ConnectionPlugin } from '../core/users/site-connections-table.ts'
import type { Result } from '../platform/refusal.ts'
import { refused } from './brought.ts'
import type { Brought, BroughtOutcome } from './brought.ts'
import { issueConnection } from './connection.ts'
import type { NewConnection } from './connection.ts'
import type { Known } from './known-person.ts'
import type { SiteParts } from './site-parts.ts'

/** The form that the browser posts to the site. */
export async function tellSite(
  parts: SiteParts,
  brought: Brought,
  known: Known,
  plugin: ConnectionPlugin,
  callback: URL,
): Promise<BroughtOutcome> {
  const callbackUri = callback.href
  const issued = await noteConnection(parts, brought, { ...known, plugin, callbackUri })
  if (!issued.ok) return refused('unavailable')
  const fields = { oa_action: plugin, connection_token: issued.value }
  // Social Login's own plugins look at this one.
  const older = plugin === 'social_login' ? { oa_social_login_token: issued.value } : {}
  return { kind: 'told', callbackUri, fields: { ...fields, ...older } }
}

/** The token of a new connection, with its place in the audit trail. */
export async function noteConnection(
  parts: SiteParts,
  { site, facts, now }: Brought,
  connection: Omit<NewConnection, 'site' | 'now'>,
): Promise<Result<string, 'no_session' | 'unavailable'>> {
  const { user, sid, plugin } = connection
  const issued = await issueConnection(parts, { ...connection, site, now })
  const decision = { userId: user.userId, sid, facts: { application: site.applicationId, plugin } }
  await parts.audit.record(
    facts,
    issued.ok
      ? { ...decision, event: 'connection.issued' }
      : { ...decision, event: 'connection.refused', refusal: issued.refusal },
  )
  return issued
}
