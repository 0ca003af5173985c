/**
 * A Worker that signs its people in by better-auth: its generic OAuth plugin against the same provider, its JWT
 * plugin as the bridge from a session to a token. Sessions are where `SESSIONS` says: in D1 alone (its default),
 * in D1 with the signed cookie that stands for them up to five minutes, or in KV as secondary storage.
 *
 *   GET /login             begins a sign-in, as an application's server would
 *   GET /dashboard         who is signed in
 *   GET /api/auth/token    the bridge
 *   POST /prepare          makes the tables
 */
import { betterAuth } from 'better-auth'
import type { BetterAuthOptions } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { genericOAuth, jwt } from 'better-auth/plugins'
import { Hono } from 'hono'
import { html } from 'hono/html'

interface Bindings {
  readonly DB: D1Database
  readonly KV: KVNamespace
  readonly SESSIONS: 'd1' | 'd1-cookie' | 'kv'
  readonly ORIGIN: string
  readonly SECRET: string
  readonly UPSTREAM: string
  readonly CLIENT_ID: string
  readonly CLIENT_SECRET: string
  readonly SESSION_SECONDS: number
  readonly TOKEN_SECONDS: number
}

/** KV keeps nothing for less. */
const SHORTEST_TTL = 60

/** KV can take a value only by reading and then deleting it, and counts in no better way. */
const secondaryStorage = (kv: KVNamespace): NonNullable<BetterAuthOptions['secondaryStorage']> => ({
  get: (key) => kv.get(key),
  set: (key, value, ttl) =>
    kv.put(key, value, ttl ? { expirationTtl: Math.max(ttl, SHORTEST_TTL) } : {}),
  delete: (key) => kv.delete(key),
  async getAndDelete(key) {
    const value = await kv.get(key)
    await kv.delete(key)
    return value
  },
  async increment(key, ttl) {
    const count = Number((await kv.get(key)) ?? 0) + 1
    await kv.put(key, String(count), { expirationTtl: Math.max(ttl, SHORTEST_TTL) })
    return count
  },
})

const optionsFor = (env: Bindings) =>
  ({
    database: env.DB,
    ...(env.SESSIONS === 'kv' && { secondaryStorage: secondaryStorage(env.KV) }),
    baseURL: env.ORIGIN,
    secret: env.SECRET,
    session: {
      expiresIn: env.SESSION_SECONDS,
      updateAge: 3600,
      ...(env.SESSIONS === 'd1-cookie' && { cookieCache: { enabled: true, maxAge: 300 } }),
    },
    // Limits are left out on all sides.
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    advanced: { useSecureCookies: true },
    plugins: [
      genericOAuth({
        config: [
          {
            providerId: 'otrotl',
            discoveryUrl: `${env.UPSTREAM}/.well-known/openid-configuration`,
            clientId: env.CLIENT_ID,
            clientSecret: env.CLIENT_SECRET,
            authentication: 'basic',
            scopes: ['openid', 'profile', 'email'],
            requireIdTokenVerification: true,
          },
        ],
      }),
      jwt({
        jwks: { keyPairConfig: { alg: 'ES256' } },
        jwt: {
          audience: `${env.ORIGIN}/api`,
          expirationTime: `${env.TOKEN_SECONDS}s`,
          definePayload: ({ session }) => ({ sid: session.id }),
        },
        disableSettingJwtHeader: true,
      }),
    ],
  }) satisfies BetterAuthOptions

const authFor = (env: Bindings) => betterAuth(optionsFor(env))
let made: ReturnType<typeof authFor> | undefined
/** Made once in an isolate, at its first request: it asks the provider for its metadata. */
const auth = (env: Bindings) => (made ??= authFor(env))

export default new Hono<{ Bindings: Bindings }>()
  .post('/prepare', async (c) => {
    await (await getMigrations(optionsFor(c.env))).runMigrations()
    return c.body(null, 200)
  })
  .get('/login', async (c) => {
    const { headers, response } = await auth(c.env).api.signInSocial({
      body: { provider: 'otrotl', callbackURL: '/dashboard' },
      headers: c.req.raw.headers,
      returnHeaders: true,
    })
    for (const cookie of headers.getSetCookie()) c.header('set-cookie', cookie, { append: true })
    return c.redirect(response.url ?? '/')
  })
  .get('/dashboard', async (c) => {
    const found = await auth(c.env).api.getSession({ headers: c.req.raw.headers })
    if (found === null) return c.redirect('/login')
    return c.html(
      html`<!doctype html><title>Dashboard</title>
        <h1>${found.user.email}</h1>`,
    )
  })
  .all('/api/auth/*', (c) => auth(c.env).handler(c.req.raw))
