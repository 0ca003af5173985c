/**
 * An authorization server made with @cloudflare/workers-oauth-provider. Who is signed in is the application's own
 * affair there: here a signed cookie, the lightest that is safe.
 *
 *   GET /authorize         a code for whoever is signed in; nothing is asked
 *   POST /oauth/token      the library's
 *   POST /prepare          a client and so many signed-in people, as JSON: { client_id, client_secret, cookies }
 */
import { OAuthAuthorizationServer } from '@cloudflare/workers-oauth-provider'
import { Hono } from 'hono'
import { generateSignedCookie, getSignedCookie } from 'hono/cookie'

interface Bindings {
  readonly OAUTH_KV: KVNamespace
  readonly ORIGIN: string
  readonly SECRET: string
  readonly REDIRECT_URI: string
  readonly TOKEN_SECONDS: number
  readonly SESSION_SECONDS: number
}

let made: OAuthAuthorizationServer<Bindings> | undefined
const server = (env: Bindings) =>
  (made ??= new OAuthAuthorizationServer<Bindings>({
    issuer: env.ORIGIN,
    resources: [`${env.ORIGIN}/api`],
    scopesSupported: ['profile', 'email', 'offline_access'],
    accessTokenTTL: env.TOKEN_SECONDS,
    refreshTokenTTL: env.SESSION_SECONDS,
  }))

export default new Hono<{ Bindings: Bindings }>()
  .post('/prepare', async (c) => {
    const { people } = await c.req.json<{ people: number }>()
    const client = await server(c.env)
      .getOAuthApi(c.env)
      .createClient({
        redirectUris: [c.env.REDIRECT_URI],
        tokenEndpointAuthMethod: 'client_secret_basic',
      })
    const cookies = await Promise.all(
      Array.from({ length: people }, async (_, index) => {
        const line = await generateSignedCookie('user', `user-${index}`, c.env.SECRET)
        return line.split(';')[0]
      }),
    )
    return c.json({ client_id: client.clientId, client_secret: client.clientSecret, cookies })
  })
  .get('/authorize', async (c) => {
    const user = await getSignedCookie(c, c.env.SECRET, 'user')
    if (typeof user !== 'string') return c.text('nobody is signed in', 401)
    const api = server(c.env).getOAuthApi(c.env)
    const request = await api.parseAuthRequest(c.req.raw)
    const { redirectTo } = await api.completeAuthorization({
      request,
      userId: user,
      metadata: {},
      scope: request.scope,
      props: { userId: user },
    })
    return c.redirect(redirectTo)
  })
  .all('*', (c) => server(c.env).fetch(c.req.raw, c.env, c.executionCtx as ExecutionContext))
