/**
 * The link target as given, if following it can only ever load a web page: a path on our own origin or
 * an absolute https URL (http for a machine's own loopback). Undefined for everything else, so that
 * `javascript:` and its disguises never become an `href`.
 *
 * Pages call this on whatever they are handed, although callers have checked it for their own purpose.
 */
export function safeHref(target: string | undefined): string | undefined {
  if (target === undefined || !isPlainText(target)) return undefined
  if (target.startsWith('/')) return /^\/(?![/\\])/.test(target) ? target : undefined
  const url = URL.parse(target)
  if (url === null || url.username !== '' || url.password !== '') return undefined
  if (!/^https?:\/\//i.test(target)) return undefined
  return url.protocol === 'https:' || isLoopback(url.hostname) ? url.href : undefined
}

/**
 * The same for an address that was registered for an application: also one of a native application's own scheme,
 * which has a dot in it (RFC 8252 §7.1), so that it is none that a browser itself gives a meaning to.
 */
export function followableHref(target: string | undefined): string | undefined {
  if (target === undefined || !isPlainText(target)) return undefined
  return /^[a-z][a-z0-9+-]*\.[a-z0-9+.-]*:/i.test(target) ? target : safeHref(target)
}

/** The address of a picture to show: https only, since a page may not be made to load anything else. */
export function safePicture(source: string | undefined): string | undefined {
  const href = safeHref(source)
  return href?.startsWith('https://') ? href : undefined
}

/** Control characters, which URL parsers drop or trim, are how one target is read as another. */
const isPlainText = (target: string): boolean =>
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  !/[\u0000-\u0020\u007f]/.test(target)

const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
