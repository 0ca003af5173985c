/**
 * The Content-Security-Policy of a page whose form leads to an application. Browsers hold the redirects that
 * follow a form to `form-action` as well, so the page says itself where its form may end.
 */
export const pagePolicy = ({
  nonce,
  formTargets,
}: {
  readonly nonce: string | undefined
  readonly formTargets: readonly string[]
}): Readonly<Record<string, string>> => ({
  'Content-Security-Policy': [
    "default-src 'none'",
    `script-src ${nonce === undefined ? "'none'" : `'nonce-${nonce}'`}`,
    "style-src 'self'",
    "img-src 'self'",
    `form-action ${formTargets.join(' ')}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'X-Frame-Options': 'DENY',
})

/**
 * A redirect URI as `form-action` can name it: its origin, or its scheme where there is no origin that a
 * policy could say (a native application's own scheme, an IPv6 address).
 */
export function formTargetOf(redirectUri: string): string {
  const { protocol, origin, hostname } = new URL(redirectUri)
  const isWeb = protocol === 'https:' || protocol === 'http:'
  return isWeb && !hostname.startsWith('[') ? origin : protocol
}
