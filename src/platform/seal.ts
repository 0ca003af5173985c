import { base64url } from 'jose'
import { randomBytes } from './random.ts'
import { deriveBytes, memoise } from './secrets.ts'
import type { RotatingSecret } from './secrets.ts'

/**
 * Sealing: authenticated encryption of small values that leave our hands (a cookie) or rest in storage.
 * The format is a compact JWE, `dir` with A256GCM (RFC 7516), under a key derived for one purpose. Since it is
 * always this one, its five parts are written and read here, and no other algorithm is within reach.
 */
export interface Seal {
  seal(value: unknown): Promise<string>
  /** What was sealed, or undefined when this was not sealed by us for this purpose, or was changed. */
  unseal(sealed: string): Promise<unknown>
}

const utf8 = new TextEncoder()
const HEADER = base64url.encode('{"alg":"dir","enc":"A256GCM"}')
/** RFC 7518 §5.3. */
const IV_BYTES = 12
const TAG_BYTES = 16
/** RFC 7516 §7.1: header, no encrypted key, initialization vector, ciphertext, tag; each in base64url. */
const SEALED = /^([\w-]+)\.\.([\w-]{16})\.([\w-]*)\.([\w-]{22})$/

const gcm = (iv: Uint8Array<ArrayBuffer>) => ({
  name: 'AES-GCM',
  iv,
  additionalData: utf8.encode(HEADER),
  tagLength: TAG_BYTES * 8,
})

export function createSeal(secret: RotatingSecret, purpose: string): Seal {
  const keys = memoise(() =>
    Promise.all(
      secret.map(async (value) =>
        crypto.subtle.importKey(
          'raw',
          await deriveBytes(value, `seal/${purpose}`),
          'AES-GCM',
          false,
          ['encrypt', 'decrypt'],
        ),
      ),
    ),
  )
  return {
    async seal(value) {
      const [current] = await keys()
      const iv = randomBytes(IV_BYTES)
      const plaintext = utf8.encode(JSON.stringify(value))
      const encrypted = new Uint8Array(await crypto.subtle.encrypt(gcm(iv), current!, plaintext))
      const parts = [iv, encrypted.slice(0, -TAG_BYTES), encrypted.slice(-TAG_BYTES)]
      return `${HEADER}..${parts.map((part) => base64url.encode(part)).join('.')}`
    },
    async unseal(sealed) {
      const [, header, iv = '', ciphertext = '', tag = ''] = SEALED.exec(sealed) ?? []
      // No bytes are written in 1 character more than a multiple of 4.
      if (header !== HEADER || ciphertext.length % 4 === 1) return undefined
      const encrypted = joined(base64url.decode(ciphertext), base64url.decode(tag))
      for (const key of await keys()) {
        const plaintext = await decrypt(key, new Uint8Array(base64url.decode(iv)), encrypted)
        if (plaintext !== undefined) {
          return JSON.parse(new TextDecoder().decode(plaintext)) as unknown
        }
      }
      return undefined
    },
  }
}

/** Undefined when the tag is not that of this key, vector and ciphertext. */
async function decrypt(
  key: CryptoKey,
  iv: Uint8Array<ArrayBuffer>,
  encrypted: Uint8Array<ArrayBuffer>,
): Promise<ArrayBuffer | undefined> {
  try {
    return await crypto.subtle.decrypt(gcm(iv), key, encrypted)
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === 'OperationError') return undefined
    throw thrown
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}
