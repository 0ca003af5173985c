/** How the directory's own rows follow what sites push: statements, each for a batch of its caller. */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { ProfileClaims } from './profile-claims.ts'
import { detailsToJson } from './profile-details.ts'
import type { UserId } from '../sessions/session.ts'
import { localUserInsertion, PUSHED_USER_SQL } from './users-table.ts'

/** The provider id of identities that sites have pushed, and of sessions on them; no configured provider may have it. */
export const STORAGE_PROVIDER_ID = 'storage'

/** An identity in the directory: (issuer, subject), and whose it is. */
interface DirectoryIdentity {
  readonly issuer: string
  readonly subject: string
  readonly userId: string
  readonly providerId: string
}

export function createPushedUserStatements(directory: D1Database) {
  const statement = (
    name: keyof typeof PUSHED_USER_SQL,
    ...values: readonly (string | number | null)[]
  ) => directory.prepare(PUSHED_USER_SQL[name]).bind(...values)
  const columns = ({ name, email, picture, details }: ProfileClaims) =>
    [
      name ?? null,
      email?.text ?? null,
      email?.key ?? null,
      picture ?? null,
      detailsToJson(details),
    ] as const
  return {
    /** What a site says of an address proves nothing: it is kept unverified, and links to nobody. */
    userInsertion: (id: UserId, profile: ProfileClaims, now: EpochSeconds) =>
      localUserInsertion(directory, id, profile, now),
    /** Brings the profile in step, for people who have never signed in with a provider. */
    userUpdate: (id: string, profile: ProfileClaims, now: EpochSeconds) =>
      statement('update', id, now, ...columns(profile)),
    identityInsertion: (identity: DirectoryIdentity, now: EpochSeconds) => {
      const { issuer, subject, userId, providerId } = identity
      return statement('identityInsertion', issuer, subject, userId, providerId, now)
    },
    /** Another user's from now on. */
    identityMove: ({ issuer, subject, userId }: Omit<DirectoryIdentity, 'providerId'>) =>
      statement('identityMove', issuer, subject, userId),
    identityRemoval: ({ issuer, subject }: Pick<DirectoryIdentity, 'issuer' | 'subject'>) =>
      statement('identityRemoval', issuer, subject),
    /** A row where a provider vouches for somebody. */
    otherIdentity: (id: UserId) => statement('otherIdentity', id, STORAGE_PROVIDER_ID),
    /** Removes a user whom no identity leads to any more. */
    userRemoval: (id: string) => statement('removal', id),
  }
}
