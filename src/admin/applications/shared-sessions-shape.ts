/** The capability `shared_sessions` on the wire. */
import type { ShownSiteKeys } from '../../core/applications/kept-site-keys.ts'
import type {
  SharedSessionsRegistration,
  SharedSessionsSite,
} from '../../core/applications/shared-sessions-site.ts'
import { fromWire, toWire } from '../../protocol/wire-names.ts'
import { described, list, named, object, openObject, optional, text } from '../api/schema.ts'
import type { ValueOf } from '../api/schema.ts'

export const sharedSessionsSchema = named(
  'SharedSessions',
  object({
    subdomain: described(text, { description: 'The site: <subdomain>.api.<host of ISSUER>' }),
    allowed_domains: optional(
      described(list(text), {
        description: 'Hosts that people are brought back to; *. stands for everything below',
      }),
    ),
    group: optional(
      described(text, {
        description: 'The company whose sites share people and sessions; alone without one',
      }),
    ),
  }),
)

/** As it is shown; the keys are there where they were made, this once. */
export const shownSharedSessionsSchema = openObject({
  ...sharedSessionsSchema.members,
  public_key: optional(text),
  private_key: optional(text),
})

export type WireSharedSessions = ValueOf<typeof sharedSessionsSchema>

export const toSharedSessions = (
  wire: WireSharedSessions | undefined,
): SharedSessionsRegistration | undefined => wire && fromWire(wire)

export const showSharedSessions = (
  site: SharedSessionsSite,
  keys?: ShownSiteKeys,
): ValueOf<typeof shownSharedSessionsSchema> => ({
  ...toWire(site),
  ...(keys && toWire(keys)),
})
