/** People as operators see them, in the names of the wire. No secret, no hash of one and no token is in it. */
import { z } from '@hono/zod-openapi'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { ListedIdentity, ListedUser } from '../../core/users/user-directory.ts'
import { seconds } from '../api/operation.ts'

const userMembers = {
  id: z.string(),
  status: z.enum(['active', 'disabled']),
  is_disable_pending: z.boolean(),
  name: z.string().nullable(),
  email: z.string().nullable(),
  email_verified: z.boolean(),
  created_at: seconds,
  last_sign_in_at: seconds.nullable(),
}

export const userSchema = z.object(userMembers).openapi('User')

const identitySchema = z.object({
  issuer: z.string(),
  subject: z.string(),
  provider: z.string(),
  created_at: seconds,
  last_sign_in_at: seconds,
})

export const userWithIdentitiesSchema = z.object({
  ...userMembers,
  identities: z.array(identitySchema),
})

export const sessionSchema = z.object({
  sid: z.string(),
  provider: z.string(),
  device: z.string(),
  started_at: seconds,
  last_used_at: seconds,
  idle_deadline_at: seconds,
  absolute_deadline_at: seconds,
})

export const showUser = (user: ListedUser): z.infer<typeof userSchema> => ({
  id: user.id,
  status: user.status,
  is_disable_pending: user.isDisablePending,
  name: user.name,
  email: user.email,
  email_verified: user.emailVerified,
  created_at: user.createdAt,
  last_sign_in_at: user.lastSignInAt,
})

export const showIdentity = (identity: ListedIdentity): z.infer<typeof identitySchema> => ({
  issuer: identity.issuer,
  subject: identity.subject,
  provider: identity.providerId,
  created_at: identity.createdAt,
  last_sign_in_at: identity.lastSignInAt,
})

export const showSession = (session: LiveSession): z.infer<typeof sessionSchema> => ({
  sid: session.sid,
  provider: session.authentication.providerId,
  device: session.device,
  started_at: session.startedAt,
  last_used_at: session.lastUsedAt,
  idle_deadline_at: session.idleDeadlineAt,
  absolute_deadline_at: session.absoluteDeadlineAt,
})
