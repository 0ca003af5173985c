import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/** Two ports of 127.0.0.1 that nothing listens on. Both are held until both are known, so they differ. */
export async function findFreePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const
  const [first, second] = await Promise.all(
    servers.map(async (server) => {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    }),
  )
  await Promise.all(servers.map(async (server) => once(server.close(), 'close')))
  return [first!, second!]
}
