/**
 * An API behind the session of @hono/oidc-auth: a signed cookie that nobody can take back. POST /prepare writes, for
 * so many people, the cookie that the library writes at the end of a sign-in.
 */
import { getAuth } from '@hono/oidc-auth'
import { Hono } from 'hono'
import { sign } from 'hono/jwt'
import type { Prepared } from './prepared.ts'

const app = new Hono<{ Bindings: { readonly OIDC_AUTH_SECRET: string } }>()

app.post('/prepare', async (c) => {
  const { people } = await c.req.json<{ people: number }>()
  const later = Math.floor(Date.now() / 1000) + 3600
  const headers = Array.from({ length: people }, async (_, index) => {
    const session = { sub: `user-${index}`, email: '', rtk: 'rt', rtkexp: later, ssnexp: later }
    return { cookie: `oidc-auth=${await sign(session, c.env.OIDC_AUTH_SECRET, 'HS256')}` }
  })
  return c.json<Prepared>(await Promise.all(headers))
})

app.get('/', async (c) => {
  const auth = await getAuth(c)
  return auth === null ? c.text('nobody', 401) : c.json({ sub: auth.sub })
})

export default app
