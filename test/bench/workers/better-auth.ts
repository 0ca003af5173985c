/**
 * An API behind better-auth's session check. Sessions are where `SESSIONS` says: in D1, in D1 with the signed cookie
 * that stands for them for five minutes, or in KV as secondary storage. POST /prepare signs so many people up.
 */
import { betterAuth } from 'better-auth'
import type { BetterAuthOptions } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { Hono } from 'hono'
import type { Prepared } from './prepared.ts'

interface Bindings {
  readonly DB: D1Database
  readonly KV: KVNamespace
  readonly SESSIONS: 'd1' | 'd1-cookie' | 'kv'
}

const secondaryStorage = (kv: KVNamespace): NonNullable<BetterAuthOptions['secondaryStorage']> => ({
  get: async (key) => kv.get(key),
  set: async (key, value, ttl) => kv.put(key, value, ttl ? { expirationTtl: ttl } : {}),
  delete: async (key) => kv.delete(key),
  async getAndDelete(key) {
    const value = await kv.get(key)
    await kv.delete(key)
    return value
  },
  // For its rate limits, which are off.
  increment: async () => 1,
})

const optionsFor = (env: Bindings) =>
  ({
    database: env.DB,
    ...(env.SESSIONS === 'kv' && { secondaryStorage: secondaryStorage(env.KV) }),
    baseURL: 'http://localhost',
    secret: 'a secret of the benchmark, 32 characters or more',
    // Nobody types one here; what hashing costs is not measured.
    emailAndPassword: {
      enabled: true,
      password: { hash: async (password) => password, verify: async () => true },
    },
    session: {
      ...(env.SESSIONS === 'd1-cookie' && { cookieCache: { enabled: true, maxAge: 300 } }),
    },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
  }) satisfies BetterAuthOptions

const authFor = (env: Bindings) => betterAuth(optionsFor(env))
let made: ReturnType<typeof authFor> | undefined
const auth = (env: Bindings) => (made ??= authFor(env))

const app = new Hono<{ Bindings: Bindings }>()

app.post('/prepare', async (c) => {
  const { people } = await c.req.json<{ people: number }>()
  await (await getMigrations(optionsFor(c.env))).runMigrations()
  const prepared: Record<string, string>[] = []
  for (let index = 0; index < people; index += 1) {
    const body = { email: `user-${index}@example.com`, password: 'password', name: 'Somebody' }
    const { headers } = await auth(c.env).api.signUpEmail({ body, returnHeaders: true })
    const cookies = headers.getSetCookie().map((line) => line.split(';')[0]!)
    prepared.push({ cookie: cookies.join('; ') })
  }
  return c.json<Prepared>(prepared)
})

app.get('/', async (c) => {
  const session = await auth(c.env).api.getSession({ headers: c.req.raw.headers })
  return session === null ? c.text('nobody', 401) : c.json({ sub: session.user.id })
})

export default app
