/** What the texts among the settings must look like. Each rule says what is wrong, or nothing. */
import { isLoopback } from '../platform/host-kind.ts'
import { quote } from './settings-table.ts'

/** An origin exactly as browsers write it in `Origin`: nothing to normalise when two are compared. */
export function checkOrigin(value: string): string | undefined {
  const url = URL.parse(value)
  if (url === null || !isWebUrl(url)) {
    return `${quote(value)} is not an origin such as "https://login.example.com"`
  }
  if (hasUserInfo(url)) return 'holds a user name or password; write only the origin'
  if (url.origin !== value)
    return `${quote(value)} is not exactly an origin; write ${quote(url.origin)}`
  if (url.protocol === 'http:' && !isLoopback(url)) {
    return `${quote(value)} is not https; only localhost, 127.0.0.1 and [::1] may use http`
  }
  return undefined
}

/**
 * An issuer identifier (OpenID Connect Discovery 1.0 §3): compared character by character, so it has to
 * stand in its one normal form. Says nothing of the host.
 */
export function checkIssuerForm(value: string): string | undefined {
  const url = URL.parse(value)
  if (url === null || !isWebUrl(url)) return `${quote(value)} is not an https URL`
  if (hasUserInfo(url)) return 'holds a user name or password; write only the issuer'
  if (/[?#]/.test(value)) return `${quote(value)} has a query or a fragment, which no issuer has`
  const isNormal = value === url.href || `${value}/` === url.href
  return isNormal
    ? undefined
    : `${quote(value)} is not in its normal form; write ${quote(url.href)}`
}

/** RFC 6749 §3.3: tokens separated by single spaces. */
export const checkScope = (value: string): string | undefined =>
  value.split(' ').every((token) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(token))
    ? undefined
    : `${quote(value)} is not a list of scopes separated by single spaces`

/** Text that goes into protocol messages: RFC 6749 Appendix A allows visible ASCII and the blank. */
export const checkVisibleAscii = (value: string): string | undefined =>
  /^[\x21-\x7e]+$/.test(value)
    ? undefined
    : `${quote(value)} holds blanks, control characters or characters that are not ASCII`

/** A name for people: short, on one line. */
export function checkDisplayName(value: string): string | undefined {
  if (value.length > 64) return `${quote(value)} is longer than 64 characters`
  if (value.trim() !== value) return `${quote(value)} begins or ends with a blank`
  // \p{C}: controls, and the marks that make text run backwards.
  return /\p{C}/u.test(value) ? `${quote(value)} holds control characters` : undefined
}

/** The part of an e-mail address after the `@`, in lower-case ASCII. */
export function checkEmailDomain(value: string): string | undefined {
  const labels = value.split('.')
  const isDomain =
    value.length <= 253 &&
    labels.length >= 2 &&
    labels.every((label) => /^[a-z0-9-]{1,63}$/.test(label) && !/^-|-$/.test(label))
  return isDomain
    ? undefined
    : `${quote(value)} is not a domain such as "example.com" in lower case`
}

/**
 * A name of letters, digits and hyphens, or an address. The URL parser alone would also take a wildcard,
 * and a dot at the end, which is the same place under a second name.
 */
const isWebUrl = (url: URL): boolean =>
  (url.protocol === 'https:' || url.protocol === 'http:') &&
  /^[a-z0-9.:[\]-]*[a-z0-9\]]$/.test(url.hostname)

const hasUserInfo = (url: URL): boolean => url.username !== '' || url.password !== ''
