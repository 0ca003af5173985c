/** The capability `widget` on the wire. Whether it makes sense, core/applications/widget-rules.ts says. */
import { z } from '@hono/zod-openapi'
import type { KeptApplication } from '../../core/applications/applications-table.ts'
import { widgetScopes } from '../../core/applications/widget.ts'
import type { Widget } from '../../core/applications/widget.ts'
import type { WidgetRegistration } from '../../core/applications/widget-rules.ts'

export const widgetMembers = {
  client_id: z
    .string()
    .openapi({ description: "The tokens' iss; the application's id unless set" }),
  audience: z.string().openapi({ description: "The tokens' aud; none unless set" }),
  token_lifetime_seconds: z.int().openapi({ default: 1200 }),
  accepted_lifetime_seconds: z.int().openapi({
    default: 1200,
    description: 'How far ahead a token that is presented here may expire',
  }),
  allowed_origins: z.array(z.string()).openapi({
    description: 'Origins whose pages get tokens by the session cookie',
  }),
  roles: z.record(z.string(), z.string()).openapi({
    description: `What a user's roles amount to: ${widgetScopes.join(', ')}`,
    example: { admin: 'super-mod' },
  }),
}

export const widgetSchema = z.strictObject(widgetMembers).partial().openapi('WidgetRegistration')

/** A maker of widgets gives out secrets of its own. */
export const newWidgetSchema = widgetSchema
  .extend({ secret: z.string().optional().openapi({ description: 'Brought from elsewhere' }) })
  .openapi('NewWidget')

export const toWidget = (wire: z.infer<typeof widgetSchema>): WidgetRegistration => ({
  clientId: wire.client_id,
  audience: wire.audience,
  tokenLifetimeSeconds: wire.token_lifetime_seconds,
  acceptedLifetimeSeconds: wire.accepted_lifetime_seconds,
  allowedOrigins: wire.allowed_origins,
  roles: wire.roles,
})

/** What the operator would have to send to get this registration again. */
export const showWidget = (
  { id }: Pick<KeptApplication, 'id'>,
  widget: Widget,
): z.infer<typeof widgetSchema> => ({
  client_id: widget.clientId ?? id,
  ...(widget.audience !== undefined && { audience: widget.audience }),
  token_lifetime_seconds: widget.tokenLifetimeSeconds,
  accepted_lifetime_seconds: widget.acceptedLifetimeSeconds,
  allowed_origins: [...widget.allowedOrigins],
  roles: { ...widget.roles },
})
