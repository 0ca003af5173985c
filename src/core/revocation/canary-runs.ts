import type { EpochSeconds } from '../../platform/clock.ts'
import type { RevocationLevel } from './revocation.ts'

/** One measurement: a session was ended, and each level was asked about its token until it refused. */
export interface CanaryRun {
  readonly at: EpochSeconds
  /** What kept the measurement from being made. */
  readonly problem: string | null
  /**
   * Milliseconds from the answer to the logout until the last request that was accepted, per level; 0 when
   * none was, null when it was accepted for as long as we watched, or nothing was measured.
   */
  readonly acceptedMilliseconds: Readonly<Record<RevocationLevel, number | null>>
  readonly watchedMilliseconds: number
}

/** The table `canary_runs` of the directory: the newest hundred. */
export interface CanaryRuns {
  add(run: CanaryRun): Promise<void>
  /** Newest first. */
  list(): Promise<readonly CanaryRun[]>
}

const KEPT_RUNS = 100

export const createCanaryRuns = (directory: D1Database): CanaryRuns => ({
  async add({
    at,
    problem,
    acceptedMilliseconds: { strict, bounded, cached },
    watchedMilliseconds,
  }) {
    await directory.batch([
      directory
        .prepare(
          `INSERT INTO canary_runs (at, problem, strict_ms, bounded_ms, cached_ms, watched_ms)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
        )
        .bind(at, problem, strict, bounded, cached, watchedMilliseconds),
      directory
        .prepare(`DELETE FROM canary_runs WHERE id <= (SELECT MAX(id) FROM canary_runs) - ?1`)
        .bind(KEPT_RUNS),
    ])
  },

  async list() {
    const { results } = await directory
      .prepare('SELECT * FROM canary_runs ORDER BY id DESC LIMIT ?1')
      .bind(KEPT_RUNS)
      .all<Row>()
    return results.map((row) => ({
      at: row.at,
      problem: row.problem,
      acceptedMilliseconds: {
        strict: row.strict_ms,
        bounded: row.bounded_ms,
        cached: row.cached_ms,
      },
      watchedMilliseconds: row.watched_ms,
    }))
  },
})

interface Row {
  readonly at: number
  readonly problem: string | null
  readonly strict_ms: number | null
  readonly bounded_ms: number | null
  readonly cached_ms: number | null
  readonly watched_ms: number
}
