import type { OAuthApplication, OAuthClient } from '../../src/core/applications/application.ts'
import { newSessionId } from '../../src/core/sessions/session.ts'
import type { LiveSession, Profile, UserId } from '../../src/core/sessions/session.ts'

/** A confidential web application as a registration would make it; for what never asks the directory. */
export const madeUpApplication = (
  oauth: Partial<OAuthClient> = {},
  changes: Partial<Pick<OAuthApplication, 'id' | 'isFirstParty'>> = {},
): OAuthApplication => ({
  id: 'shop',
  name: 'Shop',
  isFirstParty: true,
  status: 'active',
  createdAt: 0,
  updatedAt: 0,
  ...changes,
  oauth: {
    applicationType: 'web',
    redirectUris: ['https://shop.example/cb'],
    defaultRedirectUri: undefined,
    grantTypes: ['authorization_code', 'refresh_token'],
    responseTypes: ['code'],
    scope: ['openid', 'profile', 'email', 'address', 'phone', 'offline_access'],
    tokenEndpointAuthMethod: 'client_secret_basic',
    jwks: undefined,
    idTokenSignedResponseAlg: 'RS256',
    subjectType: 'public',
    sectorIdentifier: undefined,
    postLogoutRedirectUris: [],
    backchannelLogoutUri: undefined,
    backchannelLogoutSessionRequired: false,
    frontchannelLogoutUri: undefined,
    frontchannelLogoutSessionRequired: false,
    requirePkce: false,
    requirePushedAuthorizationRequests: false,
    dpopBoundAccessTokens: false,
    alwaysIssueIdToken: false,
    userinfoQueryToken: false,
    resources: [],
    defaultMaxAge: undefined,
    requestAdapter: [],
    ...oauth,
  },
})

export const adaProfile: Profile = {
  name: 'Ada Lovelace',
  givenName: 'Ada',
  familyName: 'Lovelace',
  preferredUsername: 'ada',
  locale: 'en-GB',
  zoneinfo: 'Europe/London',
  email: 'ada@example.com',
  emailVerified: true,
  picture: 'https://pictures.example/ada.png',
  phoneNumber: '+44 20 7946 0000',
  phoneNumberVerified: false,
  address: { locality: 'London', country: 'GB' },
  updatedAt: 1_700_000_000,
}

/** A live session of Ada's, begun ten seconds before `now`. */
export const madeUpSession = (now: number, profile: Profile = adaProfile): LiveSession => ({
  userId: '0123456789abcdef0123456789abcdef' as UserId,
  sid: newSessionId((now - 10) * 1000),
  epoch: 3,
  authentication: {
    providerId: 'otrotl',
    issuer: 'https://otrotl.example',
    subject: 'ada-at-otrotl',
    authTime: now - 12,
    acr: 'urn:example:gold',
    amr: ['pwd', 'otp'],
  },
  profile,
  startedAt: now - 10,
  lastUsedAt: now,
  idleDeadlineAt: now + 3600,
  absoluteDeadlineAt: now + 43_200,
  device: 'Firefox on Linux',
})
