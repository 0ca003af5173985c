import { base64url } from 'jose'

/** `byteLength` bytes from the system's source of randomness. */
export const randomBytes = (byteLength: number): Uint8Array<ArrayBuffer> =>
  crypto.getRandomValues(new Uint8Array(byteLength))

/** An unguessable value of 256 bits (or as many bytes as asked for), base64url without padding. */
export const randomToken = (byteLength = 32): string => base64url.encode(randomBytes(byteLength))

/** An identifier of 128 random bits as 32 lower-case hexadecimal digits. Unique, but not a secret. */
export const randomId = (): string => toHex(randomBytes(16))

/** Whether this has the form of one. */
export const isRandomId = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)

export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
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
