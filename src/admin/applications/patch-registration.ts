import type { KeptApplication } from '../../core/applications/applications-table.ts'
import type { Registration } from '../../core/applications/registration.ts'
import type { ValueOf } from '../api/schema.ts'
import { showOAuth, toRegistration } from './application-shape.ts'
import type { patchSchema } from './application-shape.ts'
import { showHandoff } from './handoff-shape.ts'
import { showSharedSessions } from './shared-sessions-shape.ts'
import type { WireSharedSessions } from './shared-sessions-shape.ts'
import { showWidget } from './widget-shape.ts'

/** Until it is judged, a site may lack what it cannot do without. */
type SiteMembers = {
  readonly [Name in keyof WireSharedSessions]?: WireSharedSessions[Name] | undefined
}

/** The registration that a merge patch (RFC 7396) makes of the present one. It is judged like any other. */
export function patchRegistration(
  present: KeptApplication,
  {
    name,
    first_party: isFirstParty,
    oauth,
    handoff,
    widget,
    shared_sessions: site,
  }: ValueOf<typeof patchSchema>,
): Registration {
  const siteBefore = present.sharedSessions && showSharedSessions(present.sharedSessions)
  const siteAfter = patched<SiteMembers>(siteBefore, site)
  return toRegistration({
    name: name ?? present.name,
    first_party: isFirstParty === undefined ? present.isFirstParty : (isFirstParty ?? undefined),
    oauth: patched(present.oauth && showOAuth(present.oauth), oauth),
    handoff: patched(present.handoff && showHandoff(present.handoff), handoff),
    widget: patchWidget(present, widget),
    shared_sessions: siteAfter && { ...siteAfter, subdomain: siteAfter.subdomain ?? '' },
  })
}

type NullableMembers<Members> = { readonly [Name in keyof Members]: Members[Name] | null }

function patchWidget(
  present: KeptApplication,
  patch: ValueOf<typeof patchSchema>['widget'],
): ReturnType<typeof showWidget> | undefined {
  const before = present.widget && showWidget(present, present.widget)
  if (patch === undefined || patch === null) return patched(before, patch)
  const { roles, ...members } = patch
  const after = roles && merge(before?.roles, roles)
  return patched(before, { ...members, ...(after !== undefined && { roles: after }) })
}

/** A capability: as it was, gone, or with some members changed. */
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
