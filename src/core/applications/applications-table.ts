/** The tables `applications` and `removed_applications` (migrations/0005_applications.sql). */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Application, HandoffApplication, HandoffService, OAuthClient } from './application.ts'
import type { SharedSessionsSite } from './shared-sessions-site.ts'
import type { Widget } from './widget.ts'

/** An application as it is kept: with the version that a change has to name. */
export interface KeptApplication extends Application {
  readonly version: number
}

/** The queue visits everybody, and a delivery is given up after a day. */
export const REMOVED_KEPT_SECONDS = 31 * 86_400

const COLUMNS = `id, name, is_first_party, status, oauth, handoff, widget, shared_sessions, version, created_at, updated_at`

/** What an application may use, and lose: a condition on its row. */
const USES = {
  client_secret: `json_extract(oauth, '$.tokenEndpointAuthMethod') GLOB 'client_secret_*'`,
  handoff: 'handoff IS NOT NULL',
  widget: 'widget IS NOT NULL',
  shared_sessions: 'shared_sessions IS NOT NULL',
} as const

/**
 * For the owners of secrets, in a statement of theirs: whether the application ?1 uses none of this kind at that
 * moment. Who has just changed it cannot know: another operator may have changed it back.
 */
export const isWithout = (use: keyof typeof USES): string =>
  `NOT EXISTS (SELECT 1 FROM applications WHERE id = ?1 AND ${USES[use]})`

/** The most services that one page shows. */
const MOST_SERVICES = 100

const reading = (directory: D1Database, id: string): D1PreparedStatement =>
  directory.prepare(`SELECT ${COLUMNS} FROM applications WHERE id = ?1`).bind(id)

const fromReading = (result: D1Result<Row> | undefined): KeptApplication | undefined => {
  const [row] = result?.results ?? []
  return row && fromRow(row)
}

export const createApplicationsTable = (directory: D1Database) => ({
  find: async (id: string): Promise<KeptApplication | undefined> =>
    fromReading(await reading(directory, id).all<Row>()),

  /** As `find`, for a batch: the statement, and what its result says. */
  reading: (id: string): D1PreparedStatement => reading(directory, id),
  fromReading: (result: D1Result | undefined): KeptApplication | undefined =>
    fromReading(result as D1Result<Row> | undefined),

  async findBySubdomain(subdomain: string): Promise<KeptApplication | undefined> {
    const row = await directory
      .prepare(
        `SELECT ${COLUMNS} FROM applications
         WHERE shared_sessions IS NOT NULL AND json_extract(shared_sessions, '$.subdomain') = ?1`,
      )
      .bind(subdomain)
      .first<Row>()
    return row === null ? undefined : fromRow(row)
  },

  /** What a site may change of itself. False when it is no site any more. */
  async setAllowedDomains(
    id: string,
    domains: readonly string[],
    now: EpochSeconds,
  ): Promise<boolean> {
    const { meta } = await directory
      .prepare(
        `UPDATE applications SET shared_sessions = json_set(shared_sessions, '$.allowedDomains', json(?2)),
           version = version + 1, updated_at = ?3
         WHERE id = ?1 AND shared_sessions IS NOT NULL`,
      )
      .bind(id, JSON.stringify(domains), now)
      .run()
    return meta.changes > 0
  },

  /** A page in order of the id, after the last id of the page before. */
  async list(after: string, limit: number): Promise<readonly KeptApplication[]> {
    const { results } = await directory
      .prepare(`SELECT ${COLUMNS} FROM applications WHERE id > ?1 ORDER BY id LIMIT ?2`)
      .bind(after, limit)
      .all<Row>()
    return results.map(fromRow)
  },

  async names(ids: readonly string[]): Promise<readonly { id: string; name: string }[]> {
    const { results } = await directory
      .prepare(`SELECT id, name FROM applications WHERE id IN (SELECT value FROM json_each(?1))`)
      .bind(JSON.stringify(ids))
      .all<{ id: string; name: string }>()
    return results
  },

  /** The active ones that a person can be handed over to, in order of the name. */
  async listHandoffServices(): Promise<readonly HandoffApplication[]> {
    const { results } = await directory
      .prepare(
        `SELECT ${COLUMNS} FROM applications
         WHERE status = 'active' AND json_extract(handoff, '$.loginUrl') IS NOT NULL
         ORDER BY name COLLATE NOCASE, id LIMIT ?1`,
      )
      .bind(MOST_SERVICES)
      .all<Row>()
    return results.map((row) => fromRow(row) as HandoffApplication & KeptApplication)
  },

  /** Fails when the id is in use. */
  insertion: (
    {
      id,
      name,
      isFirstParty,
      oauth,
      handoff,
      widget,
      sharedSessions,
    }: ApplicationContent & { readonly id: string },
    now: EpochSeconds,
  ): D1PreparedStatement =>
    directory
      .prepare(
        `INSERT INTO applications
           (id, name, is_first_party, oauth, handoff, widget, shared_sessions, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?6, ?7, ?8, ?5, ?5)`,
      )
      .bind(
        id,
        name,
        isFirstParty ? 1 : 0,
        toJson(oauth),
        now,
        toJson(handoff),
        toJson(widget),
        toJson(sharedSessions),
      ),

  /** Replaces the content of the version that was seen; undefined when that is not there (any more). */
  async replace(
    { id, version }: { readonly id: string; readonly version: number },
    { name, isFirstParty, oauth, handoff, widget, sharedSessions }: ApplicationContent,
    now: EpochSeconds,
  ): Promise<KeptApplication | undefined> {
    const row = await directory
      .prepare(
        `UPDATE applications SET name = ?3, is_first_party = ?4, oauth = ?5, handoff = ?7, widget = ?8,
           shared_sessions = ?9, version = version + 1, updated_at = ?6
         WHERE id = ?1 AND version = ?2 RETURNING ${COLUMNS}`,
      )
      .bind(
        id,
        version,
        name,
        isFirstParty ? 1 : 0,
        toJson(oauth),
        now,
        toJson(handoff),
        toJson(widget),
        toJson(sharedSessions),
      )
      .first<Row>()
    return row === null ? undefined : fromRow(row)
  },

  /** `version` restricts it to the one that was seen. */
  async setStatus(
    id: string,
    status: Application['status'],
    now: EpochSeconds,
    version: number | undefined,
  ): Promise<KeptApplication | undefined> {
    const row = await directory
      .prepare(
        `UPDATE applications SET
           version = version + (status <> ?2), updated_at = iif(status <> ?2, ?3, updated_at), status = ?2
         WHERE id = ?1 AND (?4 IS NULL OR version = ?4) RETURNING ${COLUMNS}`,
      )
      .bind(id, status, now, version ?? null)
      .first<Row>()
    return row === null ? undefined : fromRow(row)
  },

  /** What active applications with an exceptional grant are registered for: only they are read, by their index. */
  async grantTypesBesideExceptional(): Promise<readonly string[]> {
    const { results } = await directory
      .prepare(
        `SELECT DISTINCT granted.value AS name FROM applications, json_each(oauth, '$.grantTypes') AS granted
         WHERE status = 'active' AND instr(oauth, '"implicit"') + instr(oauth, '"password"') > 0`,
      )
      .all<{ name: string }>()
    return results.map(({ name }) => name)
  },

  /**
   * Its secrets go with it. `version` restricts it to the one that was seen. How it is told of the sessions that
   * end with it is remembered for as long as that may take.
   */
  async remove(id: string, version: number | undefined, now: EpochSeconds): Promise<boolean> {
    const [, removed] = await directory.batch([
      directory
        .prepare(
          `INSERT OR REPLACE INTO removed_applications (id, oauth, handoff, removed_at)
           SELECT id, COALESCE(oauth, 'null'), handoff, ?3
           FROM applications WHERE id = ?1 AND (?2 IS NULL OR version = ?2) AND COALESCE(oauth, handoff) IS NOT NULL`,
        )
        .bind(id, version ?? null, now),
      directory
        .prepare(
          'DELETE FROM applications WHERE id = ?1 AND (?2 IS NULL OR version = ?2) RETURNING id',
        )
        .bind(id, version ?? null),
    ])
    return (removed?.results.length ?? 0) > 0
  },

  async forgetRemoved(now: EpochSeconds): Promise<void> {
    await directory
      .prepare('DELETE FROM removed_applications WHERE removed_at <= ?')
      .bind(now - REMOVED_KEPT_SECONDS)
      .run()
  },

  /** The last registration of an application that has been removed. */
  async findRemoved(id: string): Promise<Pick<Application, 'oauth' | 'handoff'> | undefined> {
    const row = await directory
      .prepare('SELECT oauth, handoff FROM removed_applications WHERE id = ?')
      .bind(id)
      .first<{ oauth: string; handoff: string | null }>()
    if (row === null) return undefined
    return {
      oauth: (JSON.parse(row.oauth) as OAuthClient | null) ?? undefined,
      handoff: row.handoff === null ? undefined : (JSON.parse(row.handoff) as HandoffService),
    }
  },
})

export type ApplicationsTable = ReturnType<typeof createApplicationsTable>

/** What a registration says of an application. */
export type ApplicationContent = Pick<
  Application,
  'name' | 'isFirstParty' | 'oauth' | 'handoff' | 'widget' | 'sharedSessions'
>

interface Row {
  readonly id: string
  readonly name: string
  readonly is_first_party: number
  readonly status: Application['status']
  readonly oauth: string | null
  readonly handoff: string | null
  readonly shared_sessions: string | null
  readonly widget: string | null
  readonly version: number
  readonly created_at: number
  readonly updated_at: number
}

/** JSON has no undefined: what is not there is read as such again. */
const toJson = (capability: object | undefined) =>
  capability === undefined ? null : JSON.stringify(capability)

const fromRow = (row: Row): KeptApplication => ({
  id: row.id,
  name: row.name,
  isFirstParty: row.is_first_party === 1,
  status: row.status,
  oauth: row.oauth === null ? undefined : (JSON.parse(row.oauth) as OAuthClient),
  ...(row.handoff === null ? {} : { handoff: JSON.parse(row.handoff) as HandoffService }),
  sharedSessions:
    row.shared_sessions === null
      ? undefined
      : (JSON.parse(row.shared_sessions) as SharedSessionsSite),
  ...(row.widget === null ? {} : { widget: JSON.parse(row.widget) as Widget }),
  version: row.version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})
