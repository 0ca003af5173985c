import { inTime, OBJECT_WAIT_MILLISECONDS } from './time-limit.ts'

/** One for all who ask a database in this isolate: what is remembered of it, is remembered by it. */
const limitedDatabases = new WeakMap<D1Database, D1Database>()

/**
 * A database whose queries fail when they take longer than an object may: no request waits for one without end.
 * Whether what is late is done after all, nobody knows, as where it fails in other ways.
 */
export function limitQueries(database: D1Database): D1Database {
  const limited = limitedDatabases.get(database) ?? limit(database)
  limitedDatabases.set(database, limited)
  return limited
}

function limit(database: D1Database): D1Database {
  /** A batch takes none but the database's own. */
  const own = new WeakMap<D1PreparedStatement, D1PreparedStatement>()
  const inTheirTime = <Value>(query: Promise<Value>) => inTime(OBJECT_WAIT_MILLISECONDS, query)
  function timely(statement: D1PreparedStatement): D1PreparedStatement {
    const methods: Pick<D1PreparedStatement, 'bind' | 'first' | 'all' | 'run'> = {
      bind: (...values: unknown[]) => timely(statement.bind(...values)),
      first: (column?: string) => inTheirTime(statement.first(column as string)),
      all: () => inTheirTime(statement.all()),
      run: () => inTheirTime(statement.run()),
    }
    const made = methods as D1PreparedStatement
    own.set(made, statement)
    return made
  }
  const methods: Pick<D1Database, 'prepare' | 'batch'> = {
    prepare: (query) => timely(database.prepare(query)),
    batch: (statements) =>
      inTheirTime(database.batch(statements.map((each) => own.get(each) ?? each))),
  }
  return methods as D1Database
}
