/**
 * A person sees their own account.
 *
 *   GET /            leads to the dashboard
 *   GET /dashboard   the signed-in person's page; anyone else is led to sign in and back
 *   GET /api/me      a sample of a protected API: who the access token is for
 *
 * Pages go by the session cookie, the API by the access token, and neither takes the other's. Signing in is
 * the neighbour `sign-in`; the token comes from `token-bridge`.
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { Config } from '../config.ts'
import type { Audit } from '../core/audit/audit.ts'
import { accessAnswer } from '../core/revocation/access-answer.ts'
import type { AccessVariables, RequireUser } from '../core/revocation/require-user.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import { parseSessionId, parseUserId } from '../core/sessions/session.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import { ErrorPage } from '../pages/error-page.tsx'
import type { Clock } from '../platform/clock.ts'
import { refuse } from '../platform/refusal.ts'
import type { RequestVariables } from '../platform/request-facts.ts'
import { DashboardPage } from './dashboard-page.tsx'

export interface AccountParts {
  readonly config: Config
  readonly clock: Clock
  readonly audit: Audit
  readonly sessions: Pick<Sessions, 'use' | 'peek' | 'readProfile'>
  readonly requireUser: RequireUser
}

const signInFirst = '/auth/login?return_to=%2Fdashboard'

export function accountRoutes(parts: AccountParts) {
  const app = new Hono<{ Variables: RequestVariables }>()
  app.get('/', (c) => c.redirect('/dashboard', 303))
  app.get('/dashboard', (c) => showDashboard(c, parts))

  const api = new Hono<{ Variables: AccessVariables }>()
  api.use('/api/me', parts.requireUser({ level: 'bounded' }))
  api.get('/api/me', (c) => tellWhoIsCalling(c, parts))
  app.route('/', api)
  return app
}

async function showDashboard(
  c: Context<{ Variables: RequestVariables }>,
  { config, clock, sessions }: AccountParts,
) {
  c.header('Cache-Control', 'no-store')
  c.header('Vary', 'Cookie')
  const cookie = readSessionCookie(c.req.header('cookie'), config)
  // Only a person's own visit counts as use: not a HEAD, and not a page that a browser fetches ahead.
  const isVisit = c.req.method === 'GET' && c.req.header('sec-purpose') === undefined
  const found = await (isVisit ? sessions.use(cookie, clock()) : sessions.peek(cookie, clock()))
  if (!found.ok) {
    return found.refusal.code === 'no_session' ? c.redirect(signInFirst, 303) : sayUnavailable(c)
  }
  const session = found.value
  const { providerId } = session.authentication
  const provider = config.identityProviders.find(({ id }) => id === providerId)
  return c.html(
    <DashboardPage
      session={session}
      providerName={provider?.name ?? providerId}
      nonce={c.get('secureHeadersNonce')}
    />,
  )
}

/** The session's object did not answer. That says nothing of the session, so nobody is sent to sign in. */
function sayUnavailable(c: Context<{ Variables: RequestVariables }>) {
  c.header('Retry-After', '5')
  return c.html(
    <ErrorPage
      code="temporarily_unavailable"
      title="Your session cannot be looked up"
      explanation="Something on our side did not answer in time. You are still signed in, and nothing is lost."
      nextStep="Wait a few seconds, then try again."
      requestId={c.get('facts').requestId}
      retry={{ href: '/dashboard', label: 'Try again' }}
      nonce={c.get('secureHeadersNonce')}
    />,
    503,
  )
}

async function tellWhoIsCalling(
  c: Context<{ Variables: AccessVariables }>,
  { audit, clock, sessions }: AccountParts,
) {
  const { sub, sid, auth_time, exp } = c.get('access')
  const userId = parseUserId(sub)
  const sessionId = parseSessionId(sid)
  const found =
    userId === undefined || sessionId === undefined
      ? refuse('no_session')
      : await sessions.readProfile(userId, sessionId, clock())
  if (found.ok) {
    const { name, email, picture } = found.value
    return c.json({ sub, name, email, picture, sid, auth_time, expires_at: exp })
  }
  // The user's object knows of a session's end before the guard's level must.
  const code = found.refusal.code === 'no_session' ? 'revoked' : 'unavailable'
  const authorization = c.req.header('authorization')
  const { status, error, challenges, retryAfterSeconds } = accessAnswer(code, { authorization })
  await audit.record(c.get('facts'), {
    event: 'access.refused',
    refusal: { code },
    userId: sub,
    sid,
  })
  for (const challenge of challenges) c.header('WWW-Authenticate', challenge, { append: true })
  if (retryAfterSeconds !== undefined) c.header('Retry-After', String(retryAfterSeconds))
  return c.json({ error, request_id: c.get('facts').requestId }, status)
}
