/** Users, identities and sessions as sites read them: OneAll's names, and nothing that we use inside. */
import type { SiteSession } from '../core/users/site-sessions-table.ts'
import type { KnownUser, ListedSiteUser, SiteIdentity, SiteUser } from '../core/users/site-user.ts'
import { STORAGE_PROVIDER_ID } from '../core/users/pushed-user.ts'
import { dateText } from './envelope.ts'

const dateOrNull = (at: number | undefined) => (at === undefined ? null : dateText(at))

export const identityNode = (
  { identityToken, providerId, content }: SiteIdentity,
  providerName?: string,
) => ({
  ...content,
  identity_token: identityToken,
  provider: providerId,
  source: { name: providerName ?? sourceName(providerId), key: providerId },
})

const sourceName = (providerId: string): string =>
  providerId === STORAGE_PROVIDER_ID ? 'Cloud Storage' : providerId

const accountNode = (user: SiteUser) => ({
  user_token: user.userToken,
  uuid: user.userToken,
  externalid: user.externalId,
  login: user.login ?? null,
  date_creation: dateText(user.createdAt),
  date_last_update: dateText(user.updatedAt),
  date_last_login: dateOrNull(user.lastLoginAt),
  num_logins: user.loginCount,
})

/** What whoever holds none of the site's keys is told of the account: its names, and nothing that sites know of it. */
export const phoneUserNode = ({ userToken }: SiteUser) => ({
  user_token: userToken,
  uuid: userToken,
})

/** With all identities in full. */
export const userNode = ({ user, identities }: KnownUser) => ({
  ...accountNode(user),
  identities: identities.map((identity) => identityNode(identity)),
})

/** An entry of a list: which identities there are, without what is known of them. */
export const userEntry = ({ user, identities }: ListedSiteUser) => ({
  user_token: user.userToken,
  date_creation: dateText(user.createdAt),
  date_last_login: dateOrNull(user.lastLoginAt),
  num_logins: user.loginCount,
  identities: identities.map(({ identityToken, providerId }) => ({
    identity_token: identityToken,
    provider: providerId,
  })),
})

/** With the one identity that matters: that of the storage where there is one. */
export function storageUserNode({ user, identities }: KnownUser) {
  const identity = storageIdentityOf(identities)
  return { ...accountNode(user), ...(identity && { identity: identityNode(identity) }) }
}

export const storageIdentityOf = (identities: readonly SiteIdentity[]): SiteIdentity | undefined =>
  identities.find(({ providerId }) => providerId === STORAGE_PROVIDER_ID) ?? identities[0]

export const sessionNode = (session: SiteSession, token: string) => ({
  sso_session_token: token,
  user_token: session.userToken,
  identity_token: session.identityToken,
  top_realm: session.topRealm ?? null,
  sub_realm: session.subRealm ?? null,
  data: session.data ?? null,
  num_cookies_set: session.cookieCount,
  date_creation: dateText(session.createdAt),
  date_update: dateText(session.updatedAt),
  date_expiration: dateText(session.expiresAt),
})
