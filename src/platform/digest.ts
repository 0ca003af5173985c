import { base64url } from 'jose'

const utf8 = new TextEncoder()

/** SHA-256 of a text (as UTF-8) or of bytes. */
export async function sha256(value: string | BufferSource): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = typeof value === 'string' ? utf8.encode(value) : value
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}

/** SHA-256 as 43 base64url characters. */
export const sha256Base64url = async (value: string | BufferSource): Promise<string> =>
  base64url.encode(await sha256(value))

/**
 * The name of a KV key or a Durable Object: `version:type:` and a fixed-length hash of an unambiguous
 * encoding of its parts, so that no record of one type can ever stand under another type's name.
 */
export const storageName = async (type: string, ...parts: string[]): Promise<string> =>
  `v1:${type}:${await sha256Base64url(JSON.stringify(parts))}`

/**
 * Whether two texts are equal, in a time that does not depend on where they differ.
 * Both sides are hashed first: the platform's comparison throws when lengths differ.
 */
export async function isEqualConstantTime(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([sha256(a), sha256(b)])
  return crypto.subtle.timingSafeEqual(left, right)
}
