/**
 * The page about one's own sessions. It works by forms alone: each is posted from a page of ours, ends
 * something, and is answered with 303, so that going back or reloading ends nothing again. Applications are
 * disconnected in the same way.
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import { clearSessionCookie } from '../core/sessions/session-cookie.ts'
import { ConfirmPage } from '../pages/confirm-page.tsx'
import { uncached } from '../pages/uncached.tsx'
import { readForm } from '../platform/read-form.ts'
import type { RequestVariables } from '../platform/request-facts.ts'
import { accountError } from './account-error.tsx'
import { AccountPage } from './account-page.tsx'
import { findVisitor, providerNameOf } from './account-parts.ts'
import type { AccountParts } from './account-parts.ts'
import type { OwnApplications } from './own-applications.ts'
import type { OwnSessions, OwnSessionsRefusalCode, OwnSessionsRequest } from './own-sessions.ts'

type AccountContext = Context<{ Variables: RequestVariables }>

const PATHS = [
  '/account',
  '/account/sessions/end',
  '/account/sessions/end-others',
  '/account/sessions/end-all',
  '/account/applications/disconnect',
]
const SIGN_IN = '/auth/login?return_to=%2Faccount'

export function accountPageRoutes(
  parts: AccountParts,
  own: OwnSessions,
  ownApplications: OwnApplications,
) {
  const { clock, config, sessions } = parts
  const app = new Hono<{ Variables: RequestVariables }>()
  const requestOf = (c: AccountContext): OwnSessionsRequest => ({
    headers: c.req.raw.headers,
    facts: c.get('facts'),
    now: clock(),
  })

  for (const path of PATHS) app.use(path, uncached)

  app.get('/account', async (c) => {
    const found = await findVisitor(parts, c.req.raw)
    if (!found.ok) return refuse(c, found.refusal.code)
    const all = await sessions.list(found.value.userId, clock())
    if (!all.ok) return refuse(c, all.refusal.code)
    const connections = await ownApplications.list(found.value.userId, clock())
    if (!connections.ok) return refuse(c, connections.refusal.code)
    return c.html(
      <AccountPage
        current={found.value}
        others={all.value.filter(({ sid }) => sid !== found.value.sid)}
        connections={connections.value}
        providerNameOf={(session) => providerNameOf(session, config)}
        nonce={c.get('secureHeadersNonce')}
      />,
    )
  })

  app.post('/account/sessions/end', async (c) => {
    const form = await readForm(c.req.raw)
    const [sid, ...more] = form.ok ? form.value.getAll('sid') : []
    const ended = await own.end(requestOf(c), more.length === 0 ? sid : undefined)
    if (!ended.ok) return refuse(c, ended.refusal.code)
    return ended.value.isCurrent ? leave(c) : c.redirect('/account', 303)
  })

  app.post('/account/sessions/end-others', async (c) => {
    const ended = await own.endOthers(requestOf(c))
    return ended.ok ? c.redirect('/account', 303) : refuse(c, ended.refusal.code)
  })

  app.get('/account/sessions/end-all', async (c) => {
    const found = await findVisitor(parts, c.req.raw)
    if (!found.ok) return refuse(c, found.refusal.code)
    return c.html(
      <ConfirmPage
        title="End all your sessions?"
        text="You are signed out everywhere, in this browser too. Whoever uses one of them has to sign in again."
        action="/account/sessions/end-all"
        button="End all sessions"
        cancel={{ href: '/account', label: 'Keep them' }}
        nonce={c.get('secureHeadersNonce')}
      />,
    )
  })

  app.post('/account/sessions/end-all', async (c) => {
    const ended = await own.endAll(requestOf(c))
    return ended.ok ? leave(c) : refuse(c, ended.refusal.code)
  })

  app.post('/account/applications/disconnect', async (c) => {
    const form = await readForm(c.req.raw)
    const [id, ...more] = form.ok ? form.value.getAll('application') : []
    const ended = await ownApplications.disconnect(requestOf(c), more.length === 0 ? id : undefined)
    return ended.ok ? c.redirect('/account', 303) : refuse(c, ended.refusal.code)
  })

  /** The session of this very browser has ended. */
  function leave(c: AccountContext): Response {
    c.header('Set-Cookie', clearSessionCookie(config))
    return c.redirect(SIGN_IN, 303)
  }
  return app
}

function refuse(c: AccountContext, code: OwnSessionsRefusalCode): Response | Promise<Response> {
  if (code === 'no_session') return c.redirect(SIGN_IN, 303)
  return accountError(c, code === 'unavailable' ? 'temporarily_unavailable' : code, '/account')
}
