import type { MiddlewareHandler } from 'hono'

/** Before pages of whoever is signed in: no cache keeps them, or takes them for another's. */
export const uncached: MiddlewareHandler = async function uncached(c, next) {
  await next()
  c.header('Cache-Control', 'no-store')
  c.header('Vary', 'Cookie')
}
