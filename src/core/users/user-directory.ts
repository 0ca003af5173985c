/**
 * The directory as operators read it: the views `user_directory` and `identity_directory`. Nothing is
 * written here. A page is in order of the user's id, or of the address where its beginning is what is searched
 * for, and goes on after the last user of the page before.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { UserId } from '../sessions/session.ts'
import type { UserStatus } from './user.ts'

export interface ListedUser {
  readonly id: UserId
  readonly status: UserStatus
  readonly name: string | null
  readonly email: string | null
  readonly emailVerified: boolean
  readonly createdAt: EpochSeconds
  readonly lastSignInAt: EpochSeconds | null
  /** Disabled in the directory; the user's object has not confirmed it yet. */
  readonly isDisablePending: boolean
}

export interface ListedIdentity {
  readonly issuer: string
  readonly subject: string
  readonly providerId: string
  readonly createdAt: EpochSeconds
  readonly lastSignInAt: EpochSeconds
}

/** Members that are not there restrict nothing. */
export interface UserSearch {
  readonly id?: string
  /** The beginning of the address as it is compared (ASCII lower case). */
  readonly emailPrefix?: string
  readonly identity?: { readonly issuer: string; readonly subject: string }
}

/** Whose sessions a cut-off concerns. */
export type UsersOf = { readonly providerId?: string }

export interface UserDirectory {
  find(id: string): Promise<ListedUser | undefined>
  identitiesOf(id: string): Promise<readonly ListedIdentity[]>
  /** `after`: the id of the last user of the page before; '' for the first page. */
  search(search: UserSearch, after: string, limit: number): Promise<readonly ListedUser[]>
  /** Ids of all users, or of those known to one provider. */
  ids(of: UsersOf, after: string, limit: number): Promise<readonly UserId[]>
  count(of: UsersOf): Promise<number>
  hasProvider(providerId: string): Promise<boolean>
  /** Users whose disabling their object has not confirmed. */
  pendingDisables(limit: number): Promise<readonly UserId[]>
}

const COLUMNS = `id, status, name, email, email_verified, created_at, last_sign_in_at, is_disable_pending`

/** Greater than every text that begins with the one before it. */
const HIGHEST = '\u{10ffff}'

/** ?1: provider id, or null for everyone. */
const CONCERNED = `(?1 IS NULL OR EXISTS
  (SELECT 1 FROM identity_directory WHERE user_id = id AND provider_id = ?1))`

export function createUserDirectory(directory: D1Database): UserDirectory {
  const idsOf = ({ results }: D1Result<{ id: UserId }>) => results.map(({ id }) => id)
  return {
    async find(id) {
      const row = await directory
        .prepare(`SELECT ${COLUMNS} FROM user_directory WHERE id = ?1`)
        .bind(id)
        .first<UserRow>()
      return row === null ? undefined : fromRow(row)
    },

    async identitiesOf(id) {
      const { results } = await directory
        .prepare(
          `SELECT issuer, subject, provider_id AS providerId, created_at AS createdAt,
             last_sign_in_at AS lastSignInAt
           FROM identity_directory WHERE user_id = ?1 ORDER BY issuer, subject LIMIT 100`,
        )
        .bind(id)
        .all<ListedIdentity>()
      return results
    },

    async search(search, after, limit) {
      const { conditions, values, order } = planOf(search, after)
      const { results } = await directory
        .prepare(
          `SELECT ${COLUMNS} FROM user_directory
           WHERE ${conditions.join(' AND ')} ORDER BY ${order} LIMIT ?`,
        )
        .bind(...values, limit)
        .all<UserRow>()
      return results.map(fromRow)
    },

    ids: async ({ providerId }, after, limit) =>
      idsOf(
        await directory
          .prepare(
            `SELECT id FROM user_directory WHERE ${CONCERNED} AND id > ?2 ORDER BY id LIMIT ?3`,
          )
          .bind(providerId ?? null, after, limit)
          .all<{ id: UserId }>(),
      ),

    async count({ providerId }) {
      const row = await directory
        .prepare(`SELECT COUNT(*) AS users FROM user_directory WHERE ${CONCERNED}`)
        .bind(providerId ?? null)
        .first<{ users: number }>()
      return row?.users ?? 0
    },

    async hasProvider(providerId) {
      const row = await directory
        .prepare('SELECT 1 FROM identity_directory WHERE provider_id = ?1 LIMIT 1')
        .bind(providerId)
        .first()
      return row !== null
    },

    pendingDisables: async (limit) =>
      idsOf(
        await directory
          .prepare(
            // In another order each time: those whose objects never answer keep nobody waiting for good.
            'SELECT id FROM user_directory WHERE is_disable_pending = 1 ORDER BY random() LIMIT ?1',
          )
          .bind(limit)
          .all<{ id: UserId }>(),
      ),
  }
}

/**
 * Only the conditions that restrict something, so that each search is led by an index and reads about as many
 * rows as it answers with, however many people there are.
 */
function planOf({ id, emailPrefix, identity }: UserSearch, after: string) {
  const conditions: string[] = []
  const values: string[] = []
  const add = (condition: string, ...bound: string[]) => {
    conditions.push(condition)
    values.push(...bound)
  }
  if (id !== undefined) add('id = ?', id)
  if (identity !== undefined) {
    const { issuer, subject } = identity
    const named = 'SELECT user_id FROM identity_directory WHERE issuer = ? AND subject = ?'
    add(`id IN (${named})`, issuer, subject)
  }
  const isByAddress = emailPrefix !== undefined && id === undefined && identity === undefined
  if (emailPrefix !== undefined) add('email_key < ?', emailPrefix + HIGHEST)
  if (!isByAddress) {
    if (emailPrefix !== undefined) add('email_key >= ?', emailPrefix)
    add('id > ?', after)
    return { conditions, values, order: 'id' }
  }
  // After somebody who is there no more, the list begins anew: rather twice than not at all.
  const last = `COALESCE((SELECT email_key FROM user_directory WHERE id = ?), '')`
  add(`email_key >= MAX(?, ${last})`, emailPrefix, after)
  add(`(email_key, id) > (${last}, ?)`, after, after)
  return { conditions, values, order: 'email_key, id' }
}

interface UserRow {
  readonly id: string
  readonly status: UserStatus
  readonly name: string | null
  readonly email: string | null
  readonly email_verified: number
  readonly created_at: number
  readonly last_sign_in_at: number | null
  readonly is_disable_pending: number
}

const fromRow = (row: UserRow): ListedUser => ({
  id: row.id as UserId,
  status: row.status,
  name: row.name,
  email: row.email,
  emailVerified: row.email_verified === 1,
  createdAt: row.created_at,
  lastSignInAt: row.last_sign_in_at,
  isDisablePending: row.is_disable_pending === 1,
})
