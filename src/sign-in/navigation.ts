/**
 * Whether a request is a person going somewhere (Fetch Metadata Request Headers, W3C). A sign-in must not
 * begin because something was merely loaded: a prefetch, a picture, a frame, a script. Browsers that do not
 * send these headers are believed.
 */
export function isNavigation(headers: Headers): boolean {
  const purposes = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'].map(
    (name) => headers.get(name) ?? '',
  )
  if (purposes.some((purpose) => /prefetch|prerender|preview/i.test(purpose))) return false
  return (
    isAbsentOr('document', headers.get('sec-fetch-dest')) &&
    isAbsentOr('navigate', headers.get('sec-fetch-mode'))
  )
}

/** Whether another site sent the browser here without the person having done anything. */
export const isForeignAndUnasked = (headers: Headers): boolean =>
  headers.get('sec-fetch-site') === 'cross-site' && headers.get('sec-fetch-user') !== '?1'

const isAbsentOr = (expected: string, value: string | null): boolean =>
  value === null || value === expected
