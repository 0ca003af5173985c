/** What an application may do in service hand-off, on the wire; only types are checked here. */
import { z } from '@hono/zod-openapi'
import type { HandoffService } from '../../core/applications/application.ts'
import type { HandoffRegistration } from '../../core/applications/handoff-rules.ts'

const uri = z.string().openapi({ format: 'uri' })

export const handoffMembers = {
  login_url: uri.openapi({ description: 'Where a browser brings a ticket, as ?token=' }),
  logout_url: uri.openapi({ description: 'Told {"api_sid"} when a session of its is over' }),
  scope: z.string().openapi({ description: 'Scopes of its access tokens, separated by spaces' }),
  issue_refresh_token: z.boolean(),
  may_hand_over_to: z.array(z.string()).openapi({
    description: 'client_id of each application that it may ask for tickets to',
  }),
  identity_providers: z.array(z.string()).openapi({
    description: 'If not empty, only people who signed in with one of these are handed over to it',
  }),
}

export const handoffSchema = z.strictObject(handoffMembers).partial().openapi('HandoffRegistration')

/** RFC 7396. */
export const handoffPatchSchema = z
  .strictObject(
    Object.fromEntries(
      Object.entries(handoffMembers).map(([name, schema]) => [name, z.nullable(schema)]),
    ) as {
      [Name in keyof typeof handoffMembers]: z.ZodNullable<(typeof handoffMembers)[Name]>
    },
  )
  .partial()

export type WireHandoff = z.infer<typeof handoffSchema>

export const toHandoff = (wire: WireHandoff): HandoffRegistration => ({
  loginUrl: wire.login_url,
  logoutUrl: wire.logout_url,
  scope: wire.scope?.split(' ').filter((token) => token !== ''),
  refreshToken: wire.issue_refresh_token,
  mayHandOverTo: wire.may_hand_over_to,
  identityProviders: wire.identity_providers,
})

/** What the operator would have to send to get this registration again. */
export const showHandoff = (handoff: HandoffService): WireHandoff => ({
  login_url: handoff.loginUrl,
  logout_url: handoff.logoutUrl,
  scope: handoff.scope.join(' '),
  issue_refresh_token: handoff.refreshToken,
  may_hand_over_to: [...handoff.mayHandOverTo],
  identity_providers: [...handoff.identityProviders],
})
