/** People as operators see them, in the names of the wire. No secret, no hash of one and no token is in it. */
import type { LiveSession } from '../../core/sessions/session.ts'
import type { User } from '../../core/users/user.ts'
import type { ListedIdentity, ListedUser } from '../../core/users/user-directory.ts'
import { seconds } from '../api/operation.ts'
import { flag, list, named, nullable, oneOf, openObject, text } from '../api/schema.ts'
import type { ValueOf } from '../api/schema.ts'

const userMembers = {
  id: text,
  status: oneOf(['active', 'disabled']),
  is_disable_pending: flag,
  name: nullable(text),
  email: nullable(text),
  email_verified: flag,
  created_at: seconds,
  last_sign_in_at: nullable(seconds),
}

export const userSchema = named('User', openObject(userMembers))

const identitySchema = openObject({
  issuer: text,
  subject: text,
  provider: text,
  created_at: seconds,
  last_sign_in_at: seconds,
})

export const userWithIdentitiesSchema = openObject({
  ...userMembers,
  identities: list(identitySchema),
})

export const sessionSchema = openObject({
  sid: text,
  provider: text,
  device: text,
  started_at: seconds,
  last_used_at: seconds,
  idle_deadline_at: seconds,
  absolute_deadline_at: seconds,
})

export const showUser = (user: ListedUser): ValueOf<typeof userSchema> => ({
  id: user.id,
  status: user.status,
  is_disable_pending: user.isDisablePending,
  name: user.name,
  email: user.email,
  email_verified: user.emailVerified,
  created_at: user.createdAt,
  last_sign_in_at: user.lastSignInAt,
})

export const showIdentity = (identity: ListedIdentity): ValueOf<typeof identitySchema> => ({
  issuer: identity.issuer,
  subject: identity.subject,
  provider: identity.providerId,
  created_at: identity.createdAt,
  last_sign_in_at: identity.lastSignInAt,
})

/** What is said of a person, in the names of OpenID Connect Core 1.0 §5.1. */
export const claimsOf = ({
  name,
  email,
  emailVerified,
  picture,
  details,
}: Pick<User, 'name' | 'email' | 'emailVerified' | 'picture' | 'details'>): Readonly<
  Record<string, unknown>
> => ({
  name,
  email,
  email_verified: emailVerified,
  picture,
  given_name: details.givenName,
  family_name: details.familyName,
  preferred_username: details.preferredUsername,
  locale: details.locale,
  zoneinfo: details.zoneinfo,
  phone_number: details.phoneNumber,
  phone_number_verified: details.phoneNumberVerified ?? false,
  address: details.address,
})

export const showSession = (session: LiveSession): ValueOf<typeof sessionSchema> => ({
  sid: session.sid,
  provider: session.authentication.providerId,
  device: session.device,
  started_at: session.startedAt,
  last_used_at: session.lastUsedAt,
  idle_deadline_at: session.idleDeadlineAt,
  absolute_deadline_at: session.absoluteDeadlineAt,
})
