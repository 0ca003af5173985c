/** The capability `widget` on the wire. Whether it makes sense, core/applications/widget-rules.ts says. */
import type { KeptApplication } from '../../core/applications/applications-table.ts'
import { widgetClientId, widgetScopes } from '../../core/applications/widget.ts'
import type { Widget } from '../../core/applications/widget.ts'
import type { WidgetRegistration } from '../../core/applications/widget-rules.ts'
import { fromWire, toWire } from '../../protocol/wire-names.ts'
import {
  allOptional,
  described,
  integer,
  list,
  named,
  object,
  optional,
  record,
  text,
} from '../api/schema.ts'
import type { ValueOf } from '../api/schema.ts'

export const widgetMembers = {
  client_id: described(text, { description: "The tokens' iss; the application's id unless set" }),
  audience: described(text, { description: "The tokens' aud; none unless set" }),
  token_lifetime_seconds: described(integer, { default: 1200 }),
  accepted_lifetime_seconds: described(integer, {
    default: 1200,
    description: 'How far ahead a token that is presented here may expire',
  }),
  allowed_origins: described(list(text), {
    description: 'Origins whose pages get tokens by the session cookie',
  }),
  roles: described(record(text), {
    description: `What a user's roles amount to: ${widgetScopes.join(', ')}`,
    example: { admin: 'super-mod' },
  }),
}

export const widgetSchema = named('WidgetRegistration', object(allOptional(widgetMembers)))

/** A maker of widgets gives out secrets of its own. */
export const newWidgetSchema = named(
  'NewWidget',
  object({
    ...widgetSchema.members,
    secret: optional(described(text, { description: 'Brought from elsewhere' })),
  }),
)

export const toWidget: (wire: ValueOf<typeof widgetSchema>) => WidgetRegistration = fromWire

/** What the operator would have to send to get this registration again. */
export const showWidget = (
  { id }: Pick<KeptApplication, 'id'>,
  widget: Widget,
): ValueOf<typeof widgetSchema> => ({
  ...toWire(widget),
  client_id: widgetClientId({ id, widget }),
})
