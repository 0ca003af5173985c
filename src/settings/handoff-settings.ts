/** Who hands people over to us: `[[vars.HANDOFF_HOSTS]]` and their API keys (src/service-handoff/client). */
import { secretName } from './client-authentication-settings.ts'
import { checkId, checkIssuerHost, refuseRepeated } from './provider-settings.ts'
import type { Gateway, IdentityProviderConfig } from './provider-settings.ts'
import { checkDisplayName, checkEmailDomain, checkIssuerForm } from './setting-rules.ts'
import { howToSet, quote } from './settings-table.ts'
import type { SettingsTable } from './settings-table.ts'

/** A host service: its people come to us with a ticket that we show it with our API key. */
export interface HandoffHostConfig {
  readonly id: string
  readonly name: string
  /** In whose name its user ids are unique. */
  readonly issuer: string
  /** Where its API stands, without a slash at the end; `<api>/sso/token-verify/` and its like are below. */
  readonly apiUrl: string
  /** Our key there. */
  readonly apiKey: string
  readonly linkByVerifiedEmail: boolean
  /** Domains for which this host's word on an e-mail address counts (linking). Lower case. */
  readonly authoritativeEmailDomains: readonly string[]
  /** If not empty, only people whose verified e-mail address is in one of these domains may sign in. */
  readonly allowedEmailDomains: readonly string[]
  /** Spelled out in the configuration; only for loopback hosts. */
  readonly allowInsecureHttp: boolean
}

interface Surroundings extends Gateway {
  readonly identityProviders: readonly IdentityProviderConfig[]
}

/** The routes of a host stand at `/sso/v1/<word>/:host?`, so that these are taken; `ADMIN_API_KEY` is no host's. */
const RESERVED_IDS = ['admin', 'local', 'login', 'logout', 'service-request']

export function readHandoffHosts(
  settings: SettingsTable,
  { identityProviders, ...gateway }: Surroundings,
): readonly HandoffHostConfig[] {
  const tables = settings.tables('HANDOFF_HOSTS')
  const hosts = tables.map((table) => readHost(settings, table, gateway))
  refuseRepeated(
    tables,
    'id',
    hosts.map(({ id }) => id),
  )
  // One host with and without a slash would be one host with two names for its people.
  refuseRepeated(
    tables,
    'issuer',
    hosts.map(({ issuer }) => issuer.replace(/\/$/, '')),
  )
  hosts.forEach(({ id }, i) => {
    // Sessions say by this one word where they came from.
    if (identityProviders.some((provider) => provider.id === id))
      tables[i]?.refuse('id', `${quote(id)} is an identity provider's already`)
  })
  return hosts
}

function readHost(
  settings: SettingsTable,
  table: SettingsTable,
  gateway: Gateway,
): HandoffHostConfig {
  const id = table.text('id', (value) =>
    RESERVED_IDS.includes(value) ? `${quote(value)} is a word of our own` : checkId(value),
  )
  const issuer = table.text('issuer', checkIssuerForm)
  const allowInsecureHttp = table.flag('allow_insecure_http')
  checkIssuerHost(table, { issuer, allowInsecureHttp, gateway })
  const apiUrl = table.text(
    'api_url',
    (value) => checkIssuerForm(value) ?? (value.endsWith('/') ? 'ends with a slash' : undefined),
    `${issuer.replace(/\/$/, '')}/api/v1`,
  )
  checkIssuerHost(table, { issuer: apiUrl, allowInsecureHttp, gateway }, 'api_url')
  const host: HandoffHostConfig = {
    id,
    name: table.text('name', checkDisplayName),
    issuer,
    apiUrl,
    apiKey: id === '' ? '' : settings.secret(secretName(id, 'API_KEY'), checkApiKey),
    linkByVerifiedEmail: table.flag('link_by_verified_email'),
    authoritativeEmailDomains: table.texts('authoritative_email_domains', checkEmailDomain),
    allowedEmailDomains: table.texts('allowed_email_domains', checkEmailDomain),
    allowInsecureHttp,
  }
  if (host.linkByVerifiedEmail && host.authoritativeEmailDomains.length === 0) {
    table.refuse(
      'authoritative_email_domains',
      'is empty; link_by_verified_email = true needs the domains whose addresses this host vouches for',
    )
  }
  table.refuseUnknown({
    api_key: `is a secret; ${howToSet(secretName(id, 'API_KEY'))}`,
  })
  return host
}

/** It stands in a header. A line end that was pasted along is the usual mistake. */
const checkApiKey = (value: string): string | undefined =>
  /^[\x21-\x7e]{16,512}$/.test(value)
    ? undefined
    : 'is not 16 to 512 visible ASCII characters without blanks'
