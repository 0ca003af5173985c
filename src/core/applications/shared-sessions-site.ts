/** What an application may do as a site that shares sessions with the others of its company. */
import { hostKind } from '../../platform/host-kind.ts'
import type { RegistrationProblem } from './registration-problem.ts'

export interface SharedSessionsSite {
  /** How the site is addressed: `<subdomain>.api.<domain>`, or `/oneall/<subdomain>`. */
  readonly subdomain: string
  /**
   * Hosts that people are brought back to: `shop.example`, `*.shop.example`, `localhost:9091`; and whole addresses
   * of applications on phones: `oneall://google`, `com.example.shop://signed-in`.
   */
  readonly allowedDomains: readonly string[]
  /**
   * The company whose sites share people and sessions. A site without one shares with nobody; nobody joins
   * a company but by an operator.
   */
  readonly group: string | undefined
}

export type SharedSessionsRegistration = {
  readonly subdomain: string
  readonly allowedDomains?: readonly string[] | undefined
  readonly group?: string | undefined
}

const MOST_DOMAINS = 100
const SUBDOMAIN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const GROUP = /^[a-z0-9](?:[a-z0-9_-]{0,62})$/

/** Whether this can be a site's subdomain: one label of a host name, in lower case. */
export const isSubdomain = (value: string): boolean => SUBDOMAIN.test(value)

export const completeSite = (site: SharedSessionsRegistration): SharedSessionsSite => ({
  subdomain: site.subdomain,
  allowedDomains: [...new Set(site.allowedDomains ?? [])],
  group: site.group,
})

export function judgeSite(site: SharedSessionsSite): readonly RegistrationProblem[] {
  const problems: RegistrationProblem[] = []
  const report = (member: string, detail: string) =>
    problems.push({ pointer: `/shared_sessions/${member}`, detail })
  if (!isSubdomain(site.subdomain)) {
    report('subdomain', 'is not one label of a host name: 1 to 63 of a-z 0-9 -')
  }
  if (site.group !== undefined && !GROUP.test(site.group)) {
    report('group', 'is not 1 to 63 of a-z 0-9 _ -')
  }
  if (site.allowedDomains.length > MOST_DOMAINS) {
    report('allowed_domains', `has more than ${MOST_DOMAINS} elements`)
    return problems
  }
  for (const [i, domain] of site.allowedDomains.entries()) {
    const detail = checkAllowedDomain(domain)
    if (detail !== undefined) report(`allowed_domains/${i}`, detail)
  }
  return problems
}

const ALLOWED =
  /^(\*\.)?([a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)(:\d{1,5})?$/

/** OneAll's own scheme, or one that is somebody's by a domain name (RFC 8252 §7.1). */
const APP_ADDRESS = /^(?:oneall|[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+):\/\/[a-z0-9_.-]*$/

/** Whether this is the address of an application that the site has named, letter for letter. */
export const isAllowedApp = (address: string, allowedDomains: readonly string[]): boolean =>
  APP_ADDRESS.test(address) && allowedDomains.includes(address)

/** What is wrong with an allowed domain, or undefined. */
export function checkAllowedDomain(domain: string): string | undefined {
  if (domain.length <= 255 && APP_ADDRESS.test(domain)) return undefined
  const [, wildcard, host = '', port] = (domain.length <= 255 && ALLOWED.exec(domain)) || []
  if (host === '') return 'is not a host name in lower case, without a scheme or a path'
  // The parser rewrites `1.1` and `0x7f.1` to addresses: what is compared must be what it was given.
  const url = URL.parse(`https://${host}${port ?? ''}/`)
  if (url === null || url.hostname !== host) return 'is not in the normal form of a host name'
  if (port !== undefined && url.port === '') return 'names the port that https has anyway, or none'
  if (wildcard !== undefined && host.split('.').length < 2 && host !== 'localhost') {
    return 'is a wildcard over a whole top-level domain'
  }
  return undefined
}

/**
 * Whether a page may be returned to: https (http on this very machine), on one of the allowed domains. A
 * domain without a port means the port that its scheme has, on this machine any.
 */
export function isAllowedPage(url: URL, allowedDomains: readonly string[]): boolean {
  const isLocal = hostKind(url.hostname) === 'loopback' || url.hostname.endsWith('.localhost')
  const isWeb = url.protocol === 'https:' || (url.protocol === 'http:' && isLocal)
  if (!isWeb || url.username !== '' || url.password !== '') return false
  return allowedDomains.some((domain) => {
    if (APP_ADDRESS.test(domain)) return false
    const [name = '', port] = domain.replace('*.', '').split(':')
    const isPort = port === undefined ? url.port === '' || isLocal : url.port === port
    const isHost = domain.startsWith('*.')
      ? url.hostname.endsWith(`.${name}`)
      : url.hostname === name
    return isHost && isPort
  })
}

/** What the name of a site's own host ends with, after its subdomain. */
export const siteHostsBelow = (issuer: string): string => `.api.${new URL(issuer).hostname}`
