import { inTime, OBJECT_WAIT_MILLISECONDS } from './time-limit.ts'

/**
 * A database whose queries fail when they take longer than an object may: no request waits for one without end.
 * Whether what is late is done after all, nobody knows, as where it fails in other ways.
 */
export function limitQueries(database: D1Database): D1Database {
  /** A batch takes none but the database's own. */
  const own = new WeakMap<D1PreparedStatement, D1PreparedStatement>()
  const limit = <Value>(query: Promise<Value>) => inTime(OBJECT_WAIT_MILLISECONDS, query)
  function limited(statement: D1PreparedStatement): D1PreparedStatement {
    const inTheirTime: Pick<D1PreparedStatement, 'bind' | 'first' | 'all' | 'run'> = {
      bind: (...values: unknown[]) => limited(statement.bind(...values)),
      first: (column?: string) => limit(statement.first(column as string)),
      all: () => limit(statement.all()),
      run: () => limit(statement.run()),
    }
    const made = inTheirTime as D1PreparedStatement
    own.set(made, statement)
    return made
  }
  const both: Pick<D1Database, 'prepare' | 'batch'> = {
    prepare: (query) => limited(database.prepare(query)),
    batch: (statements) => limit(database.batch(statements.map((each) => own.get(each) ?? each))),
  }
  return both as D1Database
}
