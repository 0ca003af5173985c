import { lastOctets, parseIpAddress } from './ip-address.ts'

/** `loopback` is exactly what may be spoken to over plain http when that is spelled out. */
export type HostKind = 'loopback' | 'private' | 'public'

const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]']

const PRIVATE_SUFFIXES = [
  'localhost',
  'local',
  'localdomain',
  'internal',
  'intranet',
  'lan',
  'home',
  'corp',
  'arpa',
]

/** IPv4 ranges that are not on the public internet (IANA special-purpose registry, RFC 6890): base and prefix length. */
const PRIVATE_IPV4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const

/**
 * Where a host stands, judged by its name alone. Give the `hostname` of a parsed URL: the parser has
 * then undone every other spelling of an address (`2130706433`, `0x7f.1`). What a public name resolves
 * to is the platform's guard (`global_fetch_strictly_public`).
 */
export function hostKind(hostname: string): HostKind {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  if (LOOPBACK_HOSTS.includes(name)) return 'loopback'
  const address = parseIpAddress(name)
  if (address === undefined) return isPrivateName(name) ? 'private' : 'public'
  if (address.version === 4) return isPrivateIpv4(address.octets) ? 'private' : 'public'
  return isPrivateIpv6(address.groups) ? 'private' : 'public'
}

/** Whether a URL may be spoken to over http: only on this machine. */
export const isLoopback = (url: URL): boolean => hostKind(url.hostname) === 'loopback'

const isPrivateName = (name: string): boolean =>
  !name.includes('.') || PRIVATE_SUFFIXES.some((suffix) => name.endsWith(`.${suffix}`))

const isPrivateIpv4 = (octets: readonly number[]): boolean =>
  PRIVATE_IPV4.some(([base, length]) => {
    const shift = 32 - length
    return toNumber(octets) >>> shift === toNumber(base.split('.').map(Number)) >>> shift
  })

const toNumber = (octets: readonly number[]): number =>
  octets.reduce((sum, octet) => sum * 256 + octet, 0)

function isPrivateIpv6(groups: readonly number[]): boolean {
  const [first = 0, second = 0] = groups
  // RFC 6052 §2.1: NAT64 writes an IPv4 address in the last 32 bits. Below 64:ff9b:1::/48 it is a network's own.
  const isNat64 =
    first === 0x64 && second === 0xff9b && groups.slice(2, 6).every((each) => each === 0)
  if (isNat64) return isPrivateIpv4(lastOctets(groups))
  const isGlobalUnicast = first >> 13 === 1
  // Documentation, Teredo and 6to4 lead elsewhere than they say.
  const isSpecial =
    (first === 0x2001 && (second === 0xdb8 || second < 0x200)) ||
    first === 0x2002 ||
    first === 0x3fff
  return !isGlobalUnicast || isSpecial
}
