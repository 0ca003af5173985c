import type { Context } from 'hono'
import type { RequestVariables } from '../platform/request-facts.ts'
import { pagePolicy } from './page-policy.ts'

/**
 * Lets the forms of a page lead to us, and by our answer to these addresses. Of them only the scheme is named:
 * whoever is there may redirect on to anybody, and Chromium holds every redirect that follows a form to the policy
 * of the page that the form was on. A person would stand still there.
 */
export function allowForms(
  c: Context<{ Variables: RequestVariables }>,
  addresses: readonly string[],
): void {
  const formTargets = ["'self'", ...addresses.map((address) => new URL(address).protocol)]
  const policy = pagePolicy({ nonce: c.get('secureHeadersNonce'), formTargets })
  for (const [name, value] of Object.entries(policy)) c.header(name, value)
}
