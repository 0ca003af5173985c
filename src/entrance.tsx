/**
 * What happens to every request before its route and after it: it gets its id, has to keep the limits, and
 * leaves one line in the log. A request that no route takes is answered here too.
 */
import type { Context, ErrorHandler, Hono, MiddlewareHandler, NotFoundHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import type { Config } from './config.ts'
import { siteHostsBelow } from './core/applications/shared-sessions-site.ts'
import type { Audit } from './core/audit/audit.ts'
import { gatewayError } from './gateway-error.tsx'
import { pagePolicy } from './pages/page-policy.ts'
import { milliseconds } from './platform/clock.ts'
import { describeThrown, log } from './platform/log.ts'
import { randomToken } from './platform/random.ts'
import { FactsOfRequest } from './platform/request-facts.ts'
import type { RequestVariables } from './platform/request-facts.ts'
import { checkRequestLimits } from './platform/request-limits.ts'
import { changeHeaders } from './platform/response-headers.ts'

interface Env {
  Variables: RequestVariables
}

/**
 * Where HEAD is answered by the handler of GET; a name with a slash at its end stands for all below it. Hono
 * does that everywhere, and most of our handlers do something: a HEAD must not take a code or end a session.
 * A route that takes all methods decides for itself.
 */
const ANSWERS_HEAD = [
  '/',
  '/health',
  '/dashboard',
  '/account',
  '/account/services',
  '/account/sessions/end-all',
  '/admin',
  '/api/',
  '/.well-known/',
  '/auth/login',
  '/auth/assets/',
  '/auth/drawbridge.js',
  '/auth/drawbridge.mjs',
  '/auth/sessions',
  '/auth/sso/logout',
  '/oauth/device',
  '/ping.html',
  '/widgets/',
]

/**
 * The way of a sign-in. Applications also open it in a popup, whose last page is theirs again and speaks to the one
 * that opened it; one answer in between that cuts the two off, a redirect too, would leave it mute. What such a
 * window could do to our pages is kept from them otherwise: none is ever in a frame, and none takes a press in the
 * moment that it comes to the front (pages/deliberate-press.tsx).
 */
const LEADS_THROUGH_A_POPUP = [
  '/oauth/authorize',
  '/auth/login',
  '/auth/sso/login',
  '/auth/sso/callback',
]

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/**
 * Outermost: establishes the facts of the request, puts its id on whatever is answered, and logs it when it
 * is done. The log has the pattern of the route, never the path or the query.
 */
export const identify: MiddlewareHandler<Env> = async (c, next) => {
  const startedAt = milliseconds()
  const facts = new FactsOfRequest(c)
  c.set('facts', facts)
  await next()
  changeHeaders(c, (headers) => {
    headers.set('X-Request-Id', facts.requestId)
    // RFC 6797 §7.2: not over plain http, where anybody on the way could have written it.
    if (isPlainHttp(c)) headers.delete('Strict-Transport-Security')
  })
  log('info', {
    event: 'request.completed',
    request_id: facts.requestId,
    method: METHODS.includes(c.req.method) ? c.req.method : 'other',
    route: matchedRoutes(c).findLast(({ path }) => path !== '/*')?.path ?? '/*',
    status: c.res.status,
    duration_ms: milliseconds() - startedAt,
  })
}

interface Entrance {
  readonly app: Hono<Env>
  readonly config: Config
  readonly audit: Audit
}

/** Innermost: what every request has to keep before a route sees it. A refusal has touched nothing. */
export const keepLimits =
  ({ app, config, audit }: Entrance): MiddlewareHandler<Env> =>
  async (c, next) => {
    const checked = checkRequestLimits(c.req.raw)
    if (!checked.ok) {
      await audit.record(c.get('facts'), { event: 'request.refused', refusal: checked.refusal })
      return gatewayError(c, checked.refusal.code)
    }
    if (config.isHttps && isPlainHttp(c)) {
      const refusal = { code: 'https_required' } as const
      await audit.record(c.get('facts'), { event: 'request.refused', refusal })
      return isReading(c) ? c.redirect(onIssuer(c, config), 301) : gatewayError(c, refusal.code)
    }
    const isForGetOnly = c.req.method === 'HEAD' && !answersHead(c.req.path)
    if (isForGetOnly && methodsOf(app, c.req.path).includes('GET')) return answerUnrouted(app)(c)
    await next().catch(throwError)
    return undefined
  }

/**
 * Answers what no route has taken: 404, or, on a path that other methods have, 405 with `Allow`
 * (RFC 9110 §15.5.6). OPTIONS is answered with `Allow` alone; it grants nothing to other origins.
 */
export const answerUnrouted =
  (app: Hono<Env>): NotFoundHandler<Env> =>
  (c) => {
    const allowed = methodsOf(app, c.req.path)
    const isKnown = allowed.length > 0 && !allowed.includes(c.req.method)
    if (!isKnown) return gatewayError(c, 'not_found')
    c.header('Allow', [...allowed, 'OPTIONS'].join(', '))
    return c.req.method === 'OPTIONS' ? c.body(null, 204) : gatewayError(c, 'method_not_allowed')
  }

/** Whatever is thrown is a bug: it goes to the log with the id of the request, and nothing of it to the client. */
export const answerThrown: ErrorHandler<Env> = (thrown, c) => {
  const request_id = c.get('facts').requestId
  log('error', { event: 'request.failed', request_id, error: describeThrown(thrown) })
  return gatewayError(c, 'server_error')
}

/** The methods that the routes of a path take, in a fixed order. Middleware stands under `ALL`. */
function methodsOf(app: Hono<Env>, path: string): readonly string[] {
  const registered = METHODS.filter((method) =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method === method),
  )
  return METHODS.filter(
    (method) =>
      registered.includes(method) ||
      (method === 'HEAD' && registered.includes('GET') && answersHead(path)),
  )
}

const answersHead = (path: string): boolean =>
  ANSWERS_HEAD.some((name) =>
    name.length > 1 && name.endsWith('/') ? path.startsWith(name) : path === name,
  )

const isPlainHttp = (c: Context): boolean => c.req.url.startsWith('http:')

const isReading = (c: Context): boolean => c.req.method === 'GET' || c.req.method === 'HEAD'

/** The host of a site of shared sessions has a path here, under which everything of it stands as well. */
function onIssuer(c: Context, { issuer }: Config): string {
  const { hostname, pathname, search } = new URL(c.req.url)
  const below = siteHostsBelow(issuer)
  const site = hostname.endsWith(below) ? `/oneall/${hostname.slice(0, -below.length)}` : ''
  return issuer + site + pathname + search
}

/** Hono hands only an Error to the error handler; anything else would leave the Worker without an answer. */
function throwError(thrown: unknown): never {
  throw thrown instanceof Error ? thrown : new Error(describeThrown(thrown))
}

/**
 * What every answer says of how it may be shown, unless its route says something stricter, or something else on
 * purpose. The nonce is for the page's own scripts.
 */
export function securityHeaders(isHttps: boolean): MiddlewareHandler<Env> {
  const fixed = Object.entries({
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Origin-Agent-Cluster': '?1',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-DNS-Prefetch-Control': 'off',
    'X-Download-Options': 'noopen',
    'X-Permitted-Cross-Domain-Policies': 'none',
    'X-XSS-Protection': '0',
    ...(isHttps ? { 'Strict-Transport-Security': 'max-age=31536000' } : {}),
  })
  return async (c, next) => {
    const nonce = randomToken(16)
    c.set('secureHeadersNonce', nonce)
    await next()
    changeHeaders(c, (headers) => {
      for (const [name, value] of fixed) if (!headers.has(name)) headers.set(name, value)
      const isInPopup = LEADS_THROUGH_A_POPUP.some((path) => c.req.path.startsWith(path))
      headers.set('Cross-Origin-Opener-Policy', isInPopup ? 'unsafe-none' : 'same-origin')
      if (headers.has('Content-Security-Policy')) return
      const policy = pagePolicy({ nonce })
      for (const [name, value] of Object.entries(policy)) headers.set(name, value)
    })
  }
}
