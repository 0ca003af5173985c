import { registerSample } from '../register-sample.ts'
import type { SampleOptions } from '../register-sample.ts'

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
export async function openSiteApi(
  options: SampleOptions & { readonly subdomain: string; readonly allowedDomain: string },
): Promise<SiteApi> {
  const { gateway, subdomain, allowedDomain } = options
  const { shared_sessions: keys } = await registerSample(options, allowedDomain, {
    name: `The ${subdomain}`,
    first_party: true,
    // And an application on phones, as OneAll's own library for Android names itself.
    shared_sessions: {
      subdomain,
      allowed_domains: [allowedDomain, 'oneall://otrotl'],
      group: 'samples',
    },
  })
  const authorization = `Basic ${btoa(`${keys?.public_key}:${keys?.private_key}`)}`
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
