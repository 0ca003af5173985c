import type { Profile } from '../../core/sessions/session.ts'

/** What a service learns of the person, by the scope that it is registered for, in the names of Epixel's kind. */
export const tellUser = (
  subject: string,
  { name, givenName, familyName, preferredUsername, picture, email, emailVerified }: Profile,
  scope: readonly string[],
): Readonly<Record<string, unknown>> => ({
  id: subject,
  ...(scope.includes('profile') && {
    username: preferredUsername,
    name,
    first_name: givenName,
    last_name: familyName,
    picture,
  }),
  ...(scope.includes('email') &&
    email !== undefined && { email, email_verified: emailVerified === true }),
})
