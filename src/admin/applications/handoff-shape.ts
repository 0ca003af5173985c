/** What an application may do in service hand-off, on the wire; only types are checked here. */
import type { HandoffService } from '../../core/applications/application.ts'
import type { HandoffRegistration } from '../../core/applications/handoff-rules.ts'
import { fromWire, toWire } from '../../protocol/wire-names.ts'
import { allOptional, described, flag, list, named, object, text, uri } from '../api/schema.ts'
import type { ValueOf } from '../api/schema.ts'

export const handoffMembers = {
  login_url: described(uri, { description: 'Where a browser brings a ticket, as ?token=' }),
  logout_url: described(uri, { description: 'Told {"api_sid"} when a session of its is over' }),
  scope: described(text, { description: 'Scopes of its access tokens, separated by spaces' }),
  issue_refresh_token: flag,
  may_hand_over_to: described(list(text), {
    description: 'client_id of each application that it may ask for tickets to',
  }),
  identity_providers: described(list(text), {
    description: 'If not empty, only people who signed in with one of these are handed over to it',
  }),
}

export const handoffSchema = named('HandoffRegistration', object(allOptional(handoffMembers)))

export type WireHandoff = ValueOf<typeof handoffSchema>

export const toHandoff = ({
  scope,
  issue_refresh_token: refreshToken,
  ...wire
}: WireHandoff): HandoffRegistration => ({
  ...fromWire(wire),
  scope: scope?.split(' ').filter((token) => token !== ''),
  refreshToken,
})

/** What the operator would have to send to get this registration again. */
export const showHandoff = ({ scope, refreshToken, ...handoff }: HandoffService): WireHandoff => ({
  ...toWire(handoff),
  scope: scope.join(' '),
  issue_refresh_token: refreshToken,
})
