/**
 * Applications on the wire: OAuth members under their names of RFC 7591. Only types are checked here; whether a
 * registration makes sense, core/applications/registration.ts says.
 */
import { z } from '@hono/zod-openapi'
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
import { seconds } from '../api/operation.ts'
import {
  handoffMembers,
  handoffPatchSchema,
  handoffSchema,
  showHandoff,
  toHandoff,
} from './handoff-shape.ts'
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

const uri = z.string().openapi({ format: 'uri' })
const text = z.string()

const adapterRule = z.discriminatedUnion('rule', [
  z.strictObject({ rule: z.literal('scope_map'), from: text, to: z.array(text) }),
  z.strictObject({ rule: z.literal('scope_drop'), scope: text }),
  z.strictObject({ rule: z.literal('scope_add'), scope: text }),
  z.strictObject({ rule: z.literal('parameter_rename'), from: text, to: text }),
  z.strictObject({ rule: z.literal('parameter_set'), name: text, value: text }),
  z.strictObject({ rule: z.literal('parameter_drop'), name: text }),
  z.strictObject({ rule: z.literal('grant_alias'), from: text, to: text }),
])

const oauthMembers = {
  application_type: z.enum(['web', 'native']),
  redirect_uris: z.array(uri),
  default_redirect_uri: uri,
  grant_types: z.array(z.enum([...grantTypes, ...grantAliases])),
  response_types: z
    .array(text)
    .openapi({ type: 'array', items: { type: 'string', enum: [...responseTypes] } }),
  scope: text.openapi({
    description: 'Scopes separated by spaces: all that it may ever be granted',
  }),
  token_endpoint_auth_method: z.enum(clientAuthenticationMethods),
  jwks: z.strictObject({ keys: z.array(z.looseObject({})) }),
  id_token_signed_response_alg: z.enum(['RS256', 'ES256', 'PS256']),
  subject_type: z.enum(['public', 'pairwise']),
  sector_identifier: text.openapi({ description: 'The host that pairwise subjects belong to' }),
  post_logout_redirect_uris: z.array(uri),
  backchannel_logout_uri: uri,
  backchannel_logout_session_required: z.boolean(),
  frontchannel_logout_uri: uri,
  frontchannel_logout_session_required: z.boolean(),
  require_pkce: z.boolean(),
  require_pushed_authorization_requests: z.boolean(),
  dpop_bound_access_tokens: z.boolean(),
  default_max_age: z.int(),
  always_issue_id_token: z.boolean().openapi({
    description: 'An ID token comes with the tokens also when openid was not asked for',
  }),
  userinfo_query_token: z.boolean().openapi({ description: 'UserInfo takes ?access_token=' }),
  resources: z.array(uri),
  request_adapter: z.array(adapterRule),
}

const oauthSchema = z.strictObject(oauthMembers).partial().openapi('OAuthRegistration')

const registrationMembers = {
  name: text,
  first_party: z.boolean().optional().openapi({ description: "The company's own: no consent" }),
  oauth: oauthSchema.optional(),
  handoff: handoffSchema.optional(),
  shared_sessions: sharedSessionsSchema.optional(),
  widget: widgetSchema.optional(),
}

export const newApplicationSchema = z
  .strictObject({
    ...registrationMembers,
    widget: newWidgetSchema.optional(),
    client_id: text.optional().openapi({ description: 'Brought from another provider' }),
    client_secret: text.optional().openapi({ description: 'Brought from another provider' }),
  })
  .openapi('NewApplication')

/** Everything anew. The version that was seen stands in `If-Match`, or here. */
export const replacementSchema = z
  .strictObject({
    ...registrationMembers,
    client_id: text.optional().openapi({ description: 'As in the path' }),
    version: z.int().optional(),
  })
  .openapi('ApplicationReplacement')

const nullable = <Members extends Record<string, z.ZodType>>(members: Members) =>
  z.strictObject(
    Object.fromEntries(
      Object.entries(members).map(([name, schema]) => [name, z.nullable(schema)]),
    ) as { [Name in keyof Members]: z.ZodNullable<Members[Name]> },
  )

/** RFC 7396: what is null becomes its default again, what is left out stays. */
export const patchSchema = z
  .strictObject({
    name: text,
    first_party: z.boolean().nullable(),
    oauth: nullable(oauthMembers).partial().nullable(),
    widget: nullable({ ...widgetMembers, roles: z.record(text, text.nullable()) })
      .partial()
      .nullable(),
    handoff: handoffPatchSchema.nullable(),
    shared_sessions: sharedSessionsSchema.partial().nullable(),
    version: z.int(),
  })
  .partial()
  .openapi('ApplicationPatch')

export const applicationSchema = z
  .object({
    client_id: text,
    name: text,
    first_party: z.boolean(),
    status: z.enum(['active', 'disabled']),
    version: z.int(),
    created_at: seconds,
    updated_at: seconds,
    oauth: z.object(oauthMembers).partial().optional(),
    handoff: z.object(handoffMembers).partial().optional(),
    shared_sessions: shownSharedSessionsSchema.optional(),
    widget: z.object(widgetMembers).partial().optional(),
  })
  .openapi('Application')

/** As `applicationSchema`; the secret is there where one was made, this once. */
export const registeredSchema = applicationSchema
  .extend({
    client_secret: text.optional(),
    client_secret_id: text.optional(),
    handoff: z
      .object({ ...handoffMembers, apikey: text, apikey_id: text })
      .partial()
      .optional(),
    widget: z
      .object({ ...widgetMembers, secret: text, secret_id: text })
      .partial()
      .optional(),
  })
  .openapi('RegisteredApplication')

export const secretSchema = z
  .object({ id: text, created_at: seconds, expires_at: seconds.nullable() })
  .openapi('ClientSecret')

type WireOAuth = z.infer<typeof oauthSchema>

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
  readonly widget?: z.infer<typeof widgetSchema> | undefined
}): Registration => ({
  name,
  isFirstParty,
  oauth: oauth && toOAuth(oauth),
  handoff: handoff && toHandoff(handoff),
  sharedSessions: toSharedSessions(sharedSessions),
  widget: widget && toWidget(widget),
})

const toOAuth = (wire: WireOAuth): OAuthRegistration => ({
  applicationType: wire.application_type,
  redirectUris: wire.redirect_uris,
  defaultRedirectUri: wire.default_redirect_uri,
  grantTypes: wire.grant_types,
  responseTypes: wire.response_types,
  scope: wire.scope?.split(' ').filter((token) => token !== ''),
  tokenEndpointAuthMethod: wire.token_endpoint_auth_method,
  jwks: wire.jwks,
  idTokenSignedResponseAlg: wire.id_token_signed_response_alg,
  subjectType: wire.subject_type,
  sectorIdentifier: wire.sector_identifier,
  postLogoutRedirectUris: wire.post_logout_redirect_uris,
  backchannelLogoutUri: wire.backchannel_logout_uri,
  backchannelLogoutSessionRequired: wire.backchannel_logout_session_required,
  frontchannelLogoutUri: wire.frontchannel_logout_uri,
  frontchannelLogoutSessionRequired: wire.frontchannel_logout_session_required,
  requirePkce: wire.require_pkce,
  requirePushedAuthorizationRequests: wire.require_pushed_authorization_requests,
  dpopBoundAccessTokens: wire.dpop_bound_access_tokens,
  defaultMaxAge: wire.default_max_age,
  alwaysIssueIdToken: wire.always_issue_id_token,
  userinfoQueryToken: wire.userinfo_query_token,
  resources: wire.resources,
  requestAdapter: wire.request_adapter,
})

/** What the operator would have to send to get this registration again. */
export const showOAuth = (client: OAuthClient): WireOAuth => ({
  application_type: client.applicationType,
  redirect_uris: [...client.redirectUris],
  default_redirect_uri: client.defaultRedirectUri,
  grant_types: [...client.grantTypes],
  response_types: [...client.responseTypes],
  scope: client.scope.join(' '),
  token_endpoint_auth_method: client.tokenEndpointAuthMethod,
  jwks: client.jwks && { keys: client.jwks.keys.map((key) => ({ ...key })) },
  id_token_signed_response_alg: client.idTokenSignedResponseAlg,
  subject_type: client.subjectType,
  sector_identifier: client.sectorIdentifier,
  post_logout_redirect_uris: [...client.postLogoutRedirectUris],
  backchannel_logout_uri: client.backchannelLogoutUri,
  backchannel_logout_session_required: client.backchannelLogoutSessionRequired,
  frontchannel_logout_uri: client.frontchannelLogoutUri,
  frontchannel_logout_session_required: client.frontchannelLogoutSessionRequired,
  require_pkce: client.requirePkce,
  require_pushed_authorization_requests: client.requirePushedAuthorizationRequests,
  dpop_bound_access_tokens: client.dpopBoundAccessTokens,
  default_max_age: client.defaultMaxAge,
  always_issue_id_token: client.alwaysIssueIdToken,
  userinfo_query_token: client.userinfoQueryToken,
  resources: [...client.resources],
  request_adapter: client.requestAdapter.map((rule) =>
    rule.rule === 'scope_map' ? { ...rule, to: [...rule.to] } : rule,
  ),
})

export const showApplication = (kept: KeptApplication): z.infer<typeof applicationSchema> => ({
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

export const showSecret = (secret: ListedSecret): z.infer<typeof secretSchema> => ({
  id: secret.id,
  created_at: secret.createdAt,
  expires_at: secret.expiresAt,
})
