import { isFetchedAhead } from './fetched-ahead.ts'

/**
 * Whether a request is a person going somewhere (Fetch Metadata Request Headers, W3C). A sign-in must not
 * begin, nor a site be told who is here, because something was merely loaded: a prefetch, a picture, a frame,
 * a script. Whoever does not say the destination is believed: every browser that knows these headers says it,
 * and other HTTP clients may send a mode without meaning anything by it.
 */
export function isNavigation(headers: Headers): boolean {
  if (isFetchedAhead(headers)) return false
  const destination = headers.get('sec-fetch-dest')
  if (destination === null) return true
  return destination === 'document' && (headers.get('sec-fetch-mode') ?? 'navigate') === 'navigate'
}

/** Whether another site sent the browser here without the person having done anything. */
export const isForeignAndUnasked = (headers: Headers): boolean =>
  headers.get('sec-fetch-site') === 'cross-site' && headers.get('sec-fetch-user') !== '?1'
