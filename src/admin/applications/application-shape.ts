/**
 * Applications on the wire: OAuth members under their names of RFC 7591. Only types are checked here; whether a
 * registration makes sense, core/applications/registration.ts says.
 */
import {
  clientAuthenticationMethods,
  grantTypes,
  responseTypes,
} from '../../core/applications/application.ts'
import type { OAuthClient } from '../../core/applications/application.ts'
import type { ListedSecret } from '../../core/applications/rotated-secrets-table.ts'
import type { KeptApplication } from '../../core/applications/applications-table.ts'
import { grantAliases } from '../../core/applications/registration.ts'
import type { OAuthRegistration, Registration } from '../../core/applications/registration.ts'
import { fromWire, toWire } from '../../protocol/wire-names.ts'
import type { WireName } from '../../protocol/wire-names.ts'
import { seconds } from '../api/operation.ts'
import {
  allOptional,
  allPatchable,
  anything,
  described,
  flag,
  integer,
  list,
  named,
  nullable,
  object,
  oneOf,
  openObject,
  optional,
  record,
  text,
  uri,
  variants,
} from '../api/schema.ts'
import type { Schema, ValueOf } from '../api/schema.ts'
import { handoffMembers, handoffSchema, showHandoff, toHandoff } from './handoff-shape.ts'
import type { WireHandoff } from './handoff-shape.ts'
import {
  sharedSessionsSchema,
  shownSharedSessionsSchema,
  showSharedSessions,
  toSharedSessions,
} from './shared-sessions-shape.ts'
import type { WireSharedSessions } from './shared-sessions-shape.ts'
import {
  newWidgetSchema,
  showWidget,
  toWidget,
  widgetMembers,
  widgetSchema,
} from './widget-shape.ts'

const adapterRule = variants('rule', {
  scope_map: { from: text, to: list(text) },
  scope_drop: { scope: text },
  scope_add: { scope: text },
  parameter_rename: { from: text, to: text },
  parameter_set: { name: text, value: text },
  parameter_drop: { name: text },
  grant_alias: { from: text, to: text },
})

const oauthMembers = {
  application_type: oneOf(['web', 'native']),
  redirect_uris: list(uri),
  default_redirect_uri: uri,
  grant_types: list(oneOf([...grantTypes, ...grantAliases])),
  response_types: described(list(text), { items: oneOf(responseTypes).describe() }),
  scope: described(text, {
    description: 'Scopes separated by spaces: all that it may ever be granted',
  }),
  token_endpoint_auth_method: oneOf(clientAuthenticationMethods),
  jwks: object({ keys: list(record(anything)) }),
  id_token_signed_response_alg: oneOf(['RS256', 'ES256', 'PS256']),
  subject_type: oneOf(['public', 'pairwise']),
  sector_identifier: described(text, { description: 'The host that pairwise subjects belong to' }),
  post_logout_redirect_uris: list(uri),
  backchannel_logout_uri: uri,
  backchannel_logout_session_required: flag,
  frontchannel_logout_uri: uri,
  frontchannel_logout_session_required: flag,
  require_pkce: flag,
  require_pushed_authorization_requests: flag,
  dpop_bound_access_tokens: flag,
  default_max_age: integer,
  always_issue_id_token: described(flag, {
    description: 'An ID token comes with the tokens also when openid was not asked for',
  }),
  userinfo_query_token: described(flag, { description: 'UserInfo takes ?access_token=' }),
  resources: list(uri),
  request_adapter: list(adapterRule),
} satisfies Record<WireName<keyof OAuthClient>, Schema<unknown>>

const oauthSchema = named('OAuthRegistration', object(allOptional(oauthMembers)))

const registrationMembers = {
  name: text,
  first_party: optional(described(flag, { description: "The company's own: no consent" })),
  oauth: optional(oauthSchema),
  handoff: optional(handoffSchema),
  shared_sessions: optional(sharedSessionsSchema),
  widget: optional(widgetSchema),
}

const brought = described(text, { description: 'Brought from another provider' })

export const newApplicationSchema = named(
  'NewApplication',
  object({
    ...registrationMembers,
    widget: optional(newWidgetSchema),
    client_id: optional(brought),
    client_secret: optional(brought),
  }),
)

/** Everything anew. The version that was seen stands in `If-Match`, or here. */
export const replacementSchema = named(
  'ApplicationReplacement',
  object({
    ...registrationMembers,
    client_id: optional(described(text, { description: 'As in the path' })),
    version: optional(integer),
  }),
)

const widgetPatch = { ...widgetMembers, roles: record(nullable(text)) }

/** RFC 7396: what is null becomes its default again, what is left out stays. */
export const patchSchema = named(
  'ApplicationPatch',
  object({
    name: optional(text),
    first_party: optional(nullable(flag)),
    oauth: optional(nullable(object(allPatchable(oauthMembers)))),
    widget: optional(nullable(object(allPatchable(widgetPatch)))),
    handoff: optional(nullable(object(allPatchable(handoffMembers)))),
    shared_sessions: optional(nullable(object(allPatchable(sharedSessionsSchema.members)))),
    version: optional(integer),
  }),
)

export const applicationSchema = named(
  'Application',
  openObject({
    client_id: text,
    name: text,
    first_party: flag,
    status: oneOf(['active', 'disabled']),
    version: integer,
    created_at: seconds,
    updated_at: seconds,
    oauth: optional(openObject(allOptional(oauthMembers))),
    handoff: optional(openObject(allOptional(handoffMembers))),
    shared_sessions: optional(shownSharedSessionsSchema),
    widget: optional(openObject(allOptional(widgetMembers))),
  }),
)

/** As `applicationSchema`; the secret is there where one was made, this once. */
export const registeredSchema = named(
  'RegisteredApplication',
  openObject({
    ...applicationSchema.members,
    client_secret: optional(text),
    client_secret_id: optional(text),
    handoff: optional(
      openObject(allOptional({ ...handoffMembers, apikey: text, apikey_id: text })),
    ),
    widget: optional(openObject(allOptional({ ...widgetMembers, secret: text, secret_id: text }))),
  }),
)

export const secretSchema = named(
  'ClientSecret',
  openObject({ id: text, created_at: seconds, expires_at: nullable(seconds) }),
)

type WireOAuth = ValueOf<typeof oauthSchema>

export const toRegistration = ({
  name,
  first_party: isFirstParty,
  oauth,
  handoff,
  shared_sessions: sharedSessions,
  widget,
}: {
  readonly name: string
  readonly first_party?: boolean | undefined
  readonly oauth?: WireOAuth | undefined
  readonly handoff?: WireHandoff | undefined
  readonly shared_sessions?: WireSharedSessions | undefined
  readonly widget?: ValueOf<typeof widgetSchema> | undefined
}): Registration => ({
  name,
  isFirstParty,
  oauth: oauth && toOAuth(oauth),
  handoff: handoff && toHandoff(handoff),
  sharedSessions: toSharedSessions(sharedSessions),
  widget: widget && toWidget(widget),
})

const toOAuth = ({ scope, ...wire }: WireOAuth): OAuthRegistration => ({
  ...fromWire(wire),
  scope: scope?.split(' ').filter((token) => token !== ''),
})

/** What the operator would have to send to get this registration again. */
export const showOAuth = ({ scope, jwks, ...client }: OAuthClient): WireOAuth => ({
  ...toWire(client),
  scope: scope.join(' '),
  jwks: jwks && { keys: jwks.keys.map((key) => ({ ...key })) },
})

export const showApplication = (kept: KeptApplication): ValueOf<typeof applicationSchema> => ({
  client_id: kept.id,
  name: kept.name,
  first_party: kept.isFirstParty,
  status: kept.status,
  version: kept.version,
  created_at: kept.createdAt,
  updated_at: kept.updatedAt,
  ...(kept.oauth !== undefined && { oauth: showOAuth(kept.oauth) }),
  ...(kept.handoff !== undefined && { handoff: showHandoff(kept.handoff) }),
  ...(kept.sharedSessions && { shared_sessions: showSharedSessions(kept.sharedSessions) }),
  ...(kept.widget !== undefined && { widget: showWidget(kept, kept.widget) }),
})

export const showSecret: (secret: ListedSecret) => ValueOf<typeof secretSchema> = toWire
