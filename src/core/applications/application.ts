import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'
import type { AdapterRule } from './request-adapter.ts'
import type { SharedSessionsSite } from './shared-sessions-site.ts'
import type { Widget } from './widget.ts'

/** Signs with what an ID token of this application is signed; pinned by its registration. */
export type IdTokenAlgorithm = 'RS256' | 'ES256' | 'PS256'

export const grantTypes = [
  'authorization_code',
  'implicit',
  'password',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
] as const
export type GrantType = (typeof grantTypes)[number]

/**
 * RFC 9700 §2.1.2, §2.4: off unless an application is registered for them (C16). The directory finds those that are
 * by an index that names these two: migrations/0013_exceptional_grants.sql.
 */
export const exceptionalGrants = ['implicit', 'password'] as const satisfies readonly GrantType[]
export type ExceptionalGrant = (typeof exceptionalGrants)[number]

export const responseTypes = ['code', 'token', 'id_token', 'id_token token'] as const
export type ResponseType = (typeof responseTypes)[number]

export const clientAuthenticationMethods = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
] as const
export type ClientAuthenticationMethod = (typeof clientAuthenticationMethods)[number]

/** What an application may do as an OAuth client; its registration under the names of RFC 7591. */
export interface OAuthClient {
  readonly applicationType: 'web' | 'native'
  /** Compared exactly; for native applications the port of a loopback literal is free (RFC 8252 §7.3). */
  readonly redirectUris: readonly string[]
  /** Used when a plain OAuth request names none; one of `redirectUris`. */
  readonly defaultRedirectUri: string | undefined
  readonly grantTypes: readonly GrantType[]
  readonly responseTypes: readonly ResponseType[]
  /** All it may ever be granted. */
  readonly scope: readonly string[]
  readonly tokenEndpointAuthMethod: ClientAuthenticationMethod
  /** Public keys for `private_key_jwt`. */
  readonly jwks: { readonly keys: readonly JsonWebKey[] } | undefined
  readonly idTokenSignedResponseAlg: IdTokenAlgorithm
  readonly subjectType: 'public' | 'pairwise'
  /** OpenID Connect Core 1.0 §8.1: the host that pairwise subjects belong to; set where `subjectType` is pairwise. */
  readonly sectorIdentifier: string | undefined
  readonly postLogoutRedirectUris: readonly string[]
  readonly backchannelLogoutUri: string | undefined
  readonly backchannelLogoutSessionRequired: boolean
  readonly frontchannelLogoutUri: string | undefined
  readonly frontchannelLogoutSessionRequired: boolean
  /** C13: always so for public clients. */
  readonly requirePkce: boolean
  readonly requirePushedAuthorizationRequests: boolean
  readonly dpopBoundAccessTokens: boolean
  /** An ID token comes with the tokens also when `openid` was not asked for. */
  readonly alwaysIssueIdToken: boolean
  /** UserInfo takes `?access_token=` from this application. */
  readonly userinfoQueryToken: boolean
  /** RFC 8707: audiences it may ask tokens for, besides UserInfo. */
  readonly resources: readonly string[]
  readonly defaultMaxAge: number | undefined
  readonly requestAdapter: readonly AdapterRule[]
}

/**
 * What an application may do in service hand-off, where a signed-in person is passed on to it with a ticket
 * that counts once, or where it passes people on to others.
 */
export interface HandoffService {
  /** Where a browser brings a ticket, as `?token=`. Without it, nobody can be handed over to it. */
  readonly loginUrl: string | undefined
  /** Told by POST that a session of its is over, if it has acknowledged the hand-off. */
  readonly logoutUrl: string | undefined
  /** What its access tokens may do, and what it learns of the person. */
  readonly scope: readonly string[]
  /** A refresh token comes with its access tokens. */
  readonly refreshToken: boolean
  /** Applications to which it may pass people on; one that is the company's own may pass them on to any. */
  readonly mayHandOverTo: readonly string[]
  /** If not empty, only people who have signed in with one of these identity providers are handed over to it. */
  readonly identityProviders: readonly string[]
}

/** A registered downstream party. One record, several capabilities; a missing one is switched off. */
export interface Application {
  /** The `client_id`: 1 to 128 characters of A-Z a-z 0-9 . _ ~ - */
  readonly id: string
  readonly name: string
  /** The company's own: it needs no consent. */
  readonly isFirstParty: boolean
  readonly status: 'active' | 'disabled'
  readonly oauth: OAuthClient | undefined
  readonly handoff?: HandoffService | undefined
  readonly sharedSessions?: SharedSessionsSite | undefined
  readonly widget?: Widget | undefined
  readonly createdAt: EpochSeconds
  readonly updatedAt: EpochSeconds
}

/** An application that is active and has the capability `oauth`. */
export type OAuthApplication = Application & { readonly oauth: OAuthClient }

/** An application that is active and has the capability `handoff`. */
export type HandoffApplication = Application & { readonly handoff: HandoffService }

/** An application that is active and has the capability `widget`. */
export type WidgetApplication = Application & { readonly widget: Widget }

/** How an application hears of sessions that end (Back-Channel Logout 1.0 §2.2). */
export interface Backchannel {
  readonly uri: string | undefined
  readonly alg: IdTokenAlgorithm
}

export interface Applications {
  /** An application by its id, in whatever state; asked of the directory each time, so that a change holds at once. */
  find(id: string): Promise<Result<Application, 'unknown_application' | 'unavailable'>>
  /** As `find`, but only what may act as an OAuth client now: active, with that capability. */
  findOAuthClient(
    id: string,
  ): Promise<Result<OAuthApplication, 'unknown_application' | 'unavailable'>>
  /** As `find`, but only what takes part in service hand-off now: active, with that capability. */
  findHandoffService(
    id: string,
  ): Promise<Result<HandoffApplication, 'unknown_application' | 'unavailable'>>
  /** Everybody that people can be handed over to now, in order of their names. */
  listHandoffServices(): Promise<Result<readonly HandoffApplication[], 'unavailable'>>
  /**
   * Where, and with what algorithm, an application is told in the back channel that a session is over; also one
   * that is disabled, or has been removed. The URI is undefined where it has none.
   */
  findBackchannel(id: string): Promise<Result<Backchannel, 'unknown_application' | 'unavailable'>>
  /** Where a service is told that a session is over; also one that is disabled, or has been removed. */
  findHandoffLogoutUrl(
    id: string,
  ): Promise<Result<string | undefined, 'unknown_application' | 'unavailable'>>
  /** Those of the exceptional grants that an active application is registered for. */
  exceptionalGrantsInUse(): Promise<Result<readonly ExceptionalGrant[], 'unavailable'>>
  /** Names for pages, by id; what is unknown is left out, and so is everything while the directory is down. */
  namesOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>>
  /** Those that were removed 31 days ago, when nobody is left to be told. Throws where the directory does not answer. */
  forgetRemoved(now: EpochSeconds): Promise<void>
}
