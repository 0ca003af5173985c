/** What an application may do in service hand-off, on the wire; only types are checked here. */
import type { HandoffService } from '../../core/applications/application.ts'
import type { HandoffRegistration } from '../../core/applications/handoff-rules.ts'
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
