import { epochMilliseconds } from '../../platform/clock.ts'
import { randomBytes, toHex } from '../../platform/random.ts'

const ID = /^[A-Za-z0-9._~-]{1,128}$/

/** Whether this can be an application's id: the unreserved characters of RFC 3986, and no dot segment. */
export const isApplicationId = (value: string): boolean =>
  ID.test(value) && value !== '.' && value !== '..'

/**
 * Whether this is, or could be, somebody else's name in a token: the bridge's own `client_id`, or a user's id,
 * which stands in `sub` as a client's does (RFC 9068 §5).
 */
export const isTakenName = (value: string): boolean =>
  value === 'drawbridge' || /^[0-9a-f]{32}$/i.test(value)

/**
 * The id of an application that is being registered: a UUIDv7 (RFC 9562 §5.7), so that lists are in order of
 * age. Unique and no secret; never of the shape of a user's id, since both stand in `sub` (RFC 9068 §5).
 */
export function newApplicationId(): string {
  const random = randomBytes(10)
  random[0] = 0x70 | (random[0]! & 0x0f)
  random[2] = 0x80 | (random[2]! & 0x3f)
  const digits = `${epochMilliseconds().toString(16).padStart(12, '0')}${toHex(random)}`
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
