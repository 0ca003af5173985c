import { env } from 'cloudflare:workers'

/** What does not answer now: a binding, or the statements of the directory in which this stands. */
export interface Outage {
  readonly bindings: Set<keyof Env>
  statements: string | undefined
}

/** The real directory and objects, and rate limits, which are there until a test takes them away. */
export function switchedBindings(): { readonly outage: Outage; readonly bindings: Partial<Env> } {
  const outage: Outage = { bindings: new Set(), statements: undefined }

  const switched = <Name extends 'DIRECTORY' | 'USER_SESSIONS'>(name: Name): Env[Name] =>
    new Proxy<Env[Name]>(env[name], {
      get(target, member) {
        if (outage.bindings.has(name)) throw new Error('away')
        const value: unknown = Reflect.get(target, member)
        if (typeof value !== 'function') return value
        return (...args: unknown[]): unknown => {
          const { statements } = outage
          if (statements !== undefined && String(args[0]).includes(statements))
            throw new Error('away')
          return Reflect.apply(value, target, args)
        }
      },
    })
  const limit = (name: keyof Env) => ({
    limit: async () => ({ success: !outage.bindings.has(name) }),
  })

  return {
    outage,
    bindings: {
      DIRECTORY: switched('DIRECTORY'),
      USER_SESSIONS: switched('USER_SESSIONS'),
      CALLBACK_LIMIT: limit('CALLBACK_LIMIT'),
      BACK_CHANNEL_LIMIT: limit('BACK_CHANNEL_LIMIT'),
    },
  }
}
