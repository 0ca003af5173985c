import type { OAuthClient } from '../../core/applications/application.ts'

/** RFC 8252 §7.3: a loopback address as a literal, its port, and the rest. `localhost` is a name, not an address. */
const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::(\d{1,5}))?((?:[/?][^#]*)?)$/

/**
 * Whether an answer may go to this URI: one that is registered, compared character by character (RFC 9700
 * §2.1). Of a native application's loopback literal the port is free, and nothing else. What matches holds
 * only characters of a registered URI and digits, so it is sent on as it stands.
 */
export const isRegisteredRedirectUri = (
  { redirectUris, applicationType }: Pick<OAuthClient, 'redirectUris' | 'applicationType'>,
  uri: string,
): boolean =>
  redirectUris.includes(uri) ||
  (applicationType === 'native' &&
    withoutPort(uri) !== undefined &&
    redirectUris.some((registered) => withoutPort(registered) === withoutPort(uri)))

function withoutPort(uri: string): string | undefined {
  const [, origin, port, rest] = LOOPBACK.exec(uri) ?? []
  if (origin === undefined || (port !== undefined && !isPort(port))) return undefined
  return `${origin}${rest}`
}

const isPort = (digits: string): boolean =>
  !digits.startsWith('0') && Number(digits) >= 1 && Number(digits) <= 65_535
