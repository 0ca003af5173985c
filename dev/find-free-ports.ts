import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Server } from 'node:net'

/** Below those that systems hand out themselves (Linux from 32768), or one could be gone before it is used. */
const LOWEST = 20_000
const HIGHEST = 32_000

/** Ports of 127.0.0.1 that nothing listens on. All are held until all are known, so they differ. */
export async function findFreePorts(): Promise<[first: number, second: number, third: number]> {
  const [first, second, third] = [await holdAnyPort(), await holdAnyPort(), await holdAnyPort()]
  for (const { server } of [first, second, third]) await once(server.close(), 'close')
  return [first.port, second.port, third.port]
}

async function holdAnyPort(): Promise<{ readonly server: Server; readonly port: number }> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST)
    const server = createServer()
    const isHeld = once(server, 'listening').then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EADDRINUSE') throw error
        return false
      },
    )
    server.listen(port, '127.0.0.1')
    if (await isHeld) return { server, port }
  }
}
