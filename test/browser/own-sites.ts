import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { adminKeyIn } from './operators-journey.ts'
import { world } from './visitor.ts'

export interface SiteAnswer {
  readonly location?: string
  readonly html?: string
}

/** Sites of origins of their own, for one test: `close` ends them. */
export function createOwnSites() {
  const servers: Server[] = []
  return {
    /** Its origin. */
    async serve(answer: (path: string) => SiteAnswer): Promise<string> {
      const server = createServer((request, response) => {
        const { location, html = '' } = answer(request.url ?? '')
        const headers = { 'content-type': 'text/html', ...(location && { location }) }
        response.writeHead(location === undefined ? 200 : 303, headers).end(html)
      })
      servers.push(server)
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    },
    close() {
      for (const server of servers.splice(0)) server.close()
    },
  }
}

/** Registers an application at the gateway of the tests, as an operator would; its client id. */
export async function registerOwn(
  name: string,
  oauth: Readonly<Record<string, unknown>>,
): Promise<string> {
  const secrets = readFileSync(join(dirname(world().logFile), '.dev.vars'), 'utf8')
  const answer = await fetch(`${world().gateway}/admin/api/applications`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${adminKeyIn(secrets)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ name, first_party: false, oauth }),
  })
  if (answer.status !== 201) throw new Error(await answer.text())
  return ((await answer.json()) as { client_id: string }).client_id
}
