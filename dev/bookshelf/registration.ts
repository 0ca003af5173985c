import { join } from 'node:path'
import { keptFile } from '../otrotl/kept-file.ts'

export interface Registration {
  readonly client_id: string
  readonly apikey: string
  /** Where it was registered for: another port needs another registration. */
  readonly origin: string
}

/**
 * Registers the bookshelf at the gateway through the management API, as an operator would, unless an earlier
 * start has done so and the gateway still knows it.
 */
export async function registerBookshelf(options: {
  readonly issuer: string
  readonly adminKey: string
  readonly stateDirectory: string
  readonly origin: string
  /** For requests that the gateway itself makes. */
  readonly backChannelOrigin: string
}): Promise<Registration> {
  const { issuer, adminKey, origin, backChannelOrigin } = options
  const file = keptFile<Registration>(join(options.stateDirectory, 'bookshelf.json'))
  const address = `${issuer}/admin/api/applications`
  const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' }
  const kept = file.read()
  if (kept !== undefined && kept.origin === origin) {
    const known = await fetch(`${address}/${kept.client_id}`, { headers })
    if (known.ok) return kept
  }
  const answer = await fetch(address, {
    method: 'POST',
    headers,
    body: JSON.stringify({
      name: 'Bookshelf',
      handoff: {
        login_url: `${origin}/sso/login`,
        logout_url: `${backChannelOrigin}/sso/logout/`,
      },
    }),
  })
  if (answer.status !== 201) {
    throw new Error(`The bookshelf was not registered: ${answer.status} ${await answer.text()}`)
  }
  const body = (await answer.json()) as { client_id: string; handoff: { apikey: string } }
  const registration = { client_id: body.client_id, apikey: body.handoff.apikey, origin }
  file.write(registration)
  return registration
}
