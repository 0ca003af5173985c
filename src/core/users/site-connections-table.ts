/**
 * How people came to a site: what the token of each connection leads to, until the site has been told, and
 * that it was, afterwards. Owns the table `site_connections` (migrations/0012_site_connections.sql). Whether
 * a token still opens anything, the grant in the user's object says.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { listPage } from './list-page.ts'
import type { Listed, PageOf } from './site-user.ts'

/** `single_sign_on`: by a session that there was; `social_login`: by an identity provider, as the site had asked. */
export type ConnectionPlugin = 'single_sign_on' | 'social_login'

export interface NewConnection {
  /** SHA-256 of the connection's token, base64url. */
  readonly tokenHash: string
  readonly applicationId: string
  /** The handle of the grant, sealed under our key. */
  readonly sealedGrant: string
  readonly plugin: ConnectionPlugin
  readonly callbackUri: string
  readonly identityToken: string
  readonly userToken: string
  readonly expiresAt: EpochSeconds
}

export interface OpenConnection extends NewConnection {
  readonly createdAt: EpochSeconds
}

/** A connection that its site was told. */
export interface SpentConnection {
  readonly token: string
  readonly callbackUri: string
  readonly createdAt: EpochSeconds
}

/** For so long sites can list what they were told. */
const LISTED_SECONDS = 30 * 86_400

/** Throws where the directory does not answer. */
export interface SiteConnections {
  add(connection: NewConnection, now: EpochSeconds): Promise<void>
  /** The connection of this site that its token leads to and that it was not told of. */
  find(
    applicationId: string,
    tokenHash: string,
    now: EpochSeconds,
  ): Promise<OpenConnection | undefined>
  /** The site was told. */
  spend(connection: OpenConnection, token: string): Promise<void>
  list(applicationId: string, page: PageOf): Promise<Listed<SpentConnection>>
  forgetExpired(now: EpochSeconds): Promise<void>
}

export function createSiteConnections(directory: D1Database): SiteConnections {
  return {
    async add(connection, now) {
      await directory
        .prepare(
          `INSERT INTO site_connections (token_hash, application_id, sealed_grant, plugin, callback_uri,
             identity_token, user_token, created_at, expires_at)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`,
        )
        .bind(
          connection.tokenHash,
          connection.applicationId,
          connection.sealedGrant,
          connection.plugin,
          connection.callbackUri,
          connection.identityToken,
          connection.userToken,
          now,
          connection.expiresAt,
        )
        .run()
    },

    async find(applicationId, tokenHash, now) {
      const row = await directory
        .prepare(
          `SELECT token_hash AS tokenHash, application_id AS applicationId, sealed_grant AS sealedGrant,
             plugin, callback_uri AS callbackUri, identity_token AS identityToken,
             user_token AS userToken, created_at AS createdAt, expires_at AS expiresAt
           FROM site_connections
           WHERE token_hash = ?2 AND application_id = ?1 AND expires_at > ?3
             AND sealed_grant IS NOT NULL`,
        )
        .bind(applicationId, tokenHash, now)
        .first<OpenConnection>()
      return row ?? undefined
    },

    async spend({ tokenHash, createdAt }, token) {
      await directory
        .prepare(
          `UPDATE site_connections SET sealed_grant = NULL, spent_token = ?2, expires_at = ?3
           WHERE token_hash = ?1`,
        )
        .bind(tokenHash, token, createdAt + LISTED_SECONDS)
        .run()
    },

    list(applicationId, page) {
      const from = 'site_connections WHERE application_id = ?1 AND spent_token IS NOT NULL'
      return listPage(
        directory,
        { from, values: [applicationId], key: 'token_hash' },
        page,
        toSpent,
      )
    },

    async forgetExpired(now) {
      await directory.prepare('DELETE FROM site_connections WHERE expires_at <= ?1').bind(now).run()
    },
  }
}

const toSpent = (row: {
  readonly spent_token: string
  readonly callback_uri: string
  readonly created_at: number
}): SpentConnection => ({
  token: row.spent_token,
  callbackUri: row.callback_uri,
  createdAt: row.created_at,
})
