/**
 * The index of shared sessions: which session of which user's object a token stands for, and what the site
 * has noted with it. Owns the table `site_sessions` (migrations/0011_shared_sessions.sql). Whether a session
 * lives, its user's object says.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { SessionId, UserId } from '../sessions/session.ts'
import { listPage } from './list-page.ts'
import type { Listed, PageOf } from './site-user.ts'

export interface SiteSession {
  readonly identityToken: string
  /** SHA-256 of the session's token, base64url. */
  readonly tokenHash: string
  readonly sealedToken: string
  readonly company: string
  /** The site that started it. */
  readonly applicationId: string
  readonly userToken: string
  readonly userId: UserId
  readonly sid: SessionId
  readonly topRealm: string | undefined
  readonly subRealm: string | undefined
  /** Whatever JSON the site has given. */
  readonly data: unknown
  /** How many browsers have it. */
  readonly cookieCount: number
  readonly createdAt: EpochSeconds
  readonly updatedAt: EpochSeconds
  readonly expiresAt: EpochSeconds
}

export type NewSiteSession = Omit<SiteSession, 'cookieCount' | 'createdAt' | 'updatedAt'>

/** Throws where the directory does not answer. */
export interface SiteSessions {
  /** Puts a session in the place of the identity's earlier one, and answers that one, to whoever took its place. */
  put(session: NewSiteSession, now: EpochSeconds): Promise<SiteSession | undefined>
  findByToken(
    company: string,
    tokenHash: string,
    now: EpochSeconds,
  ): Promise<SiteSession | undefined>
  findByIdentity(
    company: string,
    identityToken: string,
    now: EpochSeconds,
  ): Promise<SiteSession | undefined>
  /** Forgets these rows, unless another session has taken the place meanwhile. */
  forget(sessions: readonly SiteSession[]): Promise<void>
  list(company: string, page: PageOf, now: EpochSeconds): Promise<Listed<SiteSession>>
  ofUser(userToken: string): Promise<readonly SiteSession[]>
  countCookie(session: SiteSession, now: EpochSeconds): Promise<void>
  forgetExpired(now: EpochSeconds): Promise<void>
}

/** The statement that removes a user's, with what sites have noted in them. */
export const siteSessionRemoval = (directory: D1Database, id: UserId): D1PreparedStatement =>
  directory.prepare('DELETE FROM site_sessions WHERE user_id = ?1').bind(id)

export function createSiteSessions(directory: D1Database): SiteSessions {
  const findOne = async (condition: string, ...values: readonly (string | number)[]) => {
    const row = await directory
      .prepare(
        `SELECT * FROM site_sessions WHERE company = ?1 AND expires_at > ?2 AND ${condition}`,
      )
      .bind(...values)
      .first<Row>()
    return row === null ? undefined : fromRow(row)
  }

  return {
    async put(session, now) {
      const [before] = await directory.batch<Row>([
        directory
          .prepare('SELECT * FROM site_sessions WHERE identity_token = ?1')
          .bind(session.identityToken),
        directory
          .prepare(
            `INSERT OR REPLACE INTO site_sessions (identity_token, token_hash, sealed_token, company, application_id,
               user_token, user_id, sid, top_realm, sub_realm, data, created_at, updated_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13)`,
          )
          .bind(
            session.identityToken,
            session.tokenHash,
            session.sealedToken,
            session.company,
            session.applicationId,
            session.userToken,
            session.userId,
            session.sid,
            session.topRealm ?? null,
            session.subRealm ?? null,
            session.data === undefined ? null : JSON.stringify(session.data),
            now,
            session.expiresAt,
          ),
      ])
      const row = before?.results[0]
      return row && fromRow(row)
    },

    findByToken: (company, tokenHash, now) => findOne('token_hash = ?3', company, now, tokenHash),

    findByIdentity: (company, identityToken, now) =>
      findOne('identity_token = ?3', company, now, identityToken),

    async forget(sessions) {
      if (sessions.length === 0) return
      const removal = directory.prepare(
        'DELETE FROM site_sessions WHERE identity_token = ?1 AND sid = ?2',
      )
      await directory.batch(
        sessions.map(({ identityToken, sid }) => removal.bind(identityToken, sid)),
      )
    },

    list(company, page, now) {
      const from = 'site_sessions WHERE company = ?1 AND expires_at > ?2'
      const what = { from, values: [company, now], key: 'identity_token' }
      return listPage(directory, what, page, fromRow)
    },

    async ofUser(userToken) {
      const { results } = await directory
        .prepare('SELECT * FROM site_sessions WHERE user_token = ?1')
        .bind(userToken)
        .all<Row>()
      return results.map(fromRow)
    },

    async countCookie({ identityToken, sid }, now) {
      await directory
        .prepare(
          `UPDATE site_sessions SET cookie_count = cookie_count + 1, updated_at = ?3
           WHERE identity_token = ?1 AND sid = ?2`,
        )
        .bind(identityToken, sid, now)
        .run()
    },

    async forgetExpired(now) {
      await directory.prepare('DELETE FROM site_sessions WHERE expires_at <= ?1').bind(now).run()
    },
  }
}

interface Row {
  readonly identity_token: string
  readonly token_hash: string
  readonly sealed_token: string
  readonly company: string
  readonly application_id: string
  readonly user_token: string
  readonly user_id: string
  readonly sid: string
  readonly top_realm: string | null
  readonly sub_realm: string | null
  readonly data: string | null
  readonly cookie_count: number
  readonly created_at: number
  readonly updated_at: number
  readonly expires_at: number
}

const fromRow = (row: Row): SiteSession => ({
  identityToken: row.identity_token,
  tokenHash: row.token_hash,
  sealedToken: row.sealed_token,
  company: row.company,
  applicationId: row.application_id,
  userToken: row.user_token,
  userId: row.user_id as UserId,
  sid: row.sid as SessionId,
  topRealm: row.top_realm ?? undefined,
  subRealm: row.sub_realm ?? undefined,
  data: row.data === null ? undefined : (JSON.parse(row.data) as unknown),
  cookieCount: row.cookie_count,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  expiresAt: row.expires_at,
})
