/**
 * Widget tokens: the JWT by which a page tells an embedded widget who is signed in, as Annoto has it.
 *
 * - `GET /widgets/:application/token`: one for the person who is signed in (issue-widget-token.ts)
 * - `POST /widgets/:application/auth`: who somebody is by such a token, or why not (verify-widget-token.ts)
 * - `GET /widgets/:application/events`: a WebSocket: a page with the widget learns that its session ended
 *
 * Which applications are widgets, and their secrets, is `core/applications`; the script that pages load is
 * `src/browser/annoto.ts`, served by `pages`.
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { WidgetApplication } from '../core/applications/application.ts'
import { accessAnswer } from '../core/revocation/access-answer.ts'
import type { AccessRefusalCode } from '../core/revocation/check-access.ts'
import { SESSION_CHALLENGE } from '../core/sessions/session-cookie.ts'
import { isJsonObject } from '../platform/json-object.ts'
import { readJson } from '../platform/read-json.ts'
import type { Refusal } from '../platform/refusal.ts'
import type { RequestVariables } from '../platform/request-facts.ts'
import { corsHeaders, isAllowedOrigin, preflightHeaders } from '../protocol/cors.ts'
import type { CorsPolicy } from '../protocol/cors.ts'
import { issueWidgetToken } from './issue-widget-token.ts'
import { openWidgetTab } from './open-widget-tab.ts'
import { verifyWidgetToken } from './verify-widget-token.ts'
import type { WidgetTokenRefusalCode } from './verify-widget-token.ts'
import { findWidget, originsOf } from './widget-token-parts.ts'
import type { WidgetTokenParts } from './widget-token-parts.ts'

const TOKEN_PATH = '/widgets/:application/token'
const AUTH_PATH = '/widgets/:application/auth'
const EVENTS_PATH = '/widgets/:application/events'

type WidgetContext = Context<{ Variables: RequestVariables }>
type FailureStatus = 400 | 401 | 403 | 404 | 405 | 413 | 415 | 426 | 429 | 503

/** What each refusal says on the wire; those of an access token are in core/revocation/access-answer.ts. */
const statuses: Record<string, FailureStatus> = {
  unknown_application: 404,
  origin_not_allowed: 403,
  rate_limited: 429,
  unavailable: 503,
  invalid_body: 400,
  body_too_large: 413,
  unsupported_media_type: 415,
  upgrade_required: 426,
  no_session: 401,
  too_many_tabs: 429,
} satisfies Record<string, FailureStatus>

const RETRY_AFTER_SECONDS: Readonly<Partial<Record<FailureStatus, string>>> = {
  429: '60',
  503: '5',
}

export function widgetTokenRoutes(parts: WidgetTokenParts) {
  const { config, clock, audit } = parts
  const app = new Hono<{ Variables: RequestVariables }>()

  for (const path of [TOKEN_PATH, AUTH_PATH, EVENTS_PATH]) {
    app.use(path, async function neverShared(c, next) {
      await next()
      c.header('Cache-Control', 'no-store')
      c.header('Cross-Origin-Resource-Policy', 'same-origin')
      c.header('X-Content-Type-Options', 'nosniff')
      c.header('Vary', 'Authorization, Cookie, Origin')
    })
  }

  /** The widget of this route, or an answer without it. */
  async function enter(c: WidgetContext, method: 'GET' | 'POST') {
    if (c.req.method !== method && c.req.method !== 'OPTIONS') {
      c.header('Allow', `${method}, OPTIONS`)
      return fail(c, 'method_not_allowed', 405)
    }
    const facts = c.get('facts')
    const found = await findWidget(parts, c.req.param('application') ?? '', facts)
    if (found.ok) return found.value
    const { refusal } = found
    const event = refusal.code === 'rate_limited' ? 'rate.limited' : 'widget_token.refused'
    await audit.record(facts, { event, refusal, facts: { door: 'widget' } })
    return refuseWith(c, refusal)
  }

  /** Adds what lets a page of the widget's read the answer, and one of ours that has an access token. */
  function share(c: WidgetContext, application: WidgetApplication, policy: Partial<CorsPolicy>) {
    const origin = c.req.header('origin')
    const widgetOrigins = originsOf(parts, application)
    const whole: CorsPolicy = {
      allowedOrigins: [...widgetOrigins, ...config.allowedOrigins],
      methods: [],
      requestHeaders: [],
      exposedHeaders: ['Date', 'Retry-After', 'WWW-Authenticate', 'X-Request-Id'],
      ...policy,
      allowCredentials: policy.allowCredentials === true && isAllowedOrigin(origin, widgetOrigins),
    }
    const isPreflight = c.req.method === 'OPTIONS'
    const headers = isPreflight ? preflightHeaders(origin, whole) : corsHeaders(origin, whole)
    for (const [name, value] of Object.entries(headers)) c.header(name, value)
    return isPreflight
  }

  app.all(TOKEN_PATH, async (c) => {
    const application = await enter(c, 'GET')
    if (application instanceof Response) return application
    const headers = ['Authorization', 'DPoP']
    const sharing = { methods: ['GET'], requestHeaders: headers, allowCredentials: true }
    if (share(c, application, sharing)) return c.body(null, 204)
    const authorization = c.req.header('authorization')
    const issued = await issueWidgetToken(
      parts,
      application,
      {
        authorization,
        dpop: c.req.header('dpop'),
        cookie: c.req.header('cookie'),
        origin: c.req.header('origin'),
        secFetchSite: c.req.header('sec-fetch-site'),
        // Where we say that we are, never where the request says (C27).
        url: config.issuer + new URL(c.req.url).pathname,
        isRenewal: c.req.query('renewal') === 'true',
      },
      c.get('facts'),
      clock(),
    )
    if (issued.ok) {
      const { token, expiresIn } = issued.value
      return c.json({ success: true, token, expires_in: expiresIn })
    }
    const { refusal } = issued
    if (refusal.code === 'origin_not_allowed') return refuseWith(c, refusal)
    return refuseAccess(c, refusal.code, authorization)
  })

  app.all(AUTH_PATH, async (c) => {
    const application = await enter(c, 'POST')
    if (application instanceof Response) return application
    const sharing = { methods: ['POST'], requestHeaders: ['Content-Type'] }
    if (share(c, application, sharing)) return c.body(null, 204)
    const facts = c.get('facts')
    const about = { application: application.id }
    const record = (refusal: Refusal) =>
      audit.record(facts, { event: 'widget_token.rejected', refusal, facts: about })
    const body = await readJson(c.req.raw)
    const token = body.ok && isJsonObject(body.value) ? body.value.token : undefined
    if (!body.ok || typeof token !== 'string') {
      const refusal = body.ok ? { code: 'invalid_body', facts: { check: 'token' } } : body.refusal
      await record(refusal)
      return refuseWith(c, refusal)
    }
    const verified = await verifyWidgetToken(parts.widgetSecrets, { application, token }, clock())
    if (!verified.ok) {
      await record(verified.refusal)
      const { code } = verified.refusal
      return code === 'unavailable' ? refuseWith(c, verified.refusal) : rejectToken(c, code)
    }
    const { user, expiresIn } = verified.value
    await audit.record(facts, {
      event: 'widget_token.accepted',
      facts: { ...about, scope: user.scope },
    })
    return c.json({ success: true, user, expires_in: expiresIn })
  })

  app.all(EVENTS_PATH, async (c) => {
    const application = await enter(c, 'GET')
    if (application instanceof Response) return application
    if (c.req.method === 'OPTIONS') return c.body(null, 204)
    const { headers } = c.req.raw
    const opened = await openWidgetTab(parts, application, headers, c.get('facts'), clock())
    if (opened.ok) return new Response(null, { status: 101, webSocket: opened.value })
    if (opened.refusal.code === 'upgrade_required') c.header('Upgrade', 'websocket')
    return refuseWith(c, opened.refusal)
  })

  return app
}

/** A refused token is told why: whoever made it has to be able to find out. */
function rejectToken(c: WidgetContext, code: WidgetTokenRefusalCode): Response {
  c.header('WWW-Authenticate', 'Bearer error="invalid_token"')
  return fail(c, code, 401)
}

function refuseWith(c: WidgetContext, { code }: Refusal): Response {
  if (code === 'no_session') c.header('WWW-Authenticate', SESSION_CHALLENGE)
  return fail(c, code, statuses[code] ?? 400)
}

function refuseAccess(
  c: WidgetContext,
  code: AccessRefusalCode,
  authorization: string | undefined,
): Response {
  const { status, error, challenges } = accessAnswer(code, { authorization })
  for (const challenge of challenges) c.header('WWW-Authenticate', challenge, { append: true })
  return fail(c, error, status)
}

function fail(c: WidgetContext, error: string, status: FailureStatus): Response {
  const retryAfter = RETRY_AFTER_SECONDS[status]
  if (retryAfter !== undefined) c.header('Retry-After', retryAfter)
  return c.json({ success: false, error, request_id: c.get('facts').requestId }, status)
}
