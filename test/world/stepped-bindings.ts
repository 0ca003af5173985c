import { env } from 'cloudflare:workers'

/**
 * The real bindings, stopped at a chosen step: before each query of the directory and each call of an object,
 * while one request is watched. What happens in between is up to the test.
 */
export interface SteppedBindings {
  readonly bindings: Partial<Env>
  /** Runs `work`; before its `step`th step (from 1), runs `between`. Answers whether there was such a step. */
  readonly interrupt: <Value>(
    step: number,
    between: () => Promise<unknown>,
    work: () => Promise<Value>,
  ) => Promise<{ readonly value: Value; readonly wasInterrupted: boolean }>
}

type Call = (...args: unknown[]) => unknown

export function steppedBindings(): SteppedBindings {
  interface Watch {
    taken: number
    readonly stopAt: number
    readonly between: () => Promise<unknown>
    interruption?: Promise<unknown>
  }
  let watch: Watch | undefined

  const step = async () => {
    const watched = watch
    if (watched === undefined) return
    watched.taken += 1
    if (watched.taken !== watched.stopAt) return
    // What comes between is not watched itself, and nothing is after it.
    watch = undefined
    watched.interruption = watched.between()
    await watched.interruption
  }

  /** `target`, with a step before each call of these methods (all, if none are named). */
  const stepped = <Target extends object>(target: Target, methods?: readonly string[]): Target =>
    new Proxy(target, {
      get(_, name) {
        const member: unknown = Reflect.get(target, name)
        // A stub is handed on by async functions, and must not look like a promise itself.
        if (name === 'then') return undefined
        const isStep = methods?.includes(String(name)) ?? true
        if (!isStep || typeof name === 'symbol') return member
        return async (...args: unknown[]) => {
          await step()
          return Reflect.apply(member as Call, target, args)
        }
      },
    })

  const statements = new WeakMap<object, D1PreparedStatement>()
  const statement = (real: D1PreparedStatement): D1PreparedStatement => {
    const proxy = stepped(
      new Proxy(real, {
        get(_, name) {
          const member = Reflect.get(real, name) as Call
          if (name === 'bind') return (...args: unknown[]) => statement(real.bind(...args))
          return (...args: unknown[]) => Reflect.apply(member, real, args)
        },
      }),
      ['first', 'all', 'run'],
    )
    statements.set(proxy, real)
    return proxy
  }
  const directory = new Proxy(env.DIRECTORY, {
    get(target, name) {
      if (name === 'prepare') return (query: string) => statement(target.prepare(query))
      if (name !== 'batch') return Reflect.get(target, name) as unknown
      return async (batch: D1PreparedStatement[]) => {
        await step()
        return target.batch(batch.map((each) => statements.get(each)!))
      }
    },
  })

  const objects = <Namespace extends { getByName(name: string): object }>(
    namespace: Namespace,
  ): Namespace =>
    new Proxy(namespace, {
      get: (target, name) =>
        name === 'getByName'
          ? (...args: unknown[]) =>
              stepped(Reflect.apply(Reflect.get(target, name) as Call, target, args) as object)
          : (Reflect.get(target, name) as unknown),
    })

  return {
    bindings: {
      DIRECTORY: directory,
      USER_SESSIONS: objects(env.USER_SESSIONS),
      ONE_TIME_REFERENCES: objects(env.ONE_TIME_REFERENCES),
      CLAIMED_REFERENCES: objects(env.CLAIMED_REFERENCES),
    },
    async interrupt(stopAt, between, work) {
      const mine: Watch = { taken: 0, stopAt, between }
      watch = mine
      const value = await work()
      watch = undefined
      // The step may have been one that the answer did not wait for.
      await mine.interruption
      return { value, wasInterrupted: mine.interruption !== undefined }
    },
  }
}
