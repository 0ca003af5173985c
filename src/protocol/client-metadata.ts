/**
 * What a client is registered with, under the names of RFC 7591 §2, OpenID Connect Dynamic Client
 * Registration 1.0 §2, RFC 9126 §6, RFC 9449 §5.2 and the logout specifications; the last ones are our own.
 */
export const CLIENT_METADATA_NAMES = {
  applicationType: 'application_type',
  redirectUris: 'redirect_uris',
  defaultRedirectUri: 'default_redirect_uri',
  grantTypes: 'grant_types',
  responseTypes: 'response_types',
  scope: 'scope',
  tokenEndpointAuthMethod: 'token_endpoint_auth_method',
  jwks: 'jwks',
  idTokenSignedResponseAlg: 'id_token_signed_response_alg',
  subjectType: 'subject_type',
  sectorIdentifier: 'sector_identifier',
  postLogoutRedirectUris: 'post_logout_redirect_uris',
  backchannelLogoutUri: 'backchannel_logout_uri',
  backchannelLogoutSessionRequired: 'backchannel_logout_session_required',
  frontchannelLogoutUri: 'frontchannel_logout_uri',
  frontchannelLogoutSessionRequired: 'frontchannel_logout_session_required',
  requirePkce: 'require_pkce',
  requirePushedAuthorizationRequests: 'require_pushed_authorization_requests',
  dpopBoundAccessTokens: 'dpop_bound_access_tokens',
  defaultMaxAge: 'default_max_age',
  alwaysIssueIdToken: 'always_issue_id_token',
  userinfoQueryToken: 'userinfo_query_token',
  resources: 'resources',
  requestAdapter: 'request_adapter',
} as const
