import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/** Ports of 127.0.0.1 that nothing listens on. All are held until all are known, so they differ. */
export async function findFreePorts(): Promise<[first: number, second: number, third: number]> {
  const servers = [createServer(), createServer(), createServer()] as const
  const [first, second, third] = await Promise.all(
    servers.map(async (server) => {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    }),
  )
  await Promise.all(servers.map(async (server) => once(server.close(), 'close')))
  return [first!, second!, third!]
}
