/** The identity providers in the settings: `[[vars.IDENTITY_PROVIDERS]]` and their secrets. */
import { hostKind, isLoopback } from '../platform/host-kind.ts'
import { howToSet, quote } from './settings-table.ts'
import type { SettingsTable } from './settings-table.ts'
import { SIGNING_ALGORITHMS } from '../protocol/signing-algorithms.ts'
import type { SigningAlgorithm } from '../protocol/signing-algorithms.ts'
import {
  CLIENT_AUTHENTICATION_METHODS,
  readClientAuthentication,
  secretName,
} from './client-authentication-settings.ts'
import type { ClientAuthentication } from './client-authentication-settings.ts'
import {
  checkDisplayName,
  checkEmailDomain,
  checkIssuerForm,
  checkScope,
  checkVisibleAscii,
} from './setting-rules.ts'

/** An upstream OpenID provider that we rely on. */
export interface IdentityProviderConfig {
  readonly id: string
  readonly name: string
  readonly issuer: string
  readonly clientId: string
  readonly clientAuthentication: ClientAuthentication
  /** Always contains `openid`. */
  readonly scope: string
  readonly responseMode: 'query' | 'form_post'
  readonly idTokenSigningAlgorithm: SigningAlgorithm
  readonly backchannelLogoutScope: 'user' | 'session'
  /** Spelled out in the configuration: logout tokens may lack `exp`. One that has it is judged by it. */
  readonly logoutTokenWithoutExp: boolean
  /** Spelled out in the configuration: a logout token has to say that it is one, `logout+jwt`. */
  readonly logoutTokenTypRequired: boolean
  readonly linkByVerifiedEmail: boolean
  /** Domains for which this provider's word on an e-mail address counts (linking). Lower case. */
  readonly authoritativeEmailDomains: readonly string[]
  /** If not empty, only people whose verified e-mail address is in one of these domains may sign in. */
  readonly allowedEmailDomains: readonly string[]
  /** Our own applications' client ids at this provider, whose tokens may be brought to us. */
  readonly nativeClientIds: readonly string[]
  /** Spelled out in the configuration; only for loopback hosts. */
  readonly allowInsecureHttp: boolean
}

/** Words that stand where a provider's id may stand in our routes, and the id of sign-ins by a password of ours. */
const RESERVED_IDS = [
  'backchannel-logout',
  'callback',
  'events',
  'frontchannel-logout',
  'local',
  'login',
  'logout',
  'sessions',
  'storage',
  'token',
]

/** What the rest of the settings says about ourselves. */
export interface Gateway {
  readonly issuer: string
  readonly isHttps: boolean
}

export function readIdentityProviders(
  settings: SettingsTable,
  gateway: Gateway,
): readonly IdentityProviderConfig[] {
  const tables = settings.tables('IDENTITY_PROVIDERS')
  if (tables.length === 0) settings.refuse('IDENTITY_PROVIDERS', 'names no identity provider')
  const providers = tables.map((table) => readProvider(settings, table, gateway))
  refuseRepeated(
    tables,
    'id',
    providers.map(({ id }) => id),
  )
  // One issuer with and without a slash would be one provider with two names for its people.
  refuseRepeated(
    tables,
    'issuer',
    providers.map(({ issuer }) => issuer.replace(/\/$/, '')),
  )
  return providers
}

function readProvider(
  settings: SettingsTable,
  table: SettingsTable,
  gateway: Gateway,
): IdentityProviderConfig {
  const id = table.text('id', checkId)
  const name = table.text('name', checkDisplayName)
  const issuer = table.text('issuer', checkIssuerForm)
  const allowInsecureHttp = table.flag('allow_insecure_http')
  checkIssuerHost(table, { issuer, allowInsecureHttp, gateway })
  const method = table.oneOf(
    'token_endpoint_auth_method',
    CLIENT_AUTHENTICATION_METHODS,
    'client_secret_basic',
  )
  const provider: IdentityProviderConfig = {
    id,
    name,
    issuer,
    allowInsecureHttp,
    clientId: table.text('client_id', checkVisibleAscii),
    clientAuthentication: readClientAuthentication(settings, id, method),
    scope: table.text('scope', checkOpenidScope, 'openid profile email'),
    responseMode: table.oneOf('response_mode', ['query', 'form_post'], 'query'),
    idTokenSigningAlgorithm: table.oneOf(
      'id_token_signed_response_alg',
      SIGNING_ALGORITHMS,
      'RS256',
    ),
    backchannelLogoutScope: table.oneOf('backchannel_logout_scope', ['user', 'session'], 'user'),
    logoutTokenWithoutExp: table.flag('logout_token_without_exp'),
    logoutTokenTypRequired: table.flag('logout_token_typ_required'),
    linkByVerifiedEmail: table.flag('link_by_verified_email'),
    authoritativeEmailDomains: table.texts('authoritative_email_domains', checkEmailDomain),
    allowedEmailDomains: table.texts('allowed_email_domains', checkEmailDomain),
    nativeClientIds: table.texts('native_client_ids', checkVisibleAscii),
  }
  if (provider.linkByVerifiedEmail && provider.authoritativeEmailDomains.length === 0) {
    table.refuse(
      'authoritative_email_domains',
      'is empty; link_by_verified_email = true needs the domains whose addresses this provider vouches for',
    )
  }
  if (provider.nativeClientIds.includes(provider.clientId)) {
    table.refuse('native_client_ids', 'names client_id, which is the gateway itself')
  }
  table.refuseUnknown({
    client_secret: `is a secret; ${howToSet(secretName(id, 'CLIENT_SECRET'))}`,
    private_key: `is a secret; ${howToSet(secretName(id, 'PRIVATE_KEY'))}`,
  })
  return provider
}

/**
 * The host of an issuer, or of another address of the same party: public and https, unless it is on this machine
 * and that is spelled out.
 */
export function checkIssuerHost(
  table: SettingsTable,
  {
    issuer,
    allowInsecureHttp,
    gateway,
  }: { readonly issuer: string; readonly allowInsecureHttp: boolean; readonly gateway: Gateway },
  key = 'issuer',
): void {
  const url = URL.parse(issuer)
  if (url === null) return
  if (allowInsecureHttp && key === 'issuer') {
    if (!isLoopback(url)) table.refuse('allow_insecure_http', 'is only for a loopback issuer')
    if (gateway.isHttps)
      table.refuse('allow_insecure_http', 'is only for development, but ISSUER is https')
  }
  if (url.protocol === 'http:' && !(isLoopback(url) && allowInsecureHttp)) {
    table.refuse(
      key,
      `${quote(issuer)} is not https; only a loopback host may use http, and only with allow_insecure_http = true`,
    )
  } else if (hostKind(url.hostname) !== 'public' && !(isLoopback(url) && allowInsecureHttp)) {
    table.refuse(key, `${quote(issuer)} is not on the public internet`)
  }
  if (isOwnHost(url, URL.parse(gateway.issuer))) {
    table.refuse(key, `${quote(issuer)} is this gateway itself`)
  }
}

/** On one machine, two servers differ in their ports; elsewhere a host is one party. */
const isOwnHost = (url: URL, own: URL | null): boolean =>
  isLoopback(url) ? url.host === own?.host : url.hostname === own?.hostname

export function checkId(value: string): string | undefined {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(value)) {
    return `${quote(value)} is not 1 to 32 lower-case letters, digits and hyphens, beginning with a letter`
  }
  return RESERVED_IDS.includes(value) ? `${quote(value)} is a word of our own` : undefined
}

const checkOpenidScope = (value: string): string | undefined =>
  checkScope(value) ??
  (value.split(' ').includes('openid') ? undefined : `${quote(value)} does not contain openid`)

export function refuseRepeated(
  tables: readonly SettingsTable[],
  key: string,
  values: readonly string[],
) {
  values.forEach((value, i) => {
    const first = values.indexOf(value)
    if (value === '' || first === i) return
    tables[i]?.refuse(key, `${quote(value)} is already ${tables[first]?.nameOf(key)}`)
  })
}
