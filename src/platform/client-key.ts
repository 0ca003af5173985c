import { parseIpAddress } from './ip-address.ts'

/**
 * The client's address as a key for counting: IPv4 whole, IPv6 by its /64 (one household or one rented
 * server has a whole /64 to choose from), and `unknown` for everything else, which all such requests
 * share. Only `CF-Connecting-IP` is read: the platform sets it, whatever the client sent. No header that
 * a client may write has any influence.
 */
export function clientKeyOf(headers: Headers): string {
  const address = parseIpAddress(headers.get('cf-connecting-ip') ?? '')
  if (address === undefined) return 'unknown'
  if (address.version === 4) return address.octets.join('.')
  const network = address.groups.slice(0, 4).map((group) => group.toString(16))
  return `${network.join(':')}::/64`
}
