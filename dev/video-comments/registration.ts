import { join } from 'node:path'
import { keptFile } from '../otrotl/kept-file.ts'

export interface Registration {
  readonly client_id: string
  /** Where it was registered for: another port needs another registration. */
  readonly origin: string
}

/**
 * Registers the widget at the gateway through the management API, as an operator would, unless an earlier start
 * has done so and the gateway still knows it. It never needs its secret: it asks the gateway who somebody is.
 */
export async function registerVideoComments(options: {
  /** For requests of programs. */
  readonly gateway: string
  readonly adminKey: string
  readonly stateDirectory: string
  readonly origin: string
}): Promise<Registration> {
  const { gateway, adminKey, origin } = options
  const file = keptFile<Registration>(join(options.stateDirectory, 'video-comments.json'))
  const address = `${gateway}/admin/api/applications`
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
      name: 'Video comments',
      first_party: true,
      widget: { allowed_origins: [origin], roles: { editor: 'moderator', admin: 'super-mod' } },
    }),
  })
  if (answer.status !== 201) {
    throw new Error(`The widget was not registered: ${answer.status} ${await answer.text()}`)
  }
  const { client_id } = (await answer.json()) as Registration
  const registration = { client_id, origin }
  file.write(registration)
  return registration
}
