/** Which grants, answers, scopes and proofs of identity fit together; what cannot work is not registered. */
import type { GrantType, OAuthClient, ResponseType } from './application.ts'
import type { Report } from './oauth-report.ts'
import { sectorsOf } from './uri-rules.ts'

/** The grant that each response type belongs to (RFC 7591 §2.1). */
const GRANT_OF: Readonly<Record<ResponseType, GrantType>> = {
  code: 'authorization_code',
  token: 'implicit',
  id_token: 'implicit',
  'id_token token': 'implicit',
}

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'

/** Grants after which there may be a refresh token. */
const REFRESHABLE: readonly GrantType[] = ['authorization_code', 'password', DEVICE_CODE]

/** The longest scope of a request; a token with a much longer one is too long for whoever checks it. */
export const LONGEST_SCOPE_CHARACTERS = 2048

/** RFC 6749 §3.3. */
export const isScopeToken = (value: string): boolean =>
  /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/.test(value)

export function judgeGrants(client: OAuthClient, report: Report): void {
  const { grantTypes, responseTypes, redirectUris, scope } = client
  const has = (grant: GrantType) => grantTypes.includes(grant)
  if (grantTypes.length === 0) report('grantTypes', 'is empty')
  responseTypes.forEach((type, i) => {
    if (!has(GRANT_OF[type])) report('responseTypes', `needs the grant type ${GRANT_OF[type]}`, i)
  })
  const answered = (grant: GrantType) => responseTypes.some((type) => GRANT_OF[type] === grant)
  if (has('authorization_code') && !answered('authorization_code')) {
    report('grantTypes', 'authorization_code needs the response type code')
  }
  if (has('implicit') && !answered('implicit')) {
    report('grantTypes', 'implicit needs a response type: token, id_token or "id_token token"')
  }
  if (has('refresh_token') && !REFRESHABLE.some(has)) {
    report('grantTypes', 'refresh_token needs a grant that gives refresh tokens')
  }
  const isRedirected = has('authorization_code') || has('implicit')
  if (isRedirected && redirectUris.length === 0) {
    report('redirectUris', 'is empty; authorization_code and implicit need one')
  }
  if (!isRedirected && client.requirePushedAuthorizationRequests) {
    report('requirePushedAuthorizationRequests', 'needs authorization_code or implicit')
  }
  scope.forEach((token, i) => {
    if (!isScopeToken(token)) report('scope', `${JSON.stringify(token)} is not a scope`, i)
  })
  if (scope.join(' ').length > LONGEST_SCOPE_CHARACTERS) {
    report('scope', `is longer than ${LONGEST_SCOPE_CHARACTERS} characters`)
  }
  if (scope.includes('offline_access') && !has('refresh_token')) {
    report('scope', 'offline_access needs the grant type refresh_token')
  }
  if (client.dpopBoundAccessTokens) judgeBoundTokens(client, report)
  const needsOpenId = responseTypes.some((type) => type.includes('id_token'))
  if (needsOpenId && !scope.includes('openid') && !client.alwaysIssueIdToken) {
    report('scope', 'lacks openid, which the response types with id_token need')
  }
}

/** RFC 9449: nothing shows a key where a token comes through the browser, or stands in a URL. */
function judgeBoundTokens(
  { responseTypes, userinfoQueryToken }: OAuthClient,
  report: Report,
): void {
  const detail = 'cannot be together with dpop_bound_access_tokens'
  responseTypes.forEach((type, i) => {
    if (type.split(' ').includes('token')) report('responseTypes', detail, i)
  })
  if (userinfoQueryToken) report('userinfoQueryToken', detail)
}

export function judgeAuthentication(client: OAuthClient, report: Report): void {
  const { tokenEndpointAuthMethod: method, grantTypes, jwks } = client
  if (method === 'private_key_jwt' && jwks === undefined) {
    report('jwks', 'is missing; private_key_jwt needs the public keys')
  }
  if (method !== 'none') return
  for (const grant of ['client_credentials', 'password'] as const) {
    if (grantTypes.includes(grant)) {
      report('grantTypes', `${grant} is not for applications that prove nothing of themselves`)
    }
  }
  // C13: a code of theirs is worth nothing without the verifier.
  if (!client.requirePkce) report('requirePkce', 'is always on for public clients')
}

/** OpenID Connect Core 1.0 §8.1. */
export function judgeSector(client: OAuthClient, report: Report): void {
  const { subjectType, sectorIdentifier, redirectUris } = client
  if (subjectType !== 'pairwise') {
    if (sectorIdentifier !== undefined) report('sectorIdentifier', 'is for pairwise subjects only')
    return
  }
  const sectors = sectorsOf(redirectUris)
  if (sectors.length === 0) {
    report('subjectType', 'pairwise needs an https redirect URI, whose host is the sector')
  } else if (sectorIdentifier === undefined) {
    report('sectorIdentifier', 'is missing; the redirect URIs are on several hosts')
  } else if (!sectors.includes(sectorIdentifier)) {
    report('sectorIdentifier', 'is not the host of one of redirect_uris')
  }
}
