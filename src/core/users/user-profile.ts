import type { Profile } from '../sessions/session.ts'
import type { User } from './user.ts'

/** What a session is told of its user, to pass it on to pages, APIs and applications. */
export const profileOf = (user: User): Profile => ({
  ...user.details,
  ...(user.name !== undefined && { name: user.name }),
  ...(user.email !== undefined && { email: user.email, emailVerified: user.emailVerified }),
  ...(user.picture !== undefined && { picture: user.picture }),
  ...(user.profileUpdatedAt !== undefined && { updatedAt: user.profileUpdatedAt }),
})
