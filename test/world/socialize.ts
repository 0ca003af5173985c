/** Ways of a browser by a site to us, and what it brings back. */
import type { Browser } from './browser.ts'
import { settings } from './settings.ts'
import type { TestSite } from './sites.ts'

type Named = Pick<TestSite, 'subdomain'>

export const socialize = (site: Named) => `${settings.ISSUER}/oneall/${site.subdomain}/socialize`

/** A page of the site's says which shared session the browser has. */
export function register(
  browser: Browser,
  site: Named,
  token: string,
  { from, returnTo }: { readonly from?: string; readonly returnTo?: string } = {},
): Promise<Response> {
  const page = from ?? `https://${site.subdomain}.example/account`
  return browser.request(`${socialize(site)}/sso/register`, {
    method: 'POST',
    from: page,
    body: new URLSearchParams({ sso_session_token: token, return_to: returnTo ?? page }),
  })
}

/** A page of the site's asks who is there. */
export function check(
  browser: Browser,
  site: Named,
  changes: Record<string, string> = {},
): Promise<Response> {
  const page = `https://${site.subdomain}.example/`
  const query = new URLSearchParams({ callback_uri: page, return_to: page, ...changes })
  return browser.request(`${socialize(site)}/sso/check?${query.toString()}`, {
    from: page,
    isUnasked: true,
  })
}

/** The form that a browser would post to the site. */
export async function told(response: Response) {
  const text = await response.text()
  const field = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(text)?.[1]
  return {
    status: response.status,
    action: /<form[^>]* action="([^"]*)"/.exec(text)?.[1],
    oaAction: field('oa_action'),
    /** Older clients look at this one. */
    olderToken: field('oa_social_login_token'),
    token: field('connection_token') ?? '',
  }
}
