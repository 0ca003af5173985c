import { join } from 'node:path'
import { keptFile } from '../otrotl/kept-file.ts'

export interface Registration {
  readonly client_id: string
  readonly client_secret: string
  /** Where it was registered for: another port needs another registration. */
  readonly origin: string
}

/**
 * Registers the marketplace at the gateway through the management API, as an operator would, unless an
 * earlier start has done so and the gateway still knows it.
 */
export async function registerMarketplace(options: {
  readonly issuer: string
  readonly adminKey: string
  readonly stateDirectory: string
  readonly origin: string
  /** For requests that the gateway itself makes. */
  readonly backChannelOrigin: string
}): Promise<Registration> {
  const { issuer, adminKey, origin, backChannelOrigin } = options
  const file = keptFile<Registration>(join(options.stateDirectory, 'marketplace.json'))
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
      name: 'Marketplace',
      first_party: false,
      oauth: {
        redirect_uris: [`${origin}/callback`],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        scope: 'openid profile email',
        token_endpoint_auth_method: 'client_secret_basic',
        post_logout_redirect_uris: [`${origin}/`],
        backchannel_logout_uri: `${backChannelOrigin}/backchannel-logout`,
        backchannel_logout_session_required: true,
      },
    }),
  })
  if (answer.status !== 201) {
    throw new Error(`The marketplace was not registered: ${answer.status} ${await answer.text()}`)
  }
  const { client_id, client_secret } = (await answer.json()) as Registration
  const registration = { client_id, client_secret, origin }
  file.write(registration)
  return registration
}
