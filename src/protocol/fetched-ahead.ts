const NAMES = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz']

/**
 * Whether a browser, or a program that shows previews, loads something before anybody has asked for it
 * (Resource Hints; `Sec-Purpose`, Fetch standard, and its older names). Such a request must use nothing up and end
 * nothing.
 */
export const isFetchedAhead = (headers: Headers): boolean =>
  NAMES.some((name) => /prefetch|prerender|preview/i.test(headers.get(name) ?? ''))

/** Whether a person looks at the page that this asks for, which is a use of their session. */
export const isVisit = ({ method, headers }: Request): boolean =>
  method === 'GET' && !isFetchedAhead(headers)
