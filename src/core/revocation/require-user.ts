/**
 * The guard: Hono middleware in front of every protected API. It runs check-access.ts and, if the answer is
 * no, answers itself (RFC 6750); the handler behind it runs for a checked token only. Mount it with
 * `app.use(path, requireUser())`, never on a single method: a preflight must meet it too.
 */
import type { Context, MiddlewareHandler } from 'hono'
import type { Clock } from '../../platform/clock.ts'
import type { RequestVariables } from '../../platform/request-facts.ts'
import { changeHeaders } from '../../platform/response-headers.ts'
import { corsHeaders, preflightHeaders } from '../../protocol/cors.ts'
import type { CorsPolicy } from '../../protocol/cors.ts'
import type { AuditEvent } from '../audit/audit-event.ts'
import type { AccessTokenClaims } from '../tokens/access-token.ts'
import { accessAnswer } from './access-answer.ts'
import type { AccessChecks, AccessRequest } from './check-access.ts'
import type { RevocationLevel } from './revocation.ts'

/** The Hono variables behind the guard. */
export interface AccessVariables extends RequestVariables {
  /** The checked token's claims: who is calling. Set by the guard and by nothing else. */
  access: AccessTokenClaims
}

export type GuardedContext = Context<{ Variables: AccessVariables }>

export type RequireUser = (options?: {
  /** How surely a revoked token is refused here; `bounded` unless said otherwise. */
  readonly level?: RevocationLevel
  /** Scopes that the token must have, separated by blanks. */
  readonly scope?: string
}) => MiddlewareHandler<{ Variables: AccessVariables }>

export interface GuardParts {
  /** Where the API is served, as its callers see it: `https://api.example.com`. */
  readonly origin: string
  /** The other origins whose pages may call it. */
  readonly allowedOrigins: readonly string[]
  readonly clock: Clock
  /** Records each decision. */
  readonly record: (c: GuardedContext, event: AuditEvent) => Promise<void>
  readonly accessChecks: AccessChecks
}

export function createRequireUser({
  origin: ownOrigin,
  allowedOrigins,
  clock,
  record,
  accessChecks,
}: GuardParts): RequireUser {
  const cors: CorsPolicy = {
    allowedOrigins: [ownOrigin, ...allowedOrigins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    requestHeaders: ['Authorization', 'DPoP', 'Content-Type'],
    exposedHeaders: ['WWW-Authenticate', 'Retry-After', 'X-Request-Id'],
    // The token is in a header; no cookie has a part in this.
    allowCredentials: false,
  }

  return ({ level = 'bounded', scope } = {}) =>
    async function requireUser(c, next) {
      const origin = c.req.header('origin')
      if (c.req.method === 'OPTIONS') return c.body(null, 204, preflightHeaders(origin, cors))

      const authorization = c.req.header('authorization')
      const decision = await accessChecks.check(
        new GuardedRequest(c.req, authorization, ownOrigin, level, scope),
        clock(),
      )
      if (decision.ok) {
        const { sub, sid } = decision.value
        await record(c, { event: 'access.accepted', userId: sub, sid })
        c.set('access', decision.value)
        await next()
      } else {
        const { refusal, whose } = decision
        await record(c, { event: 'access.refused', refusal, ...holderOf(whose) })
        c.res = refused(c, accessAnswer(refusal.code, { authorization, scope }))
      }
      // On refusals too, and on what a failing handler left: a page must be able to read that its token is dead.
      shareWith(c, corsHeaders(origin, cors))
      return undefined
    }
}

/** What is asked of one request. Its proof, and what that must be of, are looked up for bound tokens only. */
class GuardedRequest implements AccessRequest {
  readonly #request: GuardedContext['req']
  readonly #ownOrigin: string
  readonly authorization: string | undefined
  readonly level: RevocationLevel
  readonly scope: string | undefined

  constructor(
    request: GuardedContext['req'],
    authorization: string | undefined,
    ownOrigin: string,
    level: RevocationLevel,
    scope: string | undefined,
  ) {
    this.#request = request
    this.#ownOrigin = ownOrigin
    this.authorization = authorization
    this.level = level
    this.scope = scope
  }

  get dpop(): string | undefined {
    return this.#request.header('dpop')
  }

  get method(): string {
    return this.#request.method
  }

  /** Where we say that we are, never where the request says (C27). */
  get url(): string {
    return this.#ownOrigin + new URL(this.#request.url).pathname
  }
}

/**
 * Who a refused token names, for the log line. Not as `userId`, which would store a row per request: a
 * stolen or revoked token must not be a way to fill the directory.
 */
const holderOf = (whose: { readonly sub: string; readonly sid: string } | undefined) =>
  whose === undefined ? {} : { sid: whose.sid, facts: { token_user: whose.sub } }

function refused(c: GuardedContext, answer: ReturnType<typeof accessAnswer>): Response {
  const { status, error, challenges, retryAfterSeconds } = answer
  const headers = new Headers()
  for (const challenge of challenges) headers.append('WWW-Authenticate', challenge)
  if (retryAfterSeconds !== undefined) headers.set('Retry-After', String(retryAfterSeconds))
  return Response.json({ error, request_id: c.get('facts').requestId }, { status, headers })
}

/** Adds the headers of cross-origin sharing, and keeps the answer out of every cache unless it says otherwise. */
function shareWith(c: GuardedContext, headers: Record<string, string>): void {
  changeHeaders(c, (answer) => {
    for (const name in headers) {
      if (name === 'Vary') answer.append(name, headers[name]!)
      else answer.set(name, headers[name]!)
    }
    if (!answer.has('Cache-Control')) answer.set('Cache-Control', 'no-store')
  })
}
