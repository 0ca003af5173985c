import type { Context } from 'hono'

/** A session has ended, and the browser goes on. Never cached. */
export function leadOn(
  c: Context,
  { url, setCookies }: { readonly url: URL; readonly setCookies: readonly string[] },
): Response {
  c.header('Cache-Control', 'no-store')
  for (const line of setCookies) c.header('Set-Cookie', line, { append: true })
  return c.redirect(url.href, 303)
}
