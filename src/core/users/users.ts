/**
 * People: who they are to us, and how they are known to identity providers. Owns the tables `users` and
 * `identities` (migrations/0001_directory.sql). The sign-in feature asks here whose
 * account a verified identity opens; `core/sessions` then opens the session.
 *
 * The account is a function of (issuer, subject). An e-mail address decides nothing, with one exception: a
 * *first* sign-in may be linked to an existing account when the provider is configured for it and both
 * sides have the address verified by a provider that is authoritative for its domain. One that is not could
 * otherwise claim somebody's address first and have the rightful owner led into the claimant's account.
 */
import type { IdentityProviderConfig } from '../../config.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { randomId } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { UserId } from '../sessions/session.ts'
import { parseProfileClaims } from './profile-claims.ts'
import type { ProfileClaims } from './profile-claims.ts'
import {
  findUsersByUpstreamSession,
  forgetUpstreamSessions,
  indexUpstreamSession,
} from './upstream-sessions.ts'
import type { SignInIdentity, User, Users, UserStatus } from './user.ts'

export function createUsers(directory: D1Database): Users {
  return {
    async signIn(identity) {
      const profile = parseProfileClaims(identity.claims)
      if (!isEmailDomainAllowed(profile, identity.provider))
        return refuse('email_domain_not_allowed')
      try {
        const known = await update(directory, identity, profile)
        if (known !== undefined) return admitted(known, false)
        const newId = randomId() as UserId
        const row = await linkOrCreate(directory, identity, profile, newId)
        if (row === undefined) return refuse('link_conflict')
        if (row.id === newId) return admitted(row, true)
        // Linked, or created by a first sign-in that ran beside this one.
        return admitted((await update(directory, identity, profile)) ?? row, false)
      } catch (thrown) {
        log('error', { event: 'directory.failed', error: describeThrown(thrown) })
        return refuse('unavailable')
      }
    },

    async find(id) {
      const row = await directory
        .prepare('SELECT * FROM users WHERE id = ?1')
        .bind(id)
        .first<UserRow>()
      return row === null ? undefined : fromRow(row)
    },

    async disable(id, now) {
      const { meta } = await directory
        .prepare(
          `UPDATE users SET status = 'disabled', is_disable_pending = 1, updated_at = ?2 WHERE id = ?1`,
        )
        .bind(id, now)
        .run()
      return meta.changes > 0
    },

    async confirmDisabled(id) {
      const confirmed = directory.prepare('UPDATE users SET is_disable_pending = 0 WHERE id = ?1')
      await confirmed.bind(id).run()
    },

    async enable(id, now) {
      const { meta } = await directory
        .prepare(
          `UPDATE users SET status = 'active', updated_at = ?2 WHERE id = ?1 AND is_disable_pending = 0`,
        )
        .bind(id, now)
        .run()
      return meta.changes > 0
    },

    forgetUpstreamSessions: (now) => forgetUpstreamSessions(directory, now),

    indexUpstreamSession: (session) => indexUpstreamSession(directory, session),

    async findSignedOut({ issuer, subject, upstreamSid, now }) {
      try {
        if (subject !== undefined) return ok(await findUserByIdentity(directory, issuer, subject))
        if (upstreamSid === undefined) return ok([])
        return ok(await findUsersByUpstreamSession(directory, { issuer, upstreamSid, now }))
      } catch (thrown) {
        log('error', { event: 'directory.failed', error: describeThrown(thrown) })
        return refuse('unavailable')
      }
    },
  }
}

async function findUserByIdentity(
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

const admitted = (row: UserRow, isNew: boolean) => {
  const user = fromRow(row)
  return user.status === 'disabled' ? refuse('account_disabled') : ok({ user, isNew })
}

/** The provider's word on an address counts beyond its own people: it is authoritative for the domain. */
const isProven = ({ email, emailVerified }: ProfileClaims, provider: IdentityProviderConfig) =>
  emailVerified && email !== undefined && provider.authoritativeEmailDomains.includes(email.domain)

const isEmailDomainAllowed = (
  { email, emailVerified }: ProfileClaims,
  provider: IdentityProviderConfig,
) =>
  provider.allowedEmailDomains.length === 0 ||
  (emailVerified && email !== undefined && provider.allowedEmailDomains.includes(email.domain))

/** The address is verified and nobody else holds it so. ?1: user id, ?2: key, ?3: verified by this provider. */
const MAY_HOLD_VERIFIED = `?3 = 1 AND NOT EXISTS
  (SELECT 1 FROM users other WHERE other.email_key = ?2 AND other.email_verified = 1 AND other.id <> ?1)`

/**
 * Brings the user behind a known identity in step with what the provider says now, unless disabled, and
 * reads it back. A claim that is not there changes nothing.
 */
async function update(
  directory: D1Database,
  { issuer, subject, provider, now }: SignInIdentity,
  profile: ProfileClaims,
): Promise<UserRow | undefined> {
  const read = directory
    .prepare(
      `SELECT users.* FROM identities JOIN users ON users.id = identities.user_id
       WHERE identities.issuer = ?1 AND identities.subject = ?2`,
    )
    .bind(issuer, subject)
  const known = await read.first<UserRow>()
  if (known === null || known.status === 'disabled') return known ?? undefined
  const { email, emailVerified, name, picture } = profile
  const [, , after] = await directory.batch<UserRow>([
    directory
      .prepare(
        `UPDATE users SET
           name = COALESCE(?5, name),
           picture = COALESCE(?6, picture),
           email = COALESCE(?7, email),
           email_key = COALESCE(?2, email_key),
           email_verified = CASE
             WHEN ?2 IS NULL THEN email_verified
             WHEN ${MAY_HOLD_VERIFIED} THEN 1 ELSE 0 END,
           email_is_proven = CASE
             WHEN ?2 IS NULL THEN email_is_proven
             WHEN (?4 = 1 OR (email_is_proven = 1 AND email_key = ?2)) AND ${MAY_HOLD_VERIFIED} THEN 1 ELSE 0 END,
           updated_at = ?8,
           last_sign_in_at = ?8
         WHERE id = ?1 AND status = 'active'`,
      )
      .bind(
        known.id,
        email?.key ?? null,
        emailVerified ? 1 : 0,
        isProven(profile, provider) ? 1 : 0,
        name ?? null,
        picture ?? null,
        email?.text ?? null,
        now,
      ),
    directory
      .prepare('UPDATE identities SET last_sign_in_at = ?3 WHERE issuer = ?1 AND subject = ?2')
      .bind(issuer, subject, now),
    read,
  ])
  return after?.results[0]
}

/**
 * The first sign-in of an identity, in one transaction: linked to the proven holder of its address, or
 * given an account of its own under `newId`. Undefined when neither may be: the address is a verified one
 * of another account, the provider is one that links, and some condition for linking does not hold.
 */
async function linkOrCreate(
  directory: D1Database,
  { issuer, subject, provider, now }: SignInIdentity,
  profile: ProfileClaims,
  newId: UserId,
): Promise<UserRow | undefined> {
  const { email, emailVerified, name, picture } = profile
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
           (id, email_key, email_verified, email_is_proven, name, picture, email, created_at, updated_at, last_sign_in_at)
         SELECT ?1, ?2, ${MAY_HOLD_VERIFIED}, ?4 = 1 AND ${MAY_HOLD_VERIFIED}, ?5, ?6, ?7, ?8, ?8, ?8
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
      ),
    directory
      .prepare(
        `SELECT users.* FROM identities JOIN users ON users.id = identities.user_id
         WHERE identities.issuer = ?1 AND identities.subject = ?2`,
      )
      .bind(issuer, subject),
  ])
  return results[3]?.results[0]
}

interface UserRow {
  readonly id: string
  readonly status: UserStatus
  readonly name: string | null
  readonly email: string | null
  readonly email_verified: number
  readonly picture: string | null
  readonly created_at: number
}

const fromRow = (row: UserRow): User => ({
  id: row.id as UserId,
  status: row.status,
  name: row.name ?? undefined,
  email: row.email ?? undefined,
  emailVerified: row.email_verified === 1,
  picture: row.picture ?? undefined,
  createdAt: row.created_at,
})

/** How the rows of this file follow what sites push; pushed-user.ts says what stands for the numbers. */
export const PUSHED_USER_SQL = {
  userInsertion: `INSERT INTO users (id, name, email, email_key, picture, created_at, updated_at)
    VALUES (?1, ?3, ?4, ?5, ?6, ?2, ?2)`,
  userUpdate: `UPDATE users SET name = ?3, email = ?4, email_key = ?5, picture = ?6, updated_at = ?2
    WHERE id = ?1 AND email_verified = 0 AND last_sign_in_at IS NULL`,
  identityInsertion: `INSERT INTO identities
      (issuer, subject, user_id, provider_id, created_at, last_sign_in_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?5)`,
  identityMove: 'UPDATE identities SET user_id = ?3 WHERE issuer = ?1 AND subject = ?2',
  identityRemoval: 'DELETE FROM identities WHERE issuer = ?1 AND subject = ?2',
  userRemoval: `DELETE FROM users WHERE id = ?1
    AND NOT EXISTS (SELECT 1 FROM identities WHERE user_id = ?1)`,
} as const
