import { base64url } from 'jose'

/** `byteLength` bytes from the system's source of randomness. */
export const randomBytes = (byteLength: number): Uint8Array<ArrayBuffer> =>
  crypto.getRandomValues(new Uint8Array(byteLength))

/** An unguessable value of 256 bits (or as many bytes as asked for), base64url without padding. */
export const randomToken = (byteLength = 32): string => base64url.encode(randomBytes(byteLength))

/** An identifier of 128 random bits as 32 lower-case hexadecimal digits. Unique, but not a secret. */
export function randomId(): string {
  if (drawnFrom === drawn.length) {
    drawn = randomBytes(ID_BYTES * IDS_AT_ONCE)
    drawnFrom = 0
  }
  drawnFrom += ID_BYTES
  return toHex(drawn, drawnFrom - ID_BYTES, drawnFrom)
}

const ID_BYTES = 16
/** Every request has an id: the system is asked for the bytes of many at once. */
const IDS_AT_ONCE = 64
let drawn = new Uint8Array(0)
let drawnFrom = 0

/** Whether this has the form of one. */
export const isRandomId = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)

export function toHex(bytes: Uint8Array, from = 0, to = bytes.length): string {
  let text = ''
  for (let at = from; at < to; at += 1) text += HEX[bytes[at]!]
  return text
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** The bytes of an even number of lower-case hexadecimal digits; undefined for anything else. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  )
}
