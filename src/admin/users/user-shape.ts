/** People as operators see them, in the names of the wire. No secret, no hash of one and no token is in it. */
import type { LiveSession } from '../../core/sessions/session.ts'
import type { User } from '../../core/users/user.ts'
import type { ListedIdentity, ListedUser } from '../../core/users/user-directory.ts'
import { toWire } from '../../protocol/wire-names.ts'
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

export const showUser: (user: ListedUser) => ValueOf<typeof userSchema> = toWire

export const showIdentity = ({
  providerId: provider,
  ...identity
}: ListedIdentity): ValueOf<typeof identitySchema> => ({ ...toWire(identity), provider })

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
  ...toWire(details),
  phone_number_verified: details.phoneNumberVerified ?? false,
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
