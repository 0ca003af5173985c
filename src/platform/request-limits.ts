import { ok, refuse } from './refusal.ts'
import type { Result } from './refusal.ts'

const MAX_URL_BYTES = 8 * 1024
const MAX_HEADERS_BYTES = 32 * 1024
const MAX_HEADERS = 200
/** RFC 6265 §6.1: what browsers keep of one cookie, its name and value together. */
const MAX_COOKIE_BYTES = 4 * 1024

/**
 * The sizes that every request has to keep, whatever it asks for. `uri_too_long` is answered 414 and
 * `headers_too_large` 431 (RFC 6585 §5). A header repeated by the client counts once, with all its values.
 */
export function checkRequestLimits(
  request: Request,
): Result<undefined, 'uri_too_long' | 'headers_too_large'> {
  if (request.url.length > MAX_URL_BYTES) return refuse('uri_too_long')
  let count = 0
  let bytes = 0
  for (const [name, value] of request.headers) {
    count += 1
    bytes += name.length + value.length + ': \r\n'.length
  }
  if (count > MAX_HEADERS) return refuse('headers_too_large', { headers: count })
  if (bytes > MAX_HEADERS_BYTES) return refuse('headers_too_large', { bytes })
  const cookies = request.headers.get('cookie')?.split(';') ?? []
  // One byte more for the `=` between name and value.
  const hasOversizedCookie = cookies.some((pair) => pair.trim().length > MAX_COOKIE_BYTES + 1)
  return hasOversizedCookie ? refuse('headers_too_large', { cookie: true }) : ok(undefined)
}
