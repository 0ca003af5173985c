/**
 * A Worker that signs its people in by @hono/oidc-auth, as its README has it: the middleware before everything, and
 * a page that shows who is there. Its settings are the OIDC_… variables that it is bound to.
 */
import { getAuth, oidcAuthMiddleware } from '@hono/oidc-auth'
import { Hono } from 'hono'
import { html } from 'hono/html'

const app = new Hono()
app.use('*', oidcAuthMiddleware())
app.get('/dashboard', async (c) => {
  const auth = await getAuth(c)
  return c.html(
    html`<!doctype html><title>Dashboard</title>
      <h1>${auth?.sub}</h1>`,
  )
})

export default app
