import { CompactEncrypt, compactDecrypt, errors } from 'jose'
import { deriveBytes, memoise } from './secrets.ts'
import type { RotatingSecret } from './secrets.ts'

/**
 * Sealing: authenticated encryption of small values that leave our hands (a cookie) or rest in storage.
 * The format is a compact JWE, `dir` with A256GCM (RFC 7516), under a key derived for one purpose.
 */
export interface Seal {
  seal(value: unknown): Promise<string>
  /** What was sealed, or undefined when this was not sealed by us for this purpose, or was changed. */
  unseal(sealed: string): Promise<unknown>
}

/** One spelling of each value: `dir` has no encrypted key, A256GCM a vector of 12 bytes and a tag of 16. */
const COMPACT_JWE = /^[\w-]+\.\.[\w-]{16}\.[\w-]*\.[\w-]{22}$/

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
      return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(value)))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .encrypt(current!)
    },
    async unseal(sealed) {
      if (!COMPACT_JWE.test(sealed)) return undefined
      for (const key of await keys()) {
        try {
          const { plaintext } = await compactDecrypt(sealed, key, {
            keyManagementAlgorithms: ['dir'],
            contentEncryptionAlgorithms: ['A256GCM'],
          })
          return JSON.parse(new TextDecoder().decode(plaintext)) as unknown
        } catch (thrown) {
          if (!(thrown instanceof errors.JOSEError)) throw thrown
        }
      }
      return undefined
    },
  }
}
