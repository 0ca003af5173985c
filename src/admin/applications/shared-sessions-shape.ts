/** The capability `shared_sessions` on the wire. */
import { z } from '@hono/zod-openapi'
import type { ShownSiteKeys } from '../../core/applications/kept-site-keys.ts'
import type {
  SharedSessionsRegistration,
  SharedSessionsSite,
} from '../../core/applications/shared-sessions-site.ts'

export const sharedSessionsSchema = z
  .strictObject({
    subdomain: z.string().openapi({ description: 'The site: <subdomain>.api.<host of ISSUER>' }),
    allowed_domains: z.array(z.string()).optional().openapi({
      description: 'Hosts that people are brought back to; *. stands for everything below',
    }),
    group: z.string().optional().openapi({
      description: 'The company whose sites share people and sessions; alone without one',
    }),
  })
  .openapi('SharedSessions')

/** As it is shown; the keys are there where they were made, this once. */
export const shownSharedSessionsSchema = sharedSessionsSchema.extend({
  public_key: z.string().optional(),
  private_key: z.string().optional(),
})

export type WireSharedSessions = z.infer<typeof sharedSessionsSchema>

export const toSharedSessions = (
  wire: WireSharedSessions | undefined,
): SharedSessionsRegistration | undefined =>
  wire && {
    subdomain: wire.subdomain,
    allowedDomains: wire.allowed_domains,
    group: wire.group,
  }

export const showSharedSessions = (
  site: SharedSessionsSite,
  keys?: ShownSiteKeys,
): z.infer<typeof shownSharedSessionsSchema> => ({
  subdomain: site.subdomain,
  allowed_domains: [...site.allowedDomains],
  ...(site.group !== undefined && { group: site.group }),
  ...(keys && { public_key: keys.publicKey, private_key: keys.privateKey }),
})
