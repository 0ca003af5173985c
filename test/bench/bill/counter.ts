/**
 * Runs inside a Worker that is measured, around its own code: counts everything that Cloudflare bills by the
 * piece. Its requests to others, and whatever is free (rate limits, service bindings), pass uncounted.
 */
import type {
  D1Database,
  D1PreparedStatement,
  D1Result,
  DurableObjectNamespace,
  DurableObjectState,
  ExecutionContext,
  KVNamespace,
  Queue,
  Request,
  SqlStorageCursor,
  SqlStorageValue,
} from '@cloudflare/workers-types'
import type { Operations } from './prices.ts'

/** What a Worker is bound to, by kind. */
export interface BoundNames {
  readonly kv: readonly string[]
  readonly d1: readonly string[]
  readonly objects: readonly string[]
  readonly queues: readonly string[]
}

/** `GET`: what was counted since the last time, as JSON. */
export const COUNTS_PATH = '/counted-by-the-bench'

const counts = new Map<keyof Operations, number>()
const note = (what: keyof Operations, count = 1): void =>
  void counts.set(what, (counts.get(what) ?? 0) + count)

/** They count while they are read: looked at when they are asked for. */
let cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = []

function take(): Operations {
  for (const { rowsRead, rowsWritten } of cursors) {
    note('objectRowsRead', rowsRead)
    note('objectRowsWritten', rowsWritten)
  }
  cursors = []
  const taken = Object.fromEntries(counts) as Operations
  counts.clear()
  return taken
}

for (const level of ['log', 'info', 'warn', 'error', 'debug'] as const) {
  const write = console[level].bind(console)
  console[level] = (...line: unknown[]) => {
    note('logLines')
    write(...line)
  }
}

let isPatched = false

/** The storage of all objects is of one class: whatever any of them does is counted from here on. */
export function countStorage({ storage }: DurableObjectState): void {
  if (isPatched) return
  isPatched = true
  const sql = Object.getPrototypeOf(storage.sql) as typeof storage.sql
  const exec = Reflect.get(sql, 'exec') as (...input: unknown[]) => (typeof cursors)[number]
  Object.defineProperty(sql, 'exec', {
    value(this: typeof storage.sql, ...input: unknown[]) {
      const cursor = Reflect.apply(exec, this, input)
      cursors.push(cursor)
      return cursor
    },
  })
  const whole = Object.getPrototypeOf(storage) as typeof storage
  const setAlarm = Reflect.get(whole, 'setAlarm') as (...input: unknown[]) => unknown
  Object.defineProperty(whole, 'setAlarm', {
    value(this: typeof storage, ...input: unknown[]) {
      note('objectRowsWritten')
      return Reflect.apply(setAlarm, this, input)
    },
  })
}

const environments = new WeakMap<object, object>()

/** The same environment, with everything that is done with its bindings counted. */
export function countedEnvironment(environment: object, names: BoundNames): object {
  let counted = environments.get(environment)
  if (counted === undefined) {
    const of = <Binding>(kind: readonly string[], wrap: (binding: Binding) => Binding) =>
      kind.map((name) => [name, wrap(Reflect.get(environment, name) as Binding)] as const)
    counted = {
      ...environment,
      ...Object.fromEntries<object>([
        ...of(names.kv, countedKv),
        ...of(names.d1, countedD1),
        ...of(names.objects, countedObjects),
        ...of(names.queues, countedQueue),
      ]),
    }
    environments.set(environment, counted)
  }
  return counted
}

interface Handler {
  fetch(request: Request, environment: object, context: ExecutionContext): unknown
}

export const countedHandler = (handler: Handler, names: BoundNames) => ({
  fetch(request: Request, environment: object, context: ExecutionContext): unknown {
    if (new URL(request.url).pathname === COUNTS_PATH) return Response.json(take())
    note('workerRequests')
    return handler.fetch(request, countedEnvironment(environment, names), context)
  },
})

/** The target, but for the methods that are given in the place of its own. */
const instead = <Target extends object>(
  target: Target,
  methods: Readonly<Record<string, (...input: never[]) => unknown>>,
): Target =>
  new Proxy(target, {
    get(_, name) {
      const own = methods[String(name)]
      if (own !== undefined) return own
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? (member.bind(target) as unknown) : member
    },
  })

/** As `method`, counted first. */
const noting =
  (target: object, method: string, count: (...input: unknown[]) => void) =>
  (...input: unknown[]): unknown => {
    count(...input)
    return Reflect.apply(
      Reflect.get(target, method) as (...input: unknown[]) => unknown,
      target,
      input,
    )
  }

function countedKv(kv: KVNamespace): KVNamespace {
  const read = (keys: unknown) => note('kvReads', Array.isArray(keys) ? keys.length : 1)
  const write = () => note('kvWrites')
  return instead(kv, {
    get: noting(kv, 'get', read),
    getWithMetadata: noting(kv, 'getWithMetadata', read),
    put: noting(kv, 'put', write),
    delete: noting(kv, 'delete', write),
    list: noting(kv, 'list', write),
  })
}

const countedQueue = (queue: Queue): Queue =>
  // Written, read and deleted.
  instead(queue, { send: noting(queue, 'send', () => note('queueOperations', 3)) })

const statements = new WeakMap<object, D1PreparedStatement>()

function noteResult<Result extends D1Result>(result: Result): Result {
  note('d1RowsRead', result.meta.rows_read)
  note('d1RowsWritten', result.meta.rows_written)
  return result
}

function countedStatement(statement: D1PreparedStatement): D1PreparedStatement {
  const ask = async () => {
    note('d1Queries')
    return noteResult(await statement.all<Record<string, unknown>>())
  }
  const counted = instead(statement, {
    bind: (...values: unknown[]) => countedStatement(statement.bind(...values)),
    all: ask,
    run: ask,
    async first(column?: string) {
      const [row] = (await ask()).results
      if (row === undefined) return null
      return column === undefined ? row : row[column]
    },
    raw: async () => (await ask()).results.map((row) => Object.values(row)),
  })
  statements.set(counted, statement)
  return counted
}

const countedD1 = (database: D1Database): D1Database =>
  instead(database, {
    prepare: (sql: string) => countedStatement(database.prepare(sql)),
    async batch(batch: D1PreparedStatement[]) {
      note('d1Queries')
      const own = batch.map((statement) => statements.get(statement) ?? statement)
      return (await database.batch(own)).map(noteResult)
    },
  })

/** Every call is a request, and its object is awake for as long. */
const countedStub = (stub: object): object =>
  new Proxy(stub, {
    get(_, method) {
      const called: unknown = Reflect.get(stub, method)
      if (typeof called !== 'function' || method === 'then') return called
      return async (...input: unknown[]) => {
        note('objectRequests')
        const since = performance.now()
        const answer = await (called as (...input: unknown[]) => unknown)(...input)
        note('objectMilliseconds', performance.now() - since)
        return answer
      }
    },
  })

function countedObjects(objects: DurableObjectNamespace): DurableObjectNamespace {
  const stubBy = (method: 'get' | 'getByName') => {
    const find = noting(objects, method, () => undefined)
    return (...input: unknown[]) => countedStub(find(...input) as object)
  }
  return instead(objects, { get: stubBy('get'), getByName: stubBy('getByName') })
}
