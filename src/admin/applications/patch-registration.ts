import type { z } from '@hono/zod-openapi'
import type { KeptApplication } from '../../core/applications/applications-table.ts'
import type { Registration } from '../../core/applications/registration.ts'
import { showHandoff } from './handoff-shape.ts'
import { showOAuth, toRegistration } from './application-shape.ts'
import type { patchSchema } from './application-shape.ts'

/** The registration that a merge patch (RFC 7396) makes of the present one. It is judged like any other. */
export function patchRegistration(
  present: KeptApplication,
  { name, first_party: isFirstParty, oauth, handoff }: z.infer<typeof patchSchema>,
): Registration {
  return toRegistration({
    name: name ?? present.name,
    first_party: isFirstParty === undefined ? present.isFirstParty : (isFirstParty ?? undefined),
    oauth: patched(present.oauth && showOAuth(present.oauth), oauth),
    handoff: patched(present.handoff && showHandoff(present.handoff), handoff),
  })
}

type NullableMembers<Members> = { readonly [Name in keyof Members]: Members[Name] | null }

/** A capability that is left out stays; one that is null goes. */
function patched<Members extends object>(
  before: Members | undefined,
  patch: NullableMembers<Members> | null | undefined,
): Members | undefined {
  if (patch === undefined) return before
  return patch === null ? undefined : merge(before, patch)
}

const merge = <Members extends object>(
  before: Members | undefined,
  patch: NullableMembers<Members>,
): Members =>
  Object.fromEntries(
    Object.entries({ ...before, ...patch }).filter(([, value]) => value !== null),
  ) as Members
