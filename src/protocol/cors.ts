/**
 * Cross-origin sharing (Fetch standard, "CORS protocol") for the few origins that the configuration names.
 * An origin is compared character by character and never echoed before it matched; `null` never matches.
 */

export interface CorsPolicy {
  readonly allowedOrigins: readonly string[]
  /** For a preflight: what a cross-origin request may use. */
  readonly methods: readonly string[]
  readonly requestHeaders: readonly string[]
  /** What the page may read of the answer. */
  readonly exposedHeaders: readonly string[]
  /** Cookies are sent along and the answer may still be read: spelled out, for allowed origins only. */
  readonly allowCredentials: boolean
}

const PREFLIGHT_MAX_AGE_SECONDS = 600

/** Whether a request's `Origin` is one of those allowed. */
export const isAllowedOrigin = (
  origin: string | undefined,
  allowedOrigins: readonly string[],
): origin is string => origin !== undefined && origin !== 'null' && allowedOrigins.includes(origin)

/** The headers by which a browser says whose script makes a request. */
export interface CallingPage {
  readonly origin: string | undefined
  readonly secFetchSite: string | undefined
}

/**
 * What shows that a request which goes by a cookie comes from a page that may not have the answer. A request
 * without `Origin` is not a cross-origin fetch; where the browser says who made it, it must have been our own
 * page or the person (`none`), so that no other site can embed the answer, and no link to it can be followed.
 */
export function findForeignPage(
  { origin, secFetchSite }: CallingPage,
  allowedOrigins: readonly string[],
): 'origin' | 'sec_fetch_site' | undefined {
  if (origin !== undefined) return isAllowedOrigin(origin, allowedOrigins) ? undefined : 'origin'
  const isOurs =
    secFetchSite === undefined || secFetchSite === 'same-origin' || secFetchSite === 'none'
  return isOurs ? undefined : 'sec_fetch_site'
}

/** The headers of an answer. An origin that is not allowed gets nothing but the `Vary`. */
export function corsHeaders(
  origin: string | undefined,
  policy: CorsPolicy,
): Record<string, string> {
  if (!isAllowedOrigin(origin, policy.allowedOrigins)) return { Vary: 'Origin' }
  return {
    Vary: 'Origin',
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Expose-Headers': policy.exposedHeaders.join(', '),
    ...(policy.allowCredentials ? { 'Access-Control-Allow-Credentials': 'true' } : {}),
  }
}

/** The headers of the answer to a preflight; what was asked for is never reflected. */
export function preflightHeaders(
  origin: string | undefined,
  policy: CorsPolicy,
): Record<string, string> {
  const headers = corsHeaders(origin, policy)
  if (!isAllowedOrigin(origin, policy.allowedOrigins)) return headers
  return {
    ...headers,
    'Access-Control-Allow-Methods': policy.methods.join(', '),
    'Access-Control-Allow-Headers': policy.requestHeaders.join(', '),
    'Access-Control-Max-Age': String(PREFLIGHT_MAX_AGE_SECONDS),
  }
}
