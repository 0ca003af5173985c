import type { z } from '@hono/zod-openapi'
import type { KeptApplication } from '../../core/applications/applications-table.ts'
import type { Registration } from '../../core/applications/registration.ts'
import { showOAuth, toRegistration } from './application-shape.ts'
import { showSharedSessions } from './shared-sessions-shape.ts'
import type { patchSchema } from './application-shape.ts'

/** The registration that a merge patch (RFC 7396) makes of the present one. It is judged like any other. */
export function patchRegistration(
  present: KeptApplication,
  { name, first_party: isFirstParty, oauth, shared_sessions: site }: z.infer<typeof patchSchema>,
): Registration {
  const before = present.oauth && showOAuth(present.oauth)
  const after = oauth === undefined ? before : oauth === null ? undefined : merge(before, oauth)
  const siteBefore = present.sharedSessions && showSharedSessions(present.sharedSessions)
  const siteAfter =
    site === undefined ? siteBefore : site === null ? undefined : { ...siteBefore, ...site }
  return toRegistration({
    name: name ?? present.name,
    first_party: isFirstParty === undefined ? present.isFirstParty : (isFirstParty ?? undefined),
    oauth: after,
    shared_sessions: siteAfter && { ...siteAfter, subdomain: siteAfter.subdomain ?? '' },
  })
}

type NullableMembers<Members> = { readonly [Name in keyof Members]: Members[Name] | null }

const merge = <Members extends object>(
  before: Members | undefined,
  patch: NullableMembers<Members>,
): Members =>
  Object.fromEntries(
    Object.entries({ ...before, ...patch }).filter(([, value]) => value !== null),
  ) as Members
