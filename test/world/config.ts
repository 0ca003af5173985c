import type { Config, HandoffHostConfig, IdentityProviderConfig } from '../../src/config.ts'
import { settings } from './settings.ts'

const provider = (
  id: string,
  name: string,
  issuer: string,
  clientId: string,
): Omit<IdentityProviderConfig, 'clientAuthentication' | 'idTokenSigningAlgorithm'> => ({
  id,
  name,
  issuer,
  clientId,
  scope: 'openid profile email',
  responseMode: 'query',
  backchannelLogoutScope: 'user',
  logoutTokenWithoutExp: false,
  logoutTokenTypRequired: false,
  linkByVerifiedEmail: false,
  authoritativeEmailDomains: [],
  allowedEmailDomains: [],
  nativeClientIds: [],
  allowInsecureHttp: false,
})

export const otrotlConfig: IdentityProviderConfig = {
  ...provider('otrotl', 'OTROTL', 'https://otrotl.example', 'tuberaker'),
  clientAuthentication: {
    method: 'client_secret_basic',
    clientSecret: settings.OTROTL_CLIENT_SECRET,
  },
  idTokenSigningAlgorithm: 'RS256',
}

export const secondConfig: IdentityProviderConfig = {
  ...provider('second', 'Second', 'https://second.example', 'drawbridge-at-second'),
  clientAuthentication: {
    method: 'client_secret_post',
    clientSecret: settings.SECOND_CLIENT_SECRET,
  },
  idTokenSigningAlgorithm: 'ES256',
}

export const portalConfig: HandoffHostConfig = {
  id: 'portal',
  name: 'Portal',
  issuer: 'https://portal.example',
  apiUrl: 'https://portal.example/api/v1',
  apiKey: settings.PORTAL_API_KEY,
  linkByVerifiedEmail: false,
  authoritativeEmailDomains: [],
  allowedEmailDomains: [],
  allowInsecureHttp: false,
}

/** The Config that `settings.ts` spells, with changes. */
export const configFor = (overrides: Partial<Config> = {}): Config => ({
  issuer: settings.ISSUER,
  isHttps: true,
  allowedOrigins: settings.ALLOWED_ORIGINS,
  accessToken: {
    audience: settings.ACCESS_TOKEN.audience,
    lifetimeSeconds: settings.ACCESS_TOKEN.lifetime_seconds,
    scope: 'openid profile email',
  },
  auditRetentionSeconds: 400 * 86_400,
  session: {
    idleSeconds: settings.SESSION.idle_seconds,
    absoluteSeconds: settings.SESSION.absolute_seconds,
  },
  identityProviders: [otrotlConfig, secondConfig],
  handoffHosts: [portalConfig],
  secrets: {
    handleKey: [settings.HANDLE_KEY],
    keyEncryptionKey: [settings.KEY_ENCRYPTION_KEY],
    adminApiKey: [settings.ADMIN_API_KEY],
  },
  ...overrides,
})
