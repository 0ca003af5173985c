/** The table `site_identities` (migrations/0011_shared_sessions.sql). */
import type { EpochSeconds } from '../../platform/clock.ts'
import { listPage } from './list-page.ts'
import type {
  IdentityContent,
  ListedSiteIdentity,
  PageOf,
  SiteIdentity,
  SiteUser,
} from './site-user.ts'

export type NewSiteIdentity = Omit<SiteIdentity, 'version' | 'createdAt' | 'updatedAt'>

/** What lists tell: of hundreds of identities the content would be more than an isolate can hold. */
const LISTED = 'identity_token AS identityToken, user_token AS userToken, provider_id AS providerId'

export const createSiteIdentitiesTable = (directory: D1Database) => {
  const one = async (statement: D1PreparedStatement) => {
    const row = await statement.first<Row>()
    return row === null ? undefined : fromRow(row)
  }

  async function ofUsers<Of>(columns: string, userTokens: readonly string[]): Promise<Of[]> {
    if (userTokens.length === 0) return []
    const { results } = await directory
      .prepare(
        `SELECT ${columns} FROM site_identities WHERE user_token IN (SELECT value FROM json_each(?1))
         ORDER BY created_at, identity_token`,
      )
      .bind(JSON.stringify(userTokens))
      .all<Of>()
    return results
  }

  return {
    find: (company: string, identityToken: string) =>
      one(
        directory
          .prepare('SELECT * FROM site_identities WHERE company = ?1 AND identity_token = ?2')
          .bind(company, identityToken),
      ),

    findByIdentity: (company: string, issuer: string, subject: string) =>
      one(
        directory
          .prepare(
            'SELECT * FROM site_identities WHERE company = ?1 AND issuer = ?2 AND subject = ?3',
          )
          .bind(company, issuer, subject),
      ),

    /** Of a user in one company or in several, the oldest first. */
    ofUsers: async (userTokens: readonly string[]): Promise<readonly SiteIdentity[]> =>
      (await ofUsers<Row>('*', userTokens)).map(fromRow),

    /** Of up to some hundred users, the oldest first. */
    listOfUsers: (userTokens: readonly string[]): Promise<readonly ListedSiteIdentity[]> =>
      ofUsers(LISTED, userTokens),

    list: (company: string, page: PageOf) => {
      const from = 'site_identities WHERE company = ?1'
      const what = { from, values: [company], key: 'identity_token', columns: LISTED }
      return listPage(directory, what, page, (listed: ListedSiteIdentity) => listed)
    },

    insertion: (identity: NewSiteIdentity, now: EpochSeconds): D1PreparedStatement =>
      directory
        .prepare(
          `INSERT INTO site_identities (identity_token, user_token, company, provider_id, issuer, subject,
             content, created_at, updated_at)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)`,
        )
        .bind(
          identity.identityToken,
          identity.userToken,
          identity.company,
          identity.providerId,
          identity.issuer,
          identity.subject,
          JSON.stringify(identity.content),
          now,
        ),

    /** The identity as `insertion` leaves it. */
    inserted: (identity: NewSiteIdentity, now: EpochSeconds): SiteIdentity => ({
      ...identity,
      version: 1,
      createdAt: now,
      updatedAt: now,
    }),

    /**
     * The content made from the version that was seen. Where another change has come between, it fails with
     * `isChangedMeanwhile`, and with it all of its batch.
     */
    contentChange: (
      { identityToken, version }: Pick<SiteIdentity, 'identityToken' | 'version'>,
      content: IdentityContent,
      now: EpochSeconds,
    ): D1PreparedStatement =>
      directory
        .prepare(
          `UPDATE site_identities SET content = ?3, version = iif(version = ?2, version + 1, NULL),
             updated_at = ?4
           WHERE identity_token = ?1`,
        )
        .bind(identityToken, version, JSON.stringify(content), now),

    move: (identityToken: string, userToken: string, now: EpochSeconds): D1PreparedStatement =>
      directory
        .prepare(
          'UPDATE site_identities SET user_token = ?2, updated_at = ?3 WHERE identity_token = ?1',
        )
        .bind(identityToken, userToken, now),

    removal: (identityToken: string): D1PreparedStatement =>
      directory
        .prepare('DELETE FROM site_identities WHERE identity_token = ?1')
        .bind(identityToken),
  }
}

/** Each user with their identities, of all of which there is one reading. */
export async function withIdentities<Identity extends ListedSiteIdentity>(
  users: readonly SiteUser[],
  read: (userTokens: readonly string[]) => Promise<readonly Identity[]>,
) {
  const all = await read(users.map(({ userToken }) => userToken))
  return users.map((user) => ({
    user,
    identities: all.filter(({ userToken }) => userToken === user.userToken),
  }))
}

/** Whether a batch failed for a version that is not there any more, or for a storage identity that there is by now. */
export const isChangedMeanwhile = (thrown: unknown): boolean =>
  /constraint failed: site_identities\.(?:version|user_token)/.test(String(thrown))

interface Row {
  readonly identity_token: string
  readonly user_token: string
  readonly company: string
  readonly provider_id: string
  readonly issuer: string
  readonly subject: string
  readonly content: string
  readonly version: number
  readonly created_at: number
  readonly updated_at: number
}

const fromRow = (row: Row): SiteIdentity => ({
  identityToken: row.identity_token,
  userToken: row.user_token,
  company: row.company,
  providerId: row.provider_id,
  issuer: row.issuer,
  subject: row.subject,
  content: JSON.parse(row.content) as IdentityContent,
  version: row.version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})
