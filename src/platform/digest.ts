import { base64url } from 'jose'
import { LeastRecentlyUsed } from './lru.ts'

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

/** As many people as an isolate sees within a few minutes, each about 250 bytes. */
const REMEMBERED_NAMES = 16_384

/** The storage names of one type, each hashed once as long as it is in use. */
export function createStorageNames(type: string): (part: string) => Promise<string> {
  const remembered = new LeastRecentlyUsed<string, string>(REMEMBERED_NAMES)
  return async (part) => {
    const known = remembered.get(part)
    if (known !== undefined) return known
    const name = await storageName(type, part)
    remembered.set(part, name)
    return name
  }
}

/**
 * Whether two hashes are equal, both as text of one length, in a time that does not depend on where they differ;
 * where none is kept, it takes as long.
 */
export function isSameHash(kept: string | undefined, presented: string): boolean {
  const isOne = kept?.length === presented.length
  const compared = utf8.encode(isOne ? kept : '-'.repeat(presented.length))
  return crypto.subtle.timingSafeEqual(compared, utf8.encode(presented)) && isOne
}

/**
 * Whether two texts are equal, in a time that does not depend on where they differ.
 * Both sides are hashed first: the platform's comparison throws when lengths differ.
 */
export async function isEqualConstantTime(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([sha256(a), sha256(b)])
  return crypto.subtle.timingSafeEqual(left, right)
}
