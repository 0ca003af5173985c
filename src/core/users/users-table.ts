/** The tables `users` and `identities` (migrations/0001_directory.sql, 0006_people.sql). */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { UserId } from '../sessions/session.ts'
import type { ProfileClaims } from './profile-claims.ts'
import { detailsFromJson, detailsToJson } from './profile-details.ts'
import type { SignInIdentity, User, UserStatus, Voucher } from './user.ts'

export async function findUserByIdentity(
  directory: D1Database,
  issuer: string,
  subject: string,
): Promise<readonly UserId[]> {
  const { results } = await directory
    .prepare('SELECT user_id FROM identities WHERE issuer = ?1 AND subject = ?2')
    .bind(issuer, subject)
    .all<{ user_id: UserId }>()
  return results.map(({ user_id }) => user_id)
}

export async function findUserRow(directory: D1Database, id: string): Promise<UserRow | null> {
  return directory.prepare('SELECT * FROM users WHERE id = ?1').bind(id).first<UserRow>()
}

/** In the same statement it is noted that the user's object is still to be told. */
export async function markDisabled(
  directory: D1Database,
  id: UserId,
  now: EpochSeconds,
): Promise<boolean> {
  const { meta } = await directory
    .prepare(
      `UPDATE users SET status = 'disabled', is_disable_pending = 1, updated_at = ?2 WHERE id = ?1`,
    )
    .bind(id, now)
    .run()
  return meta.changes > 0
}

export async function markDisableConfirmed(directory: D1Database, id: UserId): Promise<boolean> {
  const { meta } = await directory
    .prepare(`UPDATE users SET is_disable_pending = 0 WHERE id = ?1 AND status = 'disabled'`)
    .bind(id)
    .run()
  return meta.changes > 0
}

export async function markEnabled(
  directory: D1Database,
  id: UserId,
  now: EpochSeconds,
): Promise<boolean> {
  const { meta } = await directory
    .prepare(
      `UPDATE users SET status = 'active', updated_at = ?2 WHERE id = ?1 AND is_disable_pending = 0`,
    )
    .bind(id, now)
    .run()
  return meta.changes > 0
}

/** The user and how they are known: last of a batch that removes what else is theirs. */
export const userRemovals = (directory: D1Database, id: UserId): D1PreparedStatement[] => [
  directory.prepare('DELETE FROM identities WHERE user_id = ?1').bind(id),
  directory.prepare('DELETE FROM users WHERE id = ?1').bind(id),
]

/** As a condition in an insertion: there is such a user. */
export const isUserSql = (id: string): string => `EXISTS (SELECT 1 FROM users WHERE id = ${id})`

/** Somebody whom no provider knows. Fails where the address is a verified one of somebody else. */
export const localUserInsertion = (
  directory: D1Database,
  id: UserId,
  { name, email, emailVerified, picture, details }: ProfileClaims,
  now: EpochSeconds,
): D1PreparedStatement =>
  directory
    .prepare(
      `INSERT INTO users (id, name, email, email_key, email_verified, picture, details, created_at, updated_at, profile_updated_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?8)`,
    )
    .bind(
      id,
      name ?? null,
      email?.text ?? null,
      email?.key ?? null,
      emailVerified ? 1 : 0,
      picture ?? null,
      detailsToJson(details),
      now,
    )

/** The provider's word on an address counts beyond its own people: it is authoritative for the domain. */
const isProven = ({ email, emailVerified }: ProfileClaims, provider: Voucher) =>
  emailVerified && email !== undefined && provider.authoritativeEmailDomains.includes(email.domain)

/** The address is verified and nobody else holds it so. ?2: key, ?3: verified by this provider. */
const mayHoldVerified = (id: string) => `?3 = 1 AND NOT EXISTS
  (SELECT 1 FROM users other WHERE other.email_key = ?2 AND other.email_verified = 1 AND other.id <> ${id})`
const MAY_HOLD_VERIFIED = mayHoldVerified('?1')
const MAY_STILL_HOLD_VERIFIED = mayHoldVerified('users.id')

/** What is said now takes the place of what was said before; what is not said stays. ?9: as `detailsToJson`. */
const DETAILS_AFTER = `json_patch(details, ?9)`

/** Whose an identity is. ?1: issuer, ?2: subject. */
export const HOLDER_SQL = `FROM identities JOIN users ON users.id = identities.user_id
  WHERE identities.issuer = ?1 AND identities.subject = ?2`

/**
 * Whom an identity opens the account of, in one transaction: who is known by it, or the proven holder of its
 * address, to whom it is linked, or else somebody new, under `newId`. Undefined when it may be neither linked nor
 * new: the address is a verified one of another account, the provider is one that links, and some condition for
 * linking does not hold. The account is brought in step with what the provider says now, unless it is
 * disabled; a claim that is not there changes nothing. `more` is done in the same transaction, once they are there.
 */
export async function admitIdentity(
  directory: D1Database,
  { issuer, subject, provider, now }: SignInIdentity,
  profile: ProfileClaims,
  newId: UserId,
  more: readonly D1PreparedStatement[],
): Promise<{ readonly row: UserRow; readonly isLinked: boolean } | undefined> {
  const { email, emailVerified, name, picture, details } = profile
  const isProvenHere = isProven(profile, provider)
  const results = await directory.batch<UserRow>([
    directory
      .prepare(
        // Never a second subject of one provider: that is another person, whatever the address says.
        `INSERT INTO identities (issuer, subject, user_id, provider_id, created_at, last_sign_in_at)
         SELECT ?1, ?2, holder.id, ?3, ?4, ?4 FROM users holder
         WHERE ?6 = 1 AND holder.email_key = ?5 AND holder.email_is_proven = 1 AND holder.status = 'active'
           AND NOT EXISTS (SELECT 1 FROM identities WHERE issuer = ?1 AND user_id = holder.id)
         ON CONFLICT DO NOTHING`,
      )
      .bind(
        issuer,
        subject,
        provider.id,
        now,
        email?.key ?? null,
        provider.linkByVerifiedEmail && isProvenHere ? 1 : 0,
      ),
    directory
      .prepare(
        `INSERT INTO identities (issuer, subject, user_id, provider_id, created_at, last_sign_in_at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?5
         WHERE NOT (?7 = 1 AND EXISTS (SELECT 1 FROM users WHERE email_key = ?6 AND email_verified = 1))
         ON CONFLICT DO NOTHING`,
      )
      .bind(
        issuer,
        subject,
        newId,
        provider.id,
        now,
        email?.key ?? null,
        provider.linkByVerifiedEmail ? 1 : 0,
      ),
    directory
      .prepare(
        `INSERT INTO users
           (id, email_key, email_verified, email_is_proven, name, picture, email, created_at, updated_at,
            last_sign_in_at, details, profile_updated_at)
         SELECT ?1, ?2, ${MAY_HOLD_VERIFIED}, ?4 = 1 AND ${MAY_HOLD_VERIFIED}, ?5, ?6, ?7, ?8, ?8, ?8, ?9, ?8
         WHERE EXISTS (SELECT 1 FROM identities WHERE user_id = ?1)`,
      )
      .bind(
        newId,
        email?.key ?? null,
        emailVerified ? 1 : 0,
        isProvenHere ? 1 : 0,
        name ?? null,
        picture ?? null,
        email?.text ?? null,
        now,
        detailsToJson(details),
      ),
    directory
      .prepare(
        `UPDATE users SET
           name = COALESCE(?5, name),
           picture = COALESCE(?6, picture),
           email = COALESCE(?7, email),
           email_key = COALESCE(?2, email_key),
           email_verified = CASE
             WHEN ?2 IS NULL THEN email_verified
             WHEN ${MAY_STILL_HOLD_VERIFIED} THEN 1 ELSE 0 END,
           email_is_proven = CASE
             WHEN ?2 IS NULL THEN email_is_proven
             WHEN (?4 = 1 OR (email_is_proven = 1 AND email_key = ?2)) AND ${MAY_STILL_HOLD_VERIFIED} THEN 1 ELSE 0 END,
           details = ${DETAILS_AFTER},
           profile_updated_at = CASE
             WHEN (name, picture, email, details)
               IS NOT (COALESCE(?5, name), COALESCE(?6, picture), COALESCE(?7, email), ${DETAILS_AFTER})
               OR (?2 IS NOT NULL AND email_verified <> ${MAY_STILL_HOLD_VERIFIED}) THEN ?8
             ELSE profile_updated_at END,
           updated_at = ?8,
           last_sign_in_at = ?8
         WHERE id = (SELECT user_id FROM identities WHERE issuer = ?10 AND subject = ?11)
           AND id <> ?1 AND status = 'active'`,
      )
      .bind(
        newId,
        email?.key ?? null,
        emailVerified ? 1 : 0,
        isProvenHere ? 1 : 0,
        name ?? null,
        picture ?? null,
        email?.text ?? null,
        now,
        detailsToJson(details),
        issuer,
        subject,
      ),
    directory
      .prepare(
        // The provider may have another id by now: what is cut off by its id has to find its people.
        `UPDATE identities SET last_sign_in_at = ?3, provider_id = ?5 WHERE issuer = ?1 AND subject = ?2
           AND EXISTS (SELECT 1 FROM users WHERE id = user_id AND status = 'active' AND id <> ?4)`,
      )
      .bind(issuer, subject, now, newId, provider.id),
    ...more,
    directory.prepare(`SELECT users.* ${HOLDER_SQL}`).bind(issuer, subject),
  ])
  const row = results.at(-1)?.results[0]
  return row && { row, isLinked: results[0]?.meta.changes === 1 }
}

/**
 * An identity that nobody has becomes this user's, who is active and has no other one of that provider. Where
 * `condition` fails, nothing does.
 */
export async function attachIdentity(
  directory: D1Database,
  {
    issuer,
    subject,
    provider,
    now,
  }: Pick<SignInIdentity, 'issuer' | 'subject' | 'provider' | 'now'>,
  userId: UserId,
  condition: D1PreparedStatement,
): Promise<void> {
  await directory.batch([
    condition,
    directory
      .prepare(
        `INSERT INTO identities (issuer, subject, user_id, provider_id, created_at, last_sign_in_at)
         SELECT ?1, ?2, id, ?4, ?5, ?5 FROM users
         WHERE id = ?3 AND status = 'active'
           AND NOT EXISTS (SELECT 1 FROM identities WHERE issuer = ?1 AND user_id = ?3)
         ON CONFLICT DO NOTHING`,
      )
      .bind(issuer, subject, userId, provider.id, now),
  ])
}

export interface UserRow {
  readonly id: string
  readonly status: UserStatus
  readonly name: string | null
  readonly email: string | null
  readonly email_verified: number
  readonly picture: string | null
  readonly details: string
  readonly profile_updated_at: number | null
  readonly created_at: number
}

export const userFromRow = (row: UserRow): User => ({
  id: row.id as UserId,
  status: row.status,
  name: row.name ?? undefined,
  email: row.email ?? undefined,
  emailVerified: row.email_verified === 1,
  picture: row.picture ?? undefined,
  details: detailsFromJson(row.details),
  profileUpdatedAt: row.profile_updated_at ?? undefined,
  createdAt: row.created_at,
})

/** How these rows follow what sites push; pushed-user.ts says what stands for the numbers. */
export const PUSHED_USER_SQL = {
  update: `UPDATE users SET name = ?3, email = ?4, email_key = ?5, picture = ?6, details = ?7,
      updated_at = ?2
    WHERE id = ?1 AND email_verified = 0 AND last_sign_in_at IS NULL`,
  identityInsertion: `INSERT INTO identities
      (issuer, subject, user_id, provider_id, created_at, last_sign_in_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?5)`,
  identityMove: 'UPDATE identities SET user_id = ?3 WHERE issuer = ?1 AND subject = ?2',
  identityRemoval: 'DELETE FROM identities WHERE issuer = ?1 AND subject = ?2',
  otherIdentity: 'SELECT 1 FROM identities WHERE user_id = ?1 AND provider_id <> ?2 LIMIT 1',
  removal: `DELETE FROM users WHERE id = ?1
    AND NOT EXISTS (SELECT 1 FROM identities WHERE user_id = ?1)`,
} as const
