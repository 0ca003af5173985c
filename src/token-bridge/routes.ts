/**
 * The bridge: a live session is exchanged for the access token that APIs check.
 *
 * - `GET /auth/sso/token`: the exchange, in the order of exchange-session.ts
 * - `GET /.well-known/jwks.json`: the public keys that verify those tokens
 *
 * Sessions are opened by sign-in; the token is checked by the guard (core/revocation/require-user.ts).
 */
import { Hono } from 'hono'
import type { LiveSession } from '../core/sessions/session.ts'
import { SESSION_CHALLENGE } from '../core/sessions/session-cookie.ts'
import { createDpopProofs } from '../core/tokens/dpop-proof.ts'
import { JWKS_MAX_AGE_SECONDS } from '../core/tokens/key-lifetimes.ts'
import type { Keys } from '../core/tokens/keys.ts'
import type { Clock } from '../platform/clock.ts'
import type { RequestVariables } from '../platform/request-facts.ts'
import { corsHeaders, preflightHeaders } from '../protocol/cors.ts'
import type { CorsPolicy } from '../protocol/cors.ts'
import { BRIDGE_PATH, exchangeSession } from './exchange-session.ts'
import type { BridgeParts, BridgeRefusalCode } from './exchange-session.ts'

export const JWKS_PATH = '/.well-known/jwks.json'

/**
 * What each refusal says on the wire. `no_session` leaves the cookie alone: by the time this answer
 * arrives, a sign-in in another tab may have set a new one.
 */
const answers: Record<
  BridgeRefusalCode,
  { status: 400 | 401 | 403 | 429 | 503; retryAfter?: number }
> = {
  origin_not_allowed: { status: 403 },
  rate_limited: { status: 429, retryAfter: 60 },
  invalid_dpop_proof: { status: 400 },
  no_session: { status: 401 },
  unavailable: { status: 503, retryAfter: 5 },
}

export function tokenBridgeRoutes(
  core: Omit<BridgeParts, 'proofs'> & { readonly clock: Clock; readonly keys: Keys },
) {
  const { config, clock, keys } = core
  // Its own memory of proofs: what strangers send here must not push out what the guard has seen.
  const parts: BridgeParts = { ...core, proofs: createDpopProofs() }
  const cors: CorsPolicy = {
    allowedOrigins: [config.issuer, ...config.allowedOrigins],
    methods: ['GET'],
    requestHeaders: ['DPoP'],
    // A page with a wrong clock sets its DPoP proofs by `Date`.
    exposedHeaders: ['Date', 'Retry-After', 'X-Request-Id'],
    allowCredentials: true,
  }
  const app = new Hono<{ Variables: RequestVariables }>()

  app.use(BRIDGE_PATH, async function neverShared(c, next) {
    await next()
    // On every answer, whatever it is: nothing of this may be cached, embedded or read by others.
    c.header('Cache-Control', 'no-store')
    c.header('Cross-Origin-Resource-Policy', 'same-origin')
    c.header('X-Content-Type-Options', 'nosniff')
    const sharing = corsHeaders(c.req.header('origin'), cors)
    for (const [name, value] of Object.entries(sharing)) c.header(name, value)
    c.header('Vary', 'Cookie, Origin')
  })

  app.all(BRIDGE_PATH, async (c) => {
    const request_id = c.get('facts').requestId
    if (c.req.method === 'OPTIONS') {
      return c.body(null, 204, preflightHeaders(c.req.header('origin'), cors))
    }
    // Hono would run a GET handler for HEAD, and a token would be minted that nobody reads.
    if (c.req.method !== 'GET') {
      return c.json({ error: 'method_not_allowed', request_id }, 405, { Allow: 'GET, OPTIONS' })
    }
    const exchanged = await exchangeSession(
      parts,
      {
        origin: c.req.header('origin'),
        secFetchSite: c.req.header('sec-fetch-site'),
        cookie: c.req.header('cookie'),
        dpop: c.req.header('dpop'),
      },
      c.get('facts'),
      clock(),
    )
    if (!exchanged.ok) {
      const { status, retryAfter } = answers[exchanged.refusal.code]
      if (retryAfter !== undefined) c.header('Retry-After', String(retryAfter))
      if (status === 401) c.header('WWW-Authenticate', SESSION_CHALLENGE)
      return c.json({ error: exchanged.refusal.code, request_id }, status)
    }
    const { token, tokenType, expiresIn, session } = exchanged.value
    return c.json({
      access_token: token,
      token_type: tokenType,
      expires_in: expiresIn,
      user: describeUser(session),
    })
  })

  app.all(JWKS_PATH, async (c) => {
    c.header('Access-Control-Allow-Origin', '*')
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
      const isPreflight = c.req.method === 'OPTIONS'
      return c.body(null, isPreflight ? 204 : 405, { Allow: 'GET, HEAD, OPTIONS' })
    }
    const set = await keys.publicKeySet(clock())
    if (!set.ok) {
      const { retryAfter, status } = answers[set.refusal.code]
      const headers = { 'Cache-Control': 'no-store', 'Retry-After': String(retryAfter) }
      const request_id = c.get('facts').requestId
      return c.json({ error: set.refusal.code, request_id }, status, headers)
    }
    return c.body(JSON.stringify(set.value), 200, {
      'Content-Type': 'application/jwk-set+json',
      'Cache-Control': `public, max-age=${JWKS_MAX_AGE_SECONDS}`,
    })
  })
  return app
}

/** What the page may show of the person; the token itself has none of it. */
const describeUser = ({ userId, profile: { name, email, picture } }: LiveSession) => ({
  sub: userId,
  name,
  email,
  picture,
})
