import { randomBytes, toHex } from './random.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** A random UUID (RFC 9562 §5.4): 122 bits that nobody guesses, in lower case. */
export function randomUuid(): string {
  const bytes = randomBytes(16)
  bytes[6] = 0x40 | (bytes[6]! & 0x0f)
  bytes[8] = 0x80 | (bytes[8]! & 0x3f)
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

export const isUuid = (value: unknown): value is string =>
  typeof value === 'string' && UUID.test(value)
