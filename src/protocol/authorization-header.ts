/** The two ways in which an access token is presented: RFC 6750 §2.1 and RFC 9449 §7.1. */
export type AccessTokenScheme = 'Bearer' | 'DPoP'

export type AuthorizationHeader =
  | { readonly kind: 'token'; readonly scheme: AccessTokenScheme; readonly token: string }
  /** No header, another scheme, or a scheme without a token: there is nothing to judge. */
  | { readonly kind: 'none' }
  /** One of our schemes with something that no token can be; also two headers, which arrive joined by a comma. */
  | { readonly kind: 'malformed'; readonly scheme: AccessTokenScheme }

/** RFC 9110 §11.2 `token68`, the only form that a token may have; a comma is not in it. */
const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/

/** Reads an `Authorization` header. Scheme names know no case (RFC 9110 §11.1); tokens do. */
export function parseAuthorization(header: string | undefined): AuthorizationHeader {
  const value = header?.trim() ?? ''
  const [start = '', name = ''] = /^([^\s,]+)(?:[ \t]+|$)/.exec(value) ?? []
  const rest = value.slice(start.length)
  const scheme = schemeNamed(name)
  if (scheme === undefined) return { kind: 'none' }
  if (rest === '') return { kind: 'none' }
  return TOKEN68.test(rest) ? { kind: 'token', scheme, token: rest } : { kind: 'malformed', scheme }
}

function schemeNamed(name: string): AccessTokenScheme | undefined {
  switch (name.toLowerCase()) {
    case 'bearer':
      return 'Bearer'
    case 'dpop':
      return 'DPoP'
    default:
      return undefined
  }
}
