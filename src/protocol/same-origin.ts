/**
 * Whether a page of our own has sent this request, which every change that goes by the session cookie needs,
 * whatever its content type. Our pages send no referrer, and then browsers say `Origin: null` of a form
 * (Fetch standard, "append a request `Origin` header"): so where it says nothing, `Sec-Fetch-Site` has to;
 * where both speak, both must agree. A browser that sends neither is not believed.
 */
export function isFromOwnPage(headers: Headers, ownOrigin: string): boolean {
  const origin = headers.get('origin')
  const site = headers.get('sec-fetch-site')
  if (site !== null && site !== 'same-origin') return false
  if (origin === null || origin === 'null') return site === 'same-origin'
  return origin === ownOrigin
}
