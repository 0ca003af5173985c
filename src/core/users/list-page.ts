import type { Listed, PageOf } from './site-user.ts'

/** One page of what is listed, by when it came, and how many there are in all, as of one moment. */
export async function listPage<Row, Entry>(
  directory: D1Database,
  what: {
    /** The table, and the condition with its `values` as `?1`, `?2` … */
    readonly from: string
    readonly values: readonly (string | number | null)[]
    /** What puts those of one second in order. */
    readonly key: string
    /** All, where it says nothing. */
    readonly columns?: string
  },
  { limit, offset, isDescending }: PageOf,
  toEntry: (row: Row) => Entry,
): Promise<Listed<Entry>> {
  const { from, values, key, columns = '*' } = what
  const direction = isDescending ? 'DESC' : 'ASC'
  const [entries, count] = await directory.batch<Row & { total: number }>([
    directory
      .prepare(
        `SELECT ${columns} FROM ${from}
         ORDER BY created_at ${direction}, ${key} ${direction} LIMIT ? OFFSET ?`,
      )
      .bind(...values, limit, offset),
    directory.prepare(`SELECT COUNT(*) AS total FROM ${from}`).bind(...values),
  ])
  return {
    entries: (entries?.results ?? []).map(toEntry),
    total: count?.results[0]?.total ?? 0,
  }
}
