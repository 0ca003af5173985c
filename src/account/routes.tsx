/**
 * A person sees their own account.
 *
 *   GET /                       leads to the dashboard
 *   GET /dashboard              the signed-in person's page; anyone else is led to sign in and back
 *   GET /account                where they are signed in (account-page-routes.tsx), with
 *       /account/sessions/…     the forms that end one session, all others, or all, and
 *       /account/applications/… the form that disconnects an application
 *   GET, DELETE /auth/sessions  the same for scripts (sessions-api.tsx), with DELETE /auth/sessions/:sid
 *   GET /auth/sso/events        WebSocket: an open tab learns that its session ended (open-tab.ts)
 *   GET /api/me                 a sample of a protected API: who the access token is for
 *
 * Pages go by the session cookie, the API by the access token, and neither takes the other's. Signing in is
 * the neighbour `sign-in`; the token comes from `token-bridge`; every end goes through `core/revocation`.
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import { signOutAddresses } from '../core/identity-providers/sign-out-addresses.ts'
import { accessAnswer } from '../core/revocation/access-answer.ts'
import type { AccessVariables } from '../core/revocation/require-user.ts'
import { parseSessionId, parseUserId } from '../core/sessions/session.ts'
import { BRIDGE_CLIENT_ID } from '../core/tokens/access-token.ts'
import { allowForms } from '../pages/allow-forms.tsx'
import { refuse } from '../platform/refusal.ts'
import type { RequestVariables } from '../platform/request-facts.ts'
import { accountError } from './account-error.tsx'
import { accountPageRoutes } from './account-page-routes.tsx'
import { findVisitor, providerNameOf } from './account-parts.ts'
import type { AccountParts } from './account-parts.ts'
import { DashboardPage } from './dashboard-page.tsx'
import { createOwnApplications } from './own-applications.ts'
import { createOwnSessions } from './own-sessions.ts'
import { sessionsApi } from './sessions-api.tsx'

const signInFirst = '/auth/login?return_to=%2Fdashboard'

export function accountRoutes(parts: AccountParts) {
  const app = new Hono<{ Variables: RequestVariables }>()
  app.get('/', (c) => c.redirect('/dashboard', 303))
  app.get('/dashboard', (c) => showDashboard(c, parts))

  const api = new Hono<{ Variables: AccessVariables }>()
  api.use('/api/me', parts.requireUser({ level: 'bounded' }))
  api.get('/api/me', (c) => tellWhoIsCalling(c, parts))
  app.route('/', api)

  const own = createOwnSessions(parts)
  const ownApplications = createOwnApplications(parts)
  app.route('/', accountPageRoutes(parts, own, ownApplications))
  app.route('/', sessionsApi(parts, own))
  return app
}

async function showDashboard(c: Context<{ Variables: RequestVariables }>, parts: AccountParts) {
  c.header('Cache-Control', 'no-store')
  c.header('Vary', 'Cookie')
  const found = await findVisitor(parts, c.req.raw)
  // That the session cannot be looked up says nothing of it, so then nobody is sent to sign in.
  if (!found.ok) {
    return found.refusal.code === 'no_session'
      ? c.redirect(signInFirst, 303)
      : accountError(c, 'temporarily_unavailable', '/dashboard')
  }
  allowForms(c, signOutAddresses(parts.config))
  return c.html(
    <DashboardPage
      session={found.value}
      providerName={providerNameOf(found.value, parts.config)}
      nonce={c.get('secureHeadersNonce')}
    />,
  )
}

async function tellWhoIsCalling(
  c: Context<{ Variables: AccessVariables }>,
  { audit, clock, sessions }: AccountParts,
) {
  const { sub, sid, auth_time, exp, client_id, scope } = c.get('access')
  const userId = parseUserId(sub)
  const sessionId = parseSessionId(sid)
  const found =
    userId === undefined || sessionId === undefined
      ? refuse('no_session')
      : await sessions.readProfile(userId, sessionId, clock())
  if (found.ok) {
    const { name, email, picture } = found.value
    // An application is told what its token's scope lets it know (OpenID Connect Core 1.0 §5.4), our own pages all of it.
    const mayKnow = (value: string) =>
      client_id === BRIDGE_CLIENT_ID || scope?.split(' ').includes(value)
    const person = {
      ...(mayKnow('profile') && { name, picture }),
      ...(mayKnow('email') && { email }),
    }
    return c.json({ sub, ...person, sid, auth_time, expires_at: exp })
  }
  // The user's object knows of a session's end before the guard's level must.
  const code = found.refusal.code === 'no_session' ? 'revoked' : 'unavailable'
  const authorization = c.req.header('authorization')
  const { status, error, challenges, retryAfterSeconds } = accessAnswer(code, { authorization })
  // As in the guard: logged, not stored.
  await audit.record(c.get('facts'), {
    event: 'access.refused',
    refusal: { code },
    sid,
    facts: { token_user: sub },
  })
  for (const challenge of challenges) c.header('WWW-Authenticate', challenge, { append: true })
  if (retryAfterSeconds !== undefined) c.header('Retry-After', String(retryAfterSeconds))
  return c.json({ error, request_id: c.get('facts').requestId }, status)
}
