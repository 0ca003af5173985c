/**
 * The URIs of a registration. Each is one a browser, or we, will be sent to exactly as it stands, so it has to
 * stand in the one form that every parser agrees on: what a URL parser would rewrite (capitals in the host,
 * `..`, a backslash, a blank, a default port) is refused, not repaired.
 */
import { hostKind } from '../../platform/host-kind.ts'
import type { OAuthClient } from './application.ts'
import type { Report } from './oauth-report.ts'

/** Where the gateway itself stands. */
export interface GatewayPlace {
  /** `ISSUER`, our public origin. */
  readonly issuer: string
}

const LONGEST_URI_CHARACTERS = 1000

/** What is written into a URI of each kind: one that has such a parameter already would be read two ways. */
const ANSWER_PARAMETERS = [
  'access_token',
  'code',
  'error',
  'error_description',
  'error_uri',
  'id_token',
  'iss',
  'response',
  'session_state',
  'state',
]
const RETURN_PARAMETERS = ['state']
const FRAME_PARAMETERS = ['iss', 'sid']

/** The characters of a URI (RFC 3986 §2); others are read one way by this parser and another by that. */
const RFC_3986 = /^(?:[A-Za-z0-9._~:/?@!$&'()*+,;=[\]-]|%[0-9A-Fa-f]{2})+$/

/** RFC 8252 §7.1: a private-use scheme is a reversed domain name, so it has a dot. */
const PRIVATE_USE_SCHEME = /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/

/** What is wrong with a URI wherever it stands, or undefined. */
function checkForm(uri: string, url: URL | null): string | undefined {
  if (uri.length > LONGEST_URI_CHARACTERS)
    return `is longer than ${LONGEST_URI_CHARACTERS} characters`
  if (url === null) return 'is not an absolute URI'
  if (uri.includes('#')) return 'has a fragment'
  if (url.username !== '' || url.password !== '' || /^[^/?]*\/\/[^/?]*@/.test(uri)) {
    return 'has a user name or password'
  }
  if (uri.includes('*')) return 'has a wildcard; every URI is compared exactly'
  if (/%(?:[01][0-9a-f]|7f|5c)/i.test(uri)) return 'has an encoded control character or backslash'
  const path = uri.split('?')[0] ?? ''
  if (/(?:\/|%2f)(?:\.|%2e){1,2}(?:\/|%2f|$)/i.test(path)) return 'has a dot segment'
  const isNormal = RFC_3986.test(uri) && (url.href === uri || url.href === `${uri}/`)
  if (!isNormal)
    return 'is not in its normal form: ASCII, lower-case scheme and host, no default port'
  return undefined
}

/** A name or an address; the parser alone would also take a dot at the end, a second name of the same place. */
const hasPlainHost = (url: URL): boolean => /^[a-z0-9.:[\]_-]*[a-z0-9\]]$/.test(url.hostname)

/**
 * An https URL, or http on this very machine; for a gateway that stands there itself, as in development, also
 * under a name of its own there (RFC 6761 §6.3).
 */
function checkWeb(url: URL, { issuer }: GatewayPlace): string | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'is not an https URL'
  if (!hasPlainHost(url)) return 'has no plain host name'
  const isHere = hostKind(new URL(issuer).hostname) === 'loopback'
  const isLoopback =
    hostKind(url.hostname) === 'loopback' || (isHere && url.hostname.endsWith('.localhost'))
  if (url.protocol === 'http:' && !isLoopback) {
    return 'is not https; http is for localhost, 127.0.0.1 and [::1] only'
  }
  return undefined
}

/** RFC 9700 §2.1, RFC 8252 §7: where a browser may be sent with an answer of ours. */
export function checkRedirectUri(
  uri: string,
  applicationType: OAuthClient['applicationType'],
  place: GatewayPlace,
): string | undefined {
  const url = URL.parse(uri)
  const form = checkForm(uri, url)
  if (form !== undefined || url === null) return form
  if (applicationType === 'native' && PRIVATE_USE_SCHEME.test(url.protocol)) {
    return uri.startsWith(`${url.protocol}/`) ? undefined : 'has no path after its scheme'
  }
  return checkWeb(url, place)
}

function checkParameters(uri: string, written: readonly string[]): string | undefined {
  const names = [...(URL.parse(uri)?.searchParams.keys() ?? [])]
  const taken = names.find((name) => written.includes(name))
  return taken === undefined ? undefined : `has the parameter ${taken}, which is added to it`
}

/** A URI that we ask ourselves, or load in a frame: https, and reachable from where the gateway stands. */
export function checkNotified(uri: string, place: GatewayPlace): string | undefined {
  const url = URL.parse(uri)
  const form = checkForm(uri, url)
  if (form !== undefined || url === null) return form
  const own = new URL(place.issuer)
  if (url.protocol === 'http:' && own.protocol === 'https:') return 'is not an https URL'
  if (url.origin === own.origin) return "is on the gateway's own origin"
  if (hostKind(own.hostname) === 'public' && hostKind(url.hostname) !== 'public') {
    return 'is not on the public internet, where this gateway stands'
  }
  return checkWeb(url, place)
}

/** RFC 8707 §2. */
function checkResource(uri: string, { issuer }: GatewayPlace): string | undefined {
  if (uri.length > LONGEST_URI_CHARACTERS)
    return `is longer than ${LONGEST_URI_CHARACTERS} characters`
  if (!/^[a-z][a-z0-9+.-]*:[\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]+$/i.test(uri)) {
    return 'is not an absolute URI'
  }
  // Whoever is registered for an API may introspect its tokens, and these stand in those that are for none.
  if (uri === issuer || uri === `${issuer}/oauth/userinfo`) {
    return 'is what every application has tokens for'
  }
  return uri.includes('#') ? 'has a fragment' : undefined
}

/** The origins that an application is known by: those of its redirect URIs. */
const originsOf = ({ redirectUris }: OAuthClient): readonly string[] =>
  redirectUris.flatMap((uri) => URL.parse(uri)?.origin ?? [])

export function judgeUris(client: OAuthClient, place: GatewayPlace, report: Report): void {
  const { redirectUris, postLogoutRedirectUris, resources } = client
  redirectUris.forEach((uri, i) => {
    const detail =
      checkRedirectUri(uri, client.applicationType, place) ??
      checkParameters(uri, ANSWER_PARAMETERS)
    if (detail !== undefined) report('redirectUris', detail, i)
    else if (redirectUris.indexOf(uri) !== i) report('redirectUris', 'stands there twice', i)
  })
  const { defaultRedirectUri } = client
  if (defaultRedirectUri !== undefined && !redirectUris.includes(defaultRedirectUri)) {
    report('defaultRedirectUri', 'is not one of redirect_uris')
  }
  postLogoutRedirectUris.forEach((uri, i) => {
    const detail =
      checkRedirectUri(uri, client.applicationType, place) ??
      checkParameters(uri, RETURN_PARAMETERS)
    if (detail !== undefined) report('postLogoutRedirectUris', detail, i)
    else if (postLogoutRedirectUris.indexOf(uri) !== i) {
      report('postLogoutRedirectUris', 'stands there twice', i)
    }
  })
  resources.forEach((uri, i) => {
    const detail = checkResource(uri, place)
    if (detail !== undefined) report('resources', detail, i)
  })
  judgeLogoutUris(client, place, report)
}

function judgeLogoutUris(client: OAuthClient, place: GatewayPlace, report: Report): void {
  const { backchannelLogoutUri, frontchannelLogoutUri } = client
  if (backchannelLogoutUri !== undefined) {
    const detail = checkNotified(backchannelLogoutUri, place)
    if (detail !== undefined) report('backchannelLogoutUri', detail)
  } else if (client.backchannelLogoutSessionRequired) {
    report('backchannelLogoutSessionRequired', 'needs a backchannel_logout_uri')
  }
  if (frontchannelLogoutUri !== undefined) {
    const detail =
      checkNotified(frontchannelLogoutUri, place) ??
      checkParameters(frontchannelLogoutUri, FRAME_PARAMETERS)
    if (detail !== undefined) report('frontchannelLogoutUri', detail)
    // Front-Channel Logout 1.0 §2.
    else if (!originsOf(client).includes(new URL(frontchannelLogoutUri).origin)) {
      report('frontchannelLogoutUri', 'is not on the origin of one of redirect_uris')
    }
  } else if (client.frontchannelLogoutSessionRequired) {
    report('frontchannelLogoutSessionRequired', 'needs a frontchannel_logout_uri')
  }
}

/**
 * OpenID Connect Core 1.0 §8.1: the hosts that pairwise subjects may belong to. Loopback addresses and
 * private-use schemes are everybody's.
 */
export const sectorsOf = (redirectUris: readonly string[]): readonly string[] => [
  ...new Set(
    redirectUris.flatMap((uri) => {
      const url = URL.parse(uri)
      return url?.protocol === 'https:' && url.hostname !== '' ? [url.hostname] : []
    }),
  ),
]
