/**
 * What has become of a mass cut-off on its way through the users' objects. Owns the tables `cut_offs` and
 * `cut_off_failures` of the directory. The cut-off itself holds whatever these tables say.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { randomId } from '../../platform/random.ts'
import type { UserId } from '../sessions/session.ts'
import type { CutOff, CutOffCause } from '../tokens/cut-off.ts'

export interface CutOffProgress {
  readonly id: string
  readonly scope: 'everyone' | 'provider' | 'application'
  /** The provider's or the application's id; empty for everyone. */
  readonly scopeId: string
  readonly cause: CutOffCause
  /** Epoch milliseconds: what started, or was given to the application, then or earlier is over. */
  readonly startedBy: number
  readonly createdAt: EpochSeconds
  readonly updatedAt: EpochSeconds
  /** Users: how many there were, how many have been visited, how many of these could not be reached. */
  readonly total: number
  readonly visited: number
  readonly failed: number
  readonly endedSessions: number
  /** Where the next page begins; null when every user has been visited. */
  readonly cursor: string | null
}

export interface CutOffPage {
  readonly cutOffId: string
  /** The cursor that the page began at. */
  readonly from: string
  readonly to: string | null
  readonly visited: number
  readonly endedSessions: number
  readonly failed: readonly UserId[]
}

export interface CutOffRecords {
  open(cutOff: CutOff, total: number, now: EpochSeconds): Promise<CutOffProgress>
  find(id: string): Promise<CutOffProgress | undefined>
  /** Newest first; `startedBefore` (epoch milliseconds) is the `startedBy` of the last one seen. */
  list(page: {
    readonly startedBefore: number
    readonly limit: number
  }): Promise<readonly CutOffProgress[]>
  /**
   * Moves on past a page, once: a page that is reported again, or out of order, counts for nothing. Whether
   * it was the first report.
   */
  advance(page: CutOffPage, now: EpochSeconds): Promise<boolean>
  /** Those who were visited longest ago come first. */
  failures(id: string, limit: number): Promise<readonly UserId[]>
  /** A user that could not be reached could not be this time either: all others come first. */
  putLast(id: string, userId: UserId, now: EpochSeconds): Promise<void>
  /** A user that could not be reached has been. Of two visits, each counts what it has ended itself. */
  resolve(id: string, userId: UserId, endedSessions: number, now: EpochSeconds): Promise<void>
  /** Those with pages or users left that nothing has been heard of since `before`. */
  stalled(before: EpochSeconds, limit: number): Promise<readonly CutOffProgress[]>
}

const COLUMNS = `id, scope, scope_id AS scopeId, cause, started_by AS startedBy, created_at AS createdAt,
  updated_at AS updatedAt, total, visited, ended_sessions AS endedSessions, cursor,
  (SELECT COUNT(*) FROM cut_off_failures WHERE cut_off_id = cut_offs.id) AS failed`

export function createCutOffRecords(directory: D1Database): CutOffRecords {
  const all = async (query: string, ...values: unknown[]) => {
    const statement = directory.prepare(`SELECT ${COLUMNS} FROM cut_offs ${query}`)
    return (await statement.bind(...values).all<CutOffProgress>()).results
  }
  const find = async (id: string) => (await all('WHERE id = ?1', id))[0]
  return {
    find,
    async open({ scope, id: scopeId, cause, at }, total, now) {
      const id = randomId()
      await directory
        .prepare(
          `INSERT INTO cut_offs (id, scope, scope_id, cause, started_by, created_at, updated_at, total)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)`,
        )
        .bind(id, scope, scopeId, cause, at, now, total)
        .run()
      return (await find(id))!
    },
    list: ({ startedBefore, limit }) =>
      all('WHERE started_by < ?1 ORDER BY started_by DESC LIMIT ?2', startedBefore, limit),
    async advance({ cutOffId, from, to, visited, endedSessions, failed }, now) {
      const failures = failed.map((userId) =>
        directory
          .prepare(
            `INSERT OR REPLACE INTO cut_off_failures (cut_off_id, user_id, failed_at)
             SELECT id, ?2, ?3 FROM cut_offs WHERE id = ?1 AND cursor = ?4`,
          )
          .bind(cutOffId, userId, now, from),
      )
      const results = await directory.batch([
        ...failures,
        directory
          .prepare(
            `UPDATE cut_offs SET cursor = ?3, visited = visited + ?4,
               ended_sessions = ended_sessions + ?5, updated_at = ?6
             WHERE id = ?1 AND cursor = ?2`,
          )
          .bind(cutOffId, from, to, visited, endedSessions, now),
      ])
      return results.at(-1)?.meta.changes === 1
    },
    async failures(id, limit) {
      const { results } = await directory
        .prepare(
          'SELECT user_id FROM cut_off_failures WHERE cut_off_id = ?1 ORDER BY failed_at LIMIT ?2',
        )
        .bind(id, limit)
        .all<{ user_id: UserId }>()
      return results.map(({ user_id: userId }) => userId)
    },
    async putLast(id, userId, now) {
      await directory.batch([
        directory.prepare('UPDATE cut_offs SET updated_at = ?2 WHERE id = ?1').bind(id, now),
        directory
          .prepare(
            'UPDATE cut_off_failures SET failed_at = ?3 WHERE cut_off_id = ?1 AND user_id = ?2',
          )
          .bind(id, userId, now),
      ])
    },
    async resolve(id, userId, endedSessions, now) {
      await directory.batch([
        directory
          .prepare(
            'UPDATE cut_offs SET ended_sessions = ended_sessions + ?2, updated_at = ?3 WHERE id = ?1',
          )
          .bind(id, endedSessions, now),
        directory
          .prepare('DELETE FROM cut_off_failures WHERE cut_off_id = ?1 AND user_id = ?2')
          .bind(id, userId),
      ])
    },
    stalled: (before, limit) =>
      all(
        `WHERE updated_at < ?1 AND (cursor IS NOT NULL OR EXISTS
           (SELECT 1 FROM cut_off_failures WHERE cut_off_id = cut_offs.id))
         ORDER BY updated_at LIMIT ?2`,
        before,
        limit,
      ),
  }
}
