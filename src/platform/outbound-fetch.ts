/**
 * The one way out. Every request that leaves the gateway goes through here, so that no document or setting
 * can steer it into a private network, back to itself, or into waiting and reading without end.
 */
import { hostKind, isLoopback } from './host-kind.ts'
import { describeThrown } from './log.ts'
import { ok, refuse } from './refusal.ts'
import type { Result } from './refusal.ts'
import { within } from './time-limit.ts'

export type OutboundRefusal =
  | 'url_not_allowed' // not https, not a public host, our own host, or a URL with user info or a fragment
  | 'timeout' // headers and body were not there in time
  | 'too_large'
  | 'redirected' // the server sends us elsewhere; we do not follow
  | 'unreachable' // no connection, or it broke

export interface OutboundRequest {
  readonly method?: string
  /** Exactly these are sent; a `Cookie` among them is not. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | URLSearchParams
}

export interface OutboundAnswer {
  /** 200 to 299, or 400 and above. */
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array<ArrayBuffer>
}

export interface UrlRules {
  /** Spelled out in the configuration: loopback hosts may be reached, also by http. */
  readonly allowInsecureHttp: boolean
}

/** @returns the whole answer, or why there is none. Facts hold at most the host's name. */
export type OutboundFetch = (
  url: string | URL,
  request: OutboundRequest,
  rules: UrlRules,
) => Promise<Result<OutboundAnswer, OutboundRefusal>>

export interface OutboundLimits {
  /** For headers and body together. */
  readonly timeoutMilliseconds: number
  /** Counted while reading, after content decoding. */
  readonly bodyBytes: number
}

const LIMITS: OutboundLimits = { timeoutMilliseconds: 5_000, bodyBytes: 512 * 1024 }

/** @param parts.ownOrigin our public origin (`ISSUER`), which is never called. */
export function createOutboundFetch(
  { ownOrigin }: { readonly ownOrigin: string },
  limits: OutboundLimits = LIMITS,
): OutboundFetch {
  return async (address, { method = 'GET', headers = {}, body }, rules) => {
    const url = parseOutboundUrl(address, ownOrigin, rules)
    if (!url.ok) return url
    const { host } = url.value
    const abort = new AbortController()
    try {
      const answer = await within(
        limits.timeoutMilliseconds,
        exchange(url.value, { method, headers, body }, limits.bodyBytes, abort.signal),
      )
      if (answer.isLate) return refuse('timeout', { host })
      return answer.value.ok ? answer.value : refuse(answer.value.refusal.code, { host })
    } catch (thrown) {
      return refuse('unreachable', { host, error: describeThrown(thrown) })
    } finally {
      abort.abort()
    }
  }
}

/**
 * Whether we may go there: an https URL of a public host that is not ours, without user info and fragment.
 * Judged on the parsed URL, which is also the one that is used.
 */
export function parseOutboundUrl(
  address: string | URL,
  ownOrigin: string,
  { allowInsecureHttp }: UrlRules,
): Result<URL, 'url_not_allowed'> {
  const url = URL.parse(String(address))
  if (url === null) return refuse('url_not_allowed')
  const isOnLoopback = allowInsecureHttp && isLoopback(url)
  const isAllowed =
    (url.protocol === 'https:' || (url.protocol === 'http:' && isOnLoopback)) &&
    (hostKind(url.hostname) === 'public' || isOnLoopback) &&
    !url.hostname.endsWith('.') &&
    !isOwnHost(url, new URL(ownOrigin)) &&
    url.username === '' &&
    url.password === '' &&
    !url.href.includes('#')
  return isAllowed ? ok(url) : refuse('url_not_allowed', { host: url.host })
}

/** On loopback, where gateway and provider share one host under several names, the port tells them apart. */
const isOwnHost = (url: URL, own: URL): boolean =>
  isLoopback(url) && isLoopback(own) ? url.port === own.port : url.hostname === own.hostname

async function exchange(
  url: URL,
  request: Required<Omit<OutboundRequest, 'body'>> & { body: OutboundRequest['body'] },
  bodyLimit: number,
  signal: AbortSignal,
): Promise<Result<OutboundAnswer, OutboundRefusal>> {
  const headers = new Headers(request.headers)
  headers.delete('cookie')
  const response = await fetch(url, {
    method: request.method,
    headers,
    body: request.body ?? null,
    redirect: 'manual',
    cache: 'no-store',
    signal,
  })
  const { status } = response
  if ((status >= 300 && status < 400) || response.redirected) return refuse('redirected')
  if (status < 200) return refuse('unreachable')
  const bytes = await readAtMost(response, bodyLimit, signal)
  return bytes === undefined
    ? refuse('too_large')
    : ok({ status, headers: response.headers, bytes })
}

/** The body's bytes, or undefined as soon as there are more than `limit`. */
async function readAtMost(
  response: Response,
  limit: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (Number(response.headers.get('content-length')) > limit) return undefined
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    signal.throwIfAborted()
    length += chunk.byteLength
    if (length > limit) return undefined
    chunks.push(chunk)
  }
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.byteLength
  }
  return bytes
}
