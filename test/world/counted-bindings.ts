import { env } from 'cloudflare:workers'

/** How often a request made the gateway go outside its isolate, and for what. */
export type Costs = Record<string, number>

/**
 * The real bindings, with every operation on them counted: `object:<binding>`, `kv:get`, `kv:put`,
 * `d1:query` (a batch is one), `limit`. What a Durable Object does by itself is not among them.
 */
export function countedBindings(): {
  readonly bindings: Partial<Env>
  /** What was counted since the last time. */
  readonly take: () => Costs
} {
  let costs: Costs = {}
  const count = (what: string) => {
    costs[what] = (costs[what] ?? 0) + 1
  }

  /** `target`, with `what` counted whenever one of `methods` is called. */
  const counted = <Target extends object>(
    target: Target,
    methods: Readonly<Record<string, string>>,
  ): Target =>
    new Proxy(target, {
      get(_, name) {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function') return member
        return (...args: unknown[]) => {
          const what = methods[String(name)] ?? methods['*']
          if (what !== undefined) count(what)
          return Reflect.apply(member, target, args) as unknown
        }
      },
    })

  const objects = <Namespace extends { getByName(name: string): object }>(
    name: string,
    namespace: Namespace,
  ): Namespace =>
    new Proxy(namespace, {
      get(_, member) {
        if (member !== 'getByName') return Reflect.get(namespace, member) as unknown
        return (...args: unknown[]) => {
          const getByName = Reflect.get(namespace, member) as (...args: unknown[]) => object
          const stub = Reflect.apply(getByName, namespace, args)
          return new Proxy(stub, {
            get(_, method) {
              const called: unknown = Reflect.get(stub, method)
              if (typeof called !== 'function') return called
              return (...input: unknown[]) => {
                count(`object:${name}.${String(method)}`)
                return (called as (...input: unknown[]) => unknown)(...input)
              }
            },
          })
        }
      },
    })

  const statements = { run: 'd1:query', first: 'd1:query', all: 'd1:query', raw: 'd1:query' }
  const directory = new Proxy(env.DIRECTORY, {
    get(database, name) {
      if (name === 'prepare') {
        return (sql: string) => {
          const statement = database.prepare(sql)
          return new Proxy(statement, {
            get(_, method) {
              if (method === 'bind') {
                return (...values: unknown[]) => counted(statement.bind(...values), statements)
              }
              const member: unknown = Reflect.get(counted(statement, statements), method)
              return member
            },
          })
        }
      }
      const member: unknown = Reflect.get(database, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        if (name === 'batch') count('d1:query')
        return Reflect.apply(member, database, args) as unknown
      }
    },
  })

  return {
    bindings: {
      REVOCATION: counted(env.REVOCATION, { get: 'kv:get', put: 'kv:put' }),
      DIRECTORY: directory,
      USER_SESSIONS: objects('USER_SESSIONS', env.USER_SESSIONS),
      KEY_RING: objects('KEY_RING', env.KEY_RING),
      PROVIDER_METADATA: objects('PROVIDER_METADATA', env.PROVIDER_METADATA),
      ONE_TIME_REFERENCES: objects('ONE_TIME_REFERENCES', env.ONE_TIME_REFERENCES),
      CLAIMED_REFERENCES: objects('CLAIMED_REFERENCES', env.CLAIMED_REFERENCES),
    },
    take() {
      const taken = costs
      costs = {}
      return taken
    },
  }
}
