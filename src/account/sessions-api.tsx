/** One's own sessions for scripts, and the connection by which an open tab learns that its session ended. */
import { Hono } from 'hono'
import type { Context } from 'hono'
import { clearSessionCookie, SESSION_CHALLENGE } from '../core/sessions/session-cookie.ts'
import type { LiveSession } from '../core/sessions/session.ts'
import type { RequestVariables } from '../platform/request-facts.ts'
import { openTab } from './open-tab.ts'
import type { OpenTabRefusalCode } from './open-tab.ts'
import type { OwnSessions, OwnSessionsRefusalCode, OwnSessionsRequest } from './own-sessions.ts'
import { providerNameOf } from './account-parts.ts'
import type { AccountParts } from './account-parts.ts'

type AccountContext = Context<{ Variables: RequestVariables }>
type RefusalCode = OwnSessionsRefusalCode | OpenTabRefusalCode | 'invalid_request'

const answers: Record<
  RefusalCode,
  { status: 400 | 401 | 403 | 404 | 426 | 429 | 503; retryAfter?: number }
> = {
  upgrade_required: { status: 426 },
  origin_not_allowed: { status: 403 },
  not_from_our_page: { status: 403 },
  invalid_request: { status: 400 },
  no_session: { status: 401 },
  unknown_session: { status: 404 },
  rate_limited: { status: 429, retryAfter: 60 },
  too_many_tabs: { status: 429, retryAfter: 60 },
  unavailable: { status: 503, retryAfter: 5 },
}

export function sessionsApi(parts: AccountParts, own: OwnSessions) {
  const { clock, config } = parts
  const app = new Hono<{ Variables: RequestVariables }>()

  const requestOf = (c: AccountContext): OwnSessionsRequest => ({
    headers: c.req.raw.headers,
    facts: c.get('facts'),
    now: clock(),
  })

  for (const path of ['/auth/sessions', '/auth/sessions/:sid', '/auth/sso/events']) {
    app.use(path, async function neverShared(c, next) {
      await next()
      // For our own pages only: nothing is shared with another origin, and no cache keeps it.
      c.header('Cache-Control', 'no-store')
      c.header('Vary', 'Cookie, Origin')
    })
  }

  app.get('/auth/sessions', async (c) => {
    const listed = await own.list(requestOf(c))
    if (!listed.ok) return refuse(c, listed.refusal.code)
    const { current, all } = listed.value
    return c.json({
      sessions: all.map((session) => ({
        ...describe(session),
        provider_name: providerNameOf(session, config),
        is_current: session.sid === current.sid,
      })),
    })
  })

  app.delete('/auth/sessions', async (c) => {
    // Read strictly: a misspelt exception must not end everything.
    const query = new URL(c.req.url).search
    if (query !== '' && query !== '?except=current') return refuse(c, 'invalid_request')
    const request = requestOf(c)
    const isAll = query === ''
    const ended = await (isAll ? own.endAll(request) : own.endOthers(request))
    if (!ended.ok) return refuse(c, ended.refusal.code)
    if (isAll) c.header('Set-Cookie', clearSessionCookie(config))
    return c.body(null, 204)
  })

  app.delete('/auth/sessions/:sid', async (c) => {
    const ended = await own.end(requestOf(c), c.req.param('sid'))
    if (!ended.ok) return refuse(c, ended.refusal.code)
    if (ended.value.isCurrent) c.header('Set-Cookie', clearSessionCookie(config))
    return c.body(null, 204)
  })

  app.get('/auth/sso/events', async (c) => {
    const opened = await openTab(parts, c.req.raw.headers, c.get('facts'), clock())
    if (!opened.ok) return refuse(c, opened.refusal.code)
    return new Response(null, { status: 101, webSocket: opened.value })
  })
  return app
}

/** RFC 9110 §15.5.22: 426 says to what; §15.5.2: 401 says by what. */
function refuse(c: AccountContext, code: RefusalCode): Response {
  const { status, retryAfter } = answers[code]
  if (status === 426) c.header('Upgrade', 'websocket')
  if (status === 401) c.header('WWW-Authenticate', SESSION_CHALLENGE)
  if (retryAfter !== undefined) c.header('Retry-After', String(retryAfter))
  return c.json({ error: code, request_id: c.get('facts').requestId }, status)
}

const describe = (session: LiveSession) => ({
  sid: session.sid,
  device: session.device,
  provider: session.authentication.providerId,
  started_at: session.startedAt,
  last_used_at: session.lastUsedAt,
  idle_deadline_at: session.idleDeadlineAt,
  absolute_deadline_at: session.absoluteDeadlineAt,
})
