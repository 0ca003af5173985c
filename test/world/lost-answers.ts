import { env } from 'cloudflare:workers'

const fails = () => Promise.reject(new Error('the answer is lost'))

/** An answer that nobody ever hears, and not even that it is lost. */
export const neverComes = () => new Promise<never>(() => {})

/** Users' objects that do what they are asked, where the answer to calls of this method is lost. */
export function lostAnswers(
  method: string,
  how: () => Promise<never> = fails,
): Env['USER_SESSIONS'] {
  const losing = (stub: object): object =>
    new Proxy(stub, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name)
        if (name !== method) return member
        return async (...args: unknown[]) => {
          await Reflect.apply(member as (...args: unknown[]) => unknown, target, args)
          return how()
        }
      },
    })
  return new Proxy(env.USER_SESSIONS, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (name !== 'getByName') return member
      return (...args: unknown[]) =>
        losing(Reflect.apply(member as (...args: unknown[]) => object, target, args))
    },
  })
}
