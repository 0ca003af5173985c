import { parseOutboundUrl } from '../../platform/outbound-fetch.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'

/** Where a provider is found, and how far its documents may lead. All of it is configuration. */
export interface ProviderAddress {
  readonly issuer: string
  readonly allowInsecureHttp: boolean
  /** Our own origin, which no document of a provider may lead back to. */
  readonly ownOrigin: string
}

/** What we use of a provider's metadata (OpenID Connect Discovery 1.0 §3, RFC 9207 §3). */
export interface DiscoveryDocument {
  readonly issuer: string
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  readonly keySetUrl: string
  readonly userInfoEndpoint: string | undefined
  readonly endSessionEndpoint: string | undefined
  /** RFC 8414 §2. */
  readonly introspectionEndpoint: string | undefined
  /** The provider promises `iss` in every authorization response; one without it is refused. */
  readonly sendsIssuerParameter: boolean
}

/** Discovery 1.0 §4.1: a trailing slash of the issuer is dropped before the path is appended. */
export const discoveryUrl = (issuer: string): string =>
  `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`

const ENDPOINTS = [
  'authorization_endpoint',
  'token_endpoint',
  'jwks_uri',
  'userinfo_endpoint',
  'end_session_endpoint',
  'introspection_endpoint',
] as const

const OPTIONAL: readonly string[] = [
  'userinfo_endpoint',
  'end_session_endpoint',
  'introspection_endpoint',
]

/**
 * Discovery 1.0 §4.3: the `issuer` must be exactly the configured one. Every endpoint must be an https
 * URL of a public host that is not ours; one that is not makes the whole document useless, since it
 * shows that somebody else is writing it. `facts.check` names the member.
 */
export function parseDiscoveryDocument(
  document: Readonly<Record<string, unknown>>,
  { issuer, ownOrigin, allowInsecureHttp }: ProviderAddress,
): Result<DiscoveryDocument, 'document_invalid'> {
  if (document.issuer !== issuer) {
    // For the log: as a rule it is what the setting should have been.
    const found = typeof document.issuer === 'string' ? document.issuer.slice(0, 200) : undefined
    return refuse('document_invalid', { check: 'issuer', found })
  }
  const urls: Partial<Record<(typeof ENDPOINTS)[number], string>> = {}
  for (const endpoint of ENDPOINTS) {
    const value = document[endpoint]
    if (value === undefined && OPTIONAL.includes(endpoint)) continue
    if (typeof value !== 'string' || value.length > 2048) {
      return refuse('document_invalid', { check: endpoint })
    }
    const url = parseOutboundUrl(value, ownOrigin, { allowInsecureHttp })
    if (!url.ok) return refuse('document_invalid', { check: endpoint })
    urls[endpoint] = url.value.href
  }
  return ok({
    issuer,
    authorizationEndpoint: urls.authorization_endpoint!,
    tokenEndpoint: urls.token_endpoint!,
    keySetUrl: urls.jwks_uri!,
    userInfoEndpoint: urls.userinfo_endpoint,
    endSessionEndpoint: urls.end_session_endpoint,
    introspectionEndpoint: urls.introspection_endpoint,
    sendsIssuerParameter: document.authorization_response_iss_parameter_supported === true,
  })
}

/** The wire form of what `parseDiscoveryDocument` looked at, and nothing else. */
export const formatDiscoveryDocument = (document: DiscoveryDocument): object => ({
  issuer: document.issuer,
  authorization_endpoint: document.authorizationEndpoint,
  token_endpoint: document.tokenEndpoint,
  jwks_uri: document.keySetUrl,
  userinfo_endpoint: document.userInfoEndpoint,
  end_session_endpoint: document.endSessionEndpoint,
  introspection_endpoint: document.introspectionEndpoint,
  authorization_response_iss_parameter_supported: document.sendsIssuerParameter,
})
