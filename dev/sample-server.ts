/** What the sample applications have in common as servers: they listen on this machine, and show pages. */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SampleServer {
  readonly port: number
  stop(): Promise<void>
}

/** Listens on 127.0.0.1; with `port` 0, on any free port. Rejects with the listener's error. */
export async function listen(options: {
  readonly port: number
  readonly answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>
  /** Says so, where nothing has been answered yet. */
  readonly sayFailed: (response: ServerResponse) => void
  readonly log: (line: string) => void
}): Promise<SampleServer> {
  const { answer, sayFailed, log } = options
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      log(`failed: ${String(error)}`)
      if (response.headersSent) response.destroy()
      else sayFailed(response)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export function show(response: ServerResponse, status: number, html: string): void {
  response
    .writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
    .end(html)
}

/** 303: whatever was posted is not posted on. */
export function redirect(response: ServerResponse, location: string | URL): void {
  response.writeHead(303, { location: String(location), 'cache-control': 'no-store' }).end()
}
