import type { Context } from 'hono'
import type { RequestVariables } from '../platform/request-facts.ts'
import { LeavingPage } from './leaving-page.tsx'

/**
 * A session has ended, and the browser goes on: by a redirect, or, where the policy of the form that was sent does
 * not let it go there (`mayRedirect`), by a page of ours that leads on. Never cached.
 */
export function leadOn(
  c: Context<{ Variables: RequestVariables }>,
  {
    url,
    setCookies,
    mayRedirect,
  }: { readonly url: URL; readonly setCookies: readonly string[]; readonly mayRedirect: boolean },
) {
  c.header('Cache-Control', 'no-store')
  for (const line of setCookies) c.header('Set-Cookie', line, { append: true })
  if (mayRedirect) return c.redirect(url.href, 303)
  c.header('Refresh', `0; url=${url.href}`)
  return c.html(<LeavingPage providerUrl={url} nonce={c.get('secureHeadersNonce')} />)
}
