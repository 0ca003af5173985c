/** The tables `site_users` and `site_user_numbers` (migrations/0011_shared_sessions.sql). */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { UserId } from '../sessions/session.ts'
import { listPage } from './list-page.ts'
import type { PageOf, SiteUser, UserCriteria, UserFilter } from './site-user.ts'
import { isUserSql } from './users-table.ts'

/** What numbers that were made up begin above, as OneAll's do. */
const FIRST_NUMBER = 100_000_001

/** By each of them somebody is found through an index of its own, if nothing else stands in the condition. */
const CRITERIA = [
  ['userToken', 'user_token'],
  ['externalId', 'external_id'],
  ['login', 'login'],
  ['userId', 'user_id'],
] as const

const PASSES = `company = ?1 AND is_leaving = 0
  AND (?2 IS NULL OR created_at > ?2) AND (?3 IS NULL OR created_at < ?3)
  AND (?4 IS NULL OR last_login_at > ?4) AND (?5 IS NULL OR last_login_at < ?5)`

export interface NewSiteUser {
  readonly userToken: string
  readonly company: string
  readonly userId: UserId
  readonly externalId: string
  readonly login: string | undefined
  readonly passwordHash: string | undefined
}

/** The statement that removes a user from all companies; the identities that were told there go with them. */
export const siteUserRemoval = (directory: D1Database, id: UserId): D1PreparedStatement =>
  directory.prepare('DELETE FROM site_users WHERE user_id = ?1').bind(id)

/** Changes nothing; of who is removed, or is being removed, it fails with `isLeaving`, and with it all of its batch. */
export const stayingSiteUser = (directory: D1Database, userToken: string): D1PreparedStatement =>
  directory
    .prepare(
      `INSERT INTO site_users (user_token) SELECT ?1
       WHERE NOT EXISTS (SELECT 1 FROM site_users WHERE user_token = ?1 AND is_leaving = 0)`,
    )
    .bind(userToken)

export const createSiteUsersTable = (directory: D1Database) => {
  const findOne = async (company: string, isLeaving: boolean, by: UserCriteria) => {
    const given = CRITERIA.filter(([name]) => by[name] !== undefined)
    if (given.length === 0) return undefined
    const matches = given.map(([, column]) => ` AND ${column} = ?`).join('')
    const row = await directory
      .prepare(`SELECT * FROM site_users WHERE company = ? AND is_leaving = ?${matches}`)
      .bind(company, isLeaving ? 1 : 0, ...given.map(([name]) => by[name]))
      .first<Row>()
    return row === null ? undefined : fromRow(row)
  }

  return {
    find: (company: string, by: UserCriteria) => findOne(company, false, by),
    async ofAllCompanies(userId: UserId): Promise<readonly SiteUser[]> {
      const { results } = await directory
        .prepare('SELECT * FROM site_users WHERE user_id = ?1 ORDER BY company')
        .bind(userId)
        .all<Row>()
      return results.map(fromRow)
    },
    findLeaving: (company: string, userToken: string) => findOne(company, true, { userToken }),

    listLeaving: async (limit: number): Promise<readonly SiteUser[]> => {
      const { results } = await directory
        .prepare(
          // In another order each time: those whose objects never answer keep nobody waiting for good.
          'SELECT * FROM site_users WHERE is_leaving = 1 ORDER BY random() LIMIT ?1',
        )
        .bind(limit)
        .all<Row>()
      return results.map(fromRow)
    },

    /**
     * An external id for who brings none: the next of the company's numbers. With every number that was taken the
     * stride to the one after it grows, so that a run that sites have brought themselves is soon behind us.
     */
    async nextNumber(company: string, taken: number): Promise<string> {
      const row = await directory
        .prepare(
          `INSERT INTO site_user_numbers (company, last) VALUES (?1, ?2)
           ON CONFLICT (company) DO UPDATE SET last = last + ?3 RETURNING last`,
        )
        .bind(company, FIRST_NUMBER, 100 ** taken)
        .first<{ last: number }>()
      return String(row?.last)
    },

    /** Of somebody who has just been erased it inserts nothing, and what follows in its batch fails. */
    insertion: (user: NewSiteUser, now: EpochSeconds): D1PreparedStatement =>
      directory
        .prepare(
          `INSERT INTO site_users
             (user_token, company, user_id, external_id, login, password_hash, created_at, updated_at)
           SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7 WHERE ${isUserSql('?3')}`,
        )
        .bind(
          user.userToken,
          user.company,
          user.userId,
          user.externalId,
          user.login ?? null,
          user.passwordHash ?? null,
          now,
        ),

    /** The user as `insertion` leaves them. */
    inserted: ({ passwordHash, ...user }: NewSiteUser, now: EpochSeconds): SiteUser => ({
      ...user,
      hasPassword: passwordHash !== undefined,
      loginCount: 0,
      lastLoginAt: undefined,
      createdAt: now,
      updatedAt: now,
    }),

    /**
     * `undefined` leaves a column as it is. A new password begins with no wrong guesses. Of who is leaving it fails
     * with `isLeaving`, and with it all of its batch: what is written of them now would stay.
     */
    update: (
      userToken: string,
      change: {
        readonly externalId?: string | undefined
        readonly login?: string | null | undefined
        readonly passwordHash?: string | undefined
      },
      now: EpochSeconds,
    ): D1PreparedStatement =>
      directory
        .prepare(
          `UPDATE site_users SET external_id = iif(is_leaving = 0, COALESCE(?2, external_id), NULL),
             login = iif(?3, ?4, login), password_hash = COALESCE(?5, password_hash),
             wrong_passwords = iif(?5 IS NULL, wrong_passwords, 0),
             blocked_until = iif(?5 IS NULL, blocked_until, 0), updated_at = ?6
           WHERE user_token = ?1`,
        )
        .bind(
          userToken,
          change.externalId ?? null,
          change.login === undefined ? 0 : 1,
          change.login ?? null,
          change.passwordHash ?? null,
          now,
        ),

    async password(userToken: string) {
      const row = await directory
        .prepare('SELECT password_hash, blocked_until FROM site_users WHERE user_token = ?1')
        .bind(userToken)
        .first<{ password_hash: string | null; blocked_until: number }>()
      return { hash: row?.password_hash ?? undefined, blockedUntil: row?.blocked_until ?? 0 }
    },

    /**
     * Counts a guess before it is looked at, so that guesses beside each other all count. False when none may
     * be made now.
     */
    async countGuess(
      userToken: string,
      { most, blockSeconds, now }: { most: number; blockSeconds: number; now: EpochSeconds },
    ): Promise<boolean> {
      const { meta } = await directory
        .prepare(
          `UPDATE site_users SET
             wrong_passwords = iif(wrong_passwords + 1 >= ?2, 0, wrong_passwords + 1),
             blocked_until = iif(wrong_passwords + 1 >= ?2, ?4 + ?3, blocked_until)
           WHERE user_token = ?1 AND blocked_until <= ?4`,
        )
        .bind(userToken, most, blockSeconds, now)
        .run()
      return meta.changes > 0
    },

    async forgetGuesses(userToken: string): Promise<void> {
      await directory
        .prepare(
          'UPDATE site_users SET wrong_passwords = 0, blocked_until = 0 WHERE user_token = ?1',
        )
        .bind(userToken)
        .run()
    },

    async noteLogin(userToken: string, now: EpochSeconds): Promise<void> {
      await directory
        .prepare(
          'UPDATE site_users SET login_count = login_count + 1, last_login_at = ?2 WHERE user_token = ?1',
        )
        .bind(userToken, now)
        .run()
    },

    list(company: string, page: PageOf, filter: UserFilter) {
      const bounds = [
        filter.createdAfter ?? null,
        filter.createdBefore ?? null,
        filter.loginAfter ?? null,
        filter.loginBefore ?? null,
      ]
      const passing = { from: `site_users WHERE ${PASSES}`, values: [company, ...bounds] }
      return listPage(directory, { ...passing, key: 'user_token' }, page, fromRow)
    },

    /** Whether another company knows this user too. */
    async isOfOthers(userId: string, company: string): Promise<boolean> {
      const row = await directory
        .prepare('SELECT 1 FROM site_users WHERE user_id = ?1 AND company <> ?2 LIMIT 1')
        .bind(userId, company)
        .first()
      return row !== null
    },

    async leave(userToken: string): Promise<void> {
      await directory
        .prepare('UPDATE site_users SET is_leaving = 1 WHERE user_token = ?1')
        .bind(userToken)
        .run()
    },

    /** Only who has left; the identities go with it. */
    removal: (userToken: string): D1PreparedStatement =>
      directory
        .prepare('DELETE FROM site_users WHERE user_token = ?1 AND is_leaving = 1')
        .bind(userToken),
  }
}

/** Whether a batch failed for a user who is being removed. */
export const isLeaving = (thrown: unknown): boolean =>
  /NOT NULL constraint failed: site_users\./.test(String(thrown))

interface Row {
  readonly user_token: string
  readonly company: string
  readonly user_id: string
  readonly external_id: string
  readonly login: string | null
  readonly password_hash: string | null
  readonly login_count: number
  readonly last_login_at: number | null
  readonly created_at: number
  readonly updated_at: number
}

const fromRow = (row: Row): SiteUser => ({
  userToken: row.user_token,
  company: row.company,
  userId: row.user_id as UserId,
  externalId: row.external_id,
  login: row.login ?? undefined,
  hasPassword: row.password_hash !== null,
  loginCount: row.login_count,
  lastLoginAt: row.last_login_at ?? undefined,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})
