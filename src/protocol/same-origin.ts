/**
 * Whether a request that changes something comes from a page of our own: the browser says so in `Origin`, or,
 * where a referrer policy has made that `null` (Fetch standard, "append a request `Origin` header"), in
 * `Sec-Fetch-Site`, which no page can set. A cookie alone never suffices, whatever the content type is.
 */
export function isFromOurPage(headers: Headers, issuer: string): boolean {
  const origin = headers.get('origin')
  if (origin !== null && origin !== 'null') return origin === issuer
  return headers.get('sec-fetch-site') === 'same-origin'
}
