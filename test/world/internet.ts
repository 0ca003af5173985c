import { vi } from 'vitest'

export interface RecordedRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export type Handler = (request: Request) => Response | Promise<Response>

/** Everything outside the gateway, as far as it can be reached by `fetch`. */
export interface Internet {
  /** Puts a server at an origin; a later one replaces it. */
  serve(origin: string, handler: Handler): void
  /** Takes the server at an origin off the net. */
  unplug(origin: string): void
  /** Every request that left the gateway, also those to hosts that do not exist, in order. */
  readonly requests: RecordedRequest[]
  /** The requests whose URL begins so. */
  requestsTo(urlPrefix: string): RecordedRequest[]
}

/**
 * Replaces `fetch` in this isolate, and so for the Worker and its Durable Objects, until the test ends.
 * Behaves as a network does: unknown hosts fail, an aborted request ends, and redirects are followed
 * unless the caller asked otherwise.
 */
export function createInternet(): Internet {
  const servers = new Map<string, Handler>()
  const requests: RecordedRequest[] = []

  const exchange = async (request: Request): Promise<Response> => {
    requests.push({
      method: request.method,
      url: request.url,
      headers: Object.fromEntries(request.headers),
      body: new TextDecoder().decode(await request.clone().arrayBuffer()),
    })
    const server = servers.get(new URL(request.url).origin)
    if (server === undefined) throw new TypeError(`no such host: ${new URL(request.url).host}`)
    return Promise.race([server(request), aborted(request.signal)])
  }

  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    let request = new Request(input as RequestInfo, init as RequestInit)
    for (let hops = 0; hops < 20; hops += 1) {
      const response = await exchange(request)
      const location = response.headers.get('location')
      const isRedirect = response.status >= 300 && response.status < 400 && location !== null
      if (!isRedirect || request.redirect === 'manual') return response
      if (request.redirect === 'error') throw new TypeError('redirected')
      request = new Request(new URL(location, request.url), { headers: request.headers })
    }
    throw new TypeError('too many redirects')
  })

  return {
    serve: (origin, handler) => void servers.set(new URL(origin).origin, handler),
    unplug: (origin) => void servers.delete(new URL(origin).origin),
    requests,
    requestsTo: (prefix) => requests.filter(({ url }) => url.startsWith(prefix)),
  }
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
  })
