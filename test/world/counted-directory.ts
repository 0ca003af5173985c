import type { D1Database, D1PreparedStatement, D1Result } from '@cloudflare/workers-types'

/** What was asked of the directory: round trips, and rows as D1 counts and bills them. */
export interface DirectoryCost {
  readonly roundTrips: number
  readonly rowsRead: number
  readonly rowsWritten: number
}

/** The directory, with what is asked of it counted. */
export function countedDirectory(database: D1Database): {
  readonly directory: D1Database
  /** What was counted since the last time. */
  readonly take: () => DirectoryCost
  /** Characters of JSON that a piece of work gets as rows. */
  readonly charactersRead: (work: () => Promise<unknown>) => Promise<number>
  /** Rows that a piece of work reads. */
  readonly rowsRead: (work: () => Promise<unknown>) => Promise<number>
} {
  let cost: DirectoryCost = { roundTrips: 0, rowsRead: 0, rowsWritten: 0 }
  const originals = new WeakMap<D1PreparedStatement, D1PreparedStatement>()

  let characters = 0

  function count(results: readonly D1Result[]): void {
    characters += JSON.stringify(results.map((result) => result.results)).length
    const sum = (of: 'rows_read' | 'rows_written') =>
      results.reduce((total, { meta }) => total + meta[of], 0)
    cost = {
      roundTrips: cost.roundTrips + 1,
      rowsRead: cost.rowsRead + sum('rows_read'),
      rowsWritten: cost.rowsWritten + sum('rows_written'),
    }
  }

  function counted(statement: D1PreparedStatement): D1PreparedStatement {
    const all = async <Row>() => {
      const result = await statement.all<Row>()
      count([result])
      return result
    }
    const wrapped = {
      bind: (...values: unknown[]) => counted(statement.bind(...values)),
      all,
      run: all,
      // Its own answer does not say what it has read.
      first: async <Row>() => (await all<Row>()).results[0] ?? null,
    } as unknown as D1PreparedStatement
    originals.set(wrapped, statement)
    return wrapped
  }

  const directory = {
    prepare: (sql: string) => counted(database.prepare(sql)),
    async batch<Row>(statements: readonly D1PreparedStatement[]) {
      const results = await database.batch<Row>(
        statements.map((statement) => originals.get(statement) ?? statement),
      )
      count(results)
      return results
    },
  } as unknown as D1Database

  const take = () => {
    const taken = cost
    cost = { roundTrips: 0, rowsRead: 0, rowsWritten: 0 }
    return taken
  }

  return {
    directory,
    take,
    async charactersRead(work) {
      characters = 0
      await work()
      return characters
    },
    async rowsRead(work) {
      take()
      await work()
      return take().rowsRead
    },
  }
}
