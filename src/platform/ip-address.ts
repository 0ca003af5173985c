/** An IP address as numbers: four octets, or eight groups of 16 bits. */
export type IpAddress =
  | { readonly version: 4; readonly octets: readonly number[] }
  | { readonly version: 6; readonly groups: readonly number[] }

/**
 * An address in its usual text form: dotted decimal (no octal, no hexadecimal, no missing parts) or
 * RFC 4291 §2.2 with or without brackets. An IPv6 address that carries an IPv4 one (`::ffff:192.0.2.1`)
 * is that IPv4 address. Zones, ports and everything else give undefined.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (!text.includes(':')) return parseIpv4(text)
  const groups = parseIpv6(text.replace(/^\[(.*)\]$/, '$1'))
  if (groups === undefined) return undefined
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  return isMapped ? { version: 4, octets: lastOctets(groups) } : { version: 6, groups }
}

/** The last 32 bits of an IPv6 address as four octets. */
export const lastOctets = (groups: readonly number[]): readonly number[] =>
  groups.slice(6).flatMap((group) => [group >> 8, group & 0xff])

function parseIpv4(text: string): IpAddress | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined
  const parts = text.split('.')
  const octets = parts.map(Number)
  const isExact = octets.every((octet, i) => octet <= 255 && String(octet) === parts[i])
  return isExact ? { version: 4, octets } : undefined
}

function parseIpv6(text: string): readonly number[] | undefined {
  if (!/^[0-9a-f:.]+$/i.test(text)) return undefined
  // The URL parser knows every form and writes the shortest one, in hexadecimal groups only.
  const canonical = URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1)
  if (canonical === undefined) return undefined
  const [head = '', tail] = canonical.split('::')
  const before = toGroups(head)
  const after = toGroups(tail ?? '')
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0)
  return [...before, ...zeros, ...after]
}

const toGroups = (text: string): readonly number[] =>
  text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
