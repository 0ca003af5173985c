import { join } from 'node:path'
import { keptFile } from '../otrotl/kept-file.ts'

export interface SiteKeys {
  readonly public_key: string
  readonly private_key: string
}

interface Kept {
  readonly client_id: string
  readonly keys: SiteKeys
}

/** A user as the gateway tells a site of them. */
export interface ToldUser {
  readonly user_token: string
  readonly identity: { readonly identity_token: string; readonly displayName?: string }
}

/** One site's use of the gateway's API, in OneAll's wire format. */
export interface SiteApi {
  /** `request` stands in the body; answers the status and what is under `data`. */
  ask(
    method: string,
    path: string,
    request?: unknown,
  ): Promise<{ readonly status: number; readonly data: Readonly<Record<string, unknown>> }>
}

/**
 * Registers a site at the gateway through the management API, as an operator would, unless an earlier start has
 * done so and the gateway still knows it.
 */
export async function openSiteApi(options: {
  readonly gateway: string
  readonly adminKey: string
  readonly stateDirectory: string
  readonly subdomain: string
  readonly allowedDomain: string
}): Promise<SiteApi> {
  const { gateway, adminKey, subdomain } = options
  const file = keptFile<Kept>(join(options.stateDirectory, `site-${subdomain}.json`))
  const address = `${gateway}/admin/api/applications`
  const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' }
  let kept = file.read()
  const isKnown =
    kept !== undefined && (await fetch(`${address}/${kept.client_id}`, { headers })).ok
  if (kept === undefined || !isKnown) {
    const answer = await fetch(address, {
      method: 'POST',
      headers,
      body: JSON.stringify({
        name: `The ${subdomain}`,
        first_party: true,
        shared_sessions: { subdomain, allowed_domains: [options.allowedDomain], group: 'samples' },
      }),
    })
    if (answer.status !== 201) {
      throw new Error(
        `The ${subdomain} was not registered: ${answer.status} ${await answer.text()}`,
      )
    }
    const made = (await answer.json()) as { client_id: string; shared_sessions: SiteKeys }
    kept = { client_id: made.client_id, keys: made.shared_sessions }
    file.write(kept)
  }
  const { public_key, private_key } = kept.keys
  const authorization = `Basic ${btoa(`${public_key}:${private_key}`)}`
  return {
    async ask(method, path, request) {
      const answer = await fetch(`${gateway}/oneall/${subdomain}${path}`, {
        method,
        headers: { authorization },
        ...(request !== undefined && { body: JSON.stringify({ request }) }),
      })
      const { response } = (await answer.json()) as {
        response: { result?: { data?: Record<string, unknown> } }
      }
      return { status: answer.status, data: response.result?.data ?? {} }
    },
  }
}
