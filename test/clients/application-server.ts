import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface Received {
  readonly method: string
  readonly url: URL
  readonly body: string
}

/** The server of an application: it answers every request with 200, and remembers it. */
export interface ApplicationServer {
  readonly origin: string
  readonly received: readonly Received[]
  /** The first request to this path, as soon as it has come. */
  next(path: string): Promise<Received>
  stop(): Promise<void>
}

export async function startApplicationServer(): Promise<ApplicationServer> {
  const received: Received[] = []
  const waiting: { readonly path: string; readonly found: (request: Received) => void }[] = []
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', origin())
    const one = { method: request.method ?? '', url, body: await text(request) }
    received.push(one)
    for (const { found } of waiting.filter(({ path }) => path === url.pathname)) found(one)
    response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' }).end('ok')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin: origin(),
    received,
    next(path) {
      const known = received.find(({ url }) => url.pathname === path)
      if (known) return Promise.resolve(known)
      return new Promise((found) => waiting.push({ path, found }))
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
