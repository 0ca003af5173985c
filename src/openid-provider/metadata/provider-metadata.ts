/**
 * What we say of ourselves (OpenID Connect Discovery 1.0 §3, RFC 8414 §2). The endpoints are those that the
 * gateway really serves, and what hangs on an endpoint is said only where there is one; values are those that
 * the parts themselves go by. So the document cannot promise what is not there. The grants that should be
 * used no more are named only while some application is registered for them.
 */
import type { Config } from '../../config.ts'
import {
  clientAuthenticationMethods,
  exceptionalGrants,
  grantTypes,
  responseTypes,
} from '../../core/applications/application.ts'
import type { ExceptionalGrant, GrantType } from '../../core/applications/application.ts'
import { dpopAlgorithms } from '../../core/tokens/dpop-key.ts'
import { signingKeyAlgorithms } from '../../core/tokens/signing-key.ts'
import { promptValues } from '../authorization/authorization-request.ts'
import { responseModes } from '../authorization/response-mode.ts'
import { CLAIMS_OF_SCOPE, personalClaims } from '../claims.ts'
import { ASSERTION_ALGORITHMS } from '../client-assertion.ts'

/** A route of the gateway: its method (or `ALL`) and its path, as they were mounted. */
export interface MountedRoute {
  readonly method: string
  readonly path: string
}

/** The claims of our ID tokens that are not about the person. */
const PROTOCOL_CLAIMS = [
  'iss',
  'sub',
  'aud',
  'exp',
  'iat',
  'auth_time',
  'nonce',
  'acr',
  'amr',
  'sid',
]

const PATHS = {
  authorization_endpoint: 'GET /oauth/authorize',
  token_endpoint: 'POST /oauth/token',
  userinfo_endpoint: 'GET /oauth/userinfo',
  jwks_uri: 'GET /.well-known/jwks.json',
  end_session_endpoint: 'GET /oauth/logout',
  introspection_endpoint: 'POST /oauth/introspect',
  revocation_endpoint: 'POST /oauth/revoke',
  device_authorization_endpoint: 'POST /oauth/device_authorization',
  pushed_authorization_request_endpoint: 'POST /oauth/par',
} as const
type Endpoint = keyof typeof PATHS

/** The endpoint that each grant needs besides the token endpoint. */
const GRANT_ENDPOINTS: Partial<Record<GrantType, Endpoint>> = {
  authorization_code: 'authorization_endpoint',
  implicit: 'authorization_endpoint',
  'urn:ietf:params:oauth:grant-type:device_code': 'device_authorization_endpoint',
}

export function providerMetadata(
  { issuer }: Pick<Config, 'issuer'>,
  routes: readonly MountedRoute[],
  exceptionsInUse: readonly ExceptionalGrant[],
): Readonly<Record<string, unknown>> {
  const isOff = (grant: GrantType): boolean =>
    exceptionalGrants.some((name) => name === grant && !exceptionsInUse.includes(name))
  const has = (endpoint: Endpoint): boolean => {
    const [method, path] = PATHS[endpoint].split(' ')
    return routes.some((route) => route.path === path && [method, 'ALL'].includes(route.method))
  }
  const endpoints = (Object.keys(PATHS) as Endpoint[])
    .filter(has)
    .map((endpoint) => [endpoint, issuer + (PATHS[endpoint].split(' ')[1] ?? '')])
  /** What is said about an endpoint, if it is there. */
  const about = (endpoint: Endpoint, members: Readonly<Record<string, unknown>>) =>
    has(endpoint) ? members : {}
  const authentication = {
    methods: clientAuthenticationMethods,
    confidential: clientAuthenticationMethods.filter((method) => method !== 'none'),
  }
  return {
    issuer,
    ...Object.fromEntries(endpoints),
    scopes_supported: ['openid', ...Object.keys(CLAIMS_OF_SCOPE), 'offline_access'],
    claims_supported: [...PROTOCOL_CLAIMS, ...personalClaims],
    claim_types_supported: ['normal'],
    claims_parameter_supported: true,
    response_types_supported: isOff('implicit') ? ['code'] : responseTypes,
    response_modes_supported: responseModes,
    grant_types_supported: grantTypes.filter((grant) => {
      const needed = GRANT_ENDPOINTS[grant]
      return !isOff(grant) && has('token_endpoint') && (needed === undefined || has(needed))
    }),
    prompt_values_supported: promptValues,
    subject_types_supported: ['public', 'pairwise'],
    id_token_signing_alg_values_supported: signingKeyAlgorithms,
    code_challenge_methods_supported: ['S256'],
    dpop_signing_alg_values_supported: dpopAlgorithms,
    authorization_response_iss_parameter_supported: true,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    ...about('token_endpoint', {
      token_endpoint_auth_methods_supported: authentication.methods,
      token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    }),
    ...about('introspection_endpoint', {
      introspection_endpoint_auth_methods_supported: authentication.confidential,
      introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    }),
    ...about('revocation_endpoint', {
      revocation_endpoint_auth_methods_supported: authentication.methods,
      revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    }),
    ...about('pushed_authorization_request_endpoint', {
      require_pushed_authorization_requests: false,
    }),
    ...about('end_session_endpoint', {
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
      frontchannel_logout_supported: true,
      frontchannel_logout_session_supported: true,
    }),
  }
}
