/**
 * The Content-Security-Policy of a page that has to say something else than the gateway says for all pages: where
 * its form may end, or whose pages it has in frames. Everything else is as there.
 */
export function pagePolicy({
  nonce,
  formTargets = ["'self'"],
  frames = [],
}: {
  readonly nonce: string | undefined
  /** Our own origin when left out; `allowForms` (allow-forms.tsx) says what else there may be. */
  readonly formTargets?: readonly string[]
  /** Origins. */
  readonly frames?: readonly string[]
}): Readonly<Record<string, string>> {
  const directives = [
    "default-src 'none'",
    `script-src ${nonce === undefined ? "'none'" : `'nonce-${nonce}'`}`,
    "style-src 'self'",
    "img-src 'self' https: data:",
    "connect-src 'self'",
    `form-action ${[...new Set(formTargets)].join(' ')}`,
    ...(frames.length > 0 ? [`frame-src ${[...new Set(frames)].join(' ')}`] : []),
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ]
  return {
    'Content-Security-Policy': directives.join('; '),
    // The gateway leaves it to a page with a policy of its own.
    'X-Frame-Options': 'DENY',
  }
}

/**
 * A URL as a policy can name it: its origin, or its scheme where it has none that a policy could name (the
 * private-use schemes of native applications, RFC 8252 §7.1, IPv6 addresses, and what is no host's name: in a URL
 * that may have `;` and `*` in it, which mean something in a policy).
 */
export function policySource(address: string): string {
  const { origin, protocol, hostname } = new URL(address)
  const isWeb = protocol === 'https:' || protocol === 'http:'
  return isWeb && /^[\w.-]+$/.test(hostname) ? origin : protocol
}
