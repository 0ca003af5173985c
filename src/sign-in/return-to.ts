import type { Config } from '../config.ts'

/** Where a person goes who asked for nowhere in particular. */
const DEFAULT_PATH = '/dashboard'

const MAX_LENGTH = 2048

/**
 * Where a sign-in may send the person afterwards, as an absolute URL on our own origin or an allowed one;
 * the default page for everything else. What is emitted is the very URL object that was judged, serialized,
 * so no second parser ever reads the raw text (the browser would be one).
 *
 * The raw text is judged first, because a WHATWG parser drops and rewrites characters in it: tab and line
 * breaks vanish, backslashes become slashes.
 */
export function parseReturnTo(raw: string | undefined, config: Config): string {
  const fallback = `${config.issuer}${DEFAULT_PATH}`
  if (raw === undefined || raw.length > MAX_LENGTH || !isPlain(raw)) return fallback
  const origins = [config.issuer, ...config.allowedOrigins]
  if (!isOwnPath(raw) && !origins.some((origin) => startsWithOrigin(raw, origin))) return fallback
  const url = URL.parse(raw, config.issuer)
  if (url === null || !origins.includes(url.origin)) return fallback
  if (url.username !== '' || url.password !== '' || url.pathname.startsWith('//')) return fallback
  if (url.origin === config.issuer && isOurOwnFlow(url.pathname)) return fallback
  return url.href.length > MAX_LENGTH ? fallback : url.href
}

/** No control character (C0, DEL, C1), no space, no backslash, nothing that UTF-8 could not say. */
const isPlain = (raw: string): boolean => raw.isWellFormed() && !/[\p{Cc}\ufffd \\]/u.test(raw)

const isOwnPath = (raw: string): boolean => raw.startsWith('/') && !raw.startsWith('//')

const startsWithOrigin = (raw: string, origin: string): boolean =>
  raw.startsWith(origin) && ['', '/', '?', '#'].includes(raw.charAt(origin.length))

/** Where a checked target stands on our own origin, its path alone: shorter in links, cookies and state. */
export const withoutOwnOrigin = (returnTo: string, config: Config): string =>
  returnTo.startsWith(`${config.issuer}/`) ? returnTo.slice(config.issuer.length) : returnTo

/** Back into sign-in or sign-out would loop, or end the session that was just opened. */
function isOurOwnFlow(pathname: string): boolean {
  try {
    // Hono routes on the decoded path, so `/%61uth/` is `/auth/` too.
    return /^\/+auth(\/|$)/i.test(decodeURIComponent(pathname))
  } catch {
    return true
  }
}
