/** The settings of the gateway that the in-runtime tests talk to. Plain data: read by the test runner and by tests. */
export const settings = {
  ISSUER: 'https://login.example',
  ALLOWED_ORIGINS: ['https://app.example'],
  ACCESS_TOKEN: { audience: 'https://api.example', lifetime_seconds: 300 },
  SESSION: { idle_seconds: 3600, absolute_seconds: 43200 },
  IDENTITY_PROVIDERS: [
    {
      id: 'otrotl',
      name: 'OTROTL',
      issuer: 'https://otrotl.example',
      client_id: 'tuberaker',
      scope: 'openid profile email',
      token_endpoint_auth_method: 'client_secret_basic',
      id_token_signed_response_alg: 'RS256',
    },
    {
      id: 'second',
      name: 'Second',
      issuer: 'https://second.example',
      client_id: 'drawbridge-at-second',
      scope: 'openid profile email',
      token_endpoint_auth_method: 'client_secret_post',
      id_token_signed_response_alg: 'ES256',
    },
  ],
  HANDOFF_HOSTS: [{ id: 'portal', name: 'Portal', issuer: 'https://portal.example' }],
  HANDLE_KEY: 'test-handle-key-0123456789-0123456789-0123456789',
  KEY_ENCRYPTION_KEY: 'test-key-encryption-key-0123456789-0123456789-01',
  ADMIN_API_KEY: 'test-admin-api-key-0123456789-0123456789-0123456789',
  PORTAL_API_KEY: 'test-portal-api-key-0123456789-0123456789',
  OTROTL_CLIENT_SECRET: 'test-otrotl-client-secret-0123456789',
  SECOND_CLIENT_SECRET: 'test-second-client-secret-0123456789',
}
