import { storageName } from '../../platform/digest.ts'
import { isJsonObject } from '../../platform/json-object.ts'
import { createSeal } from '../../platform/seal.ts'
import type { RotatingSecret } from '../../platform/secrets.ts'
import { inTime } from '../../platform/time-limit.ts'
import { KV_WAIT_MILLISECONDS, maximumAgeSeconds } from './document-copy.ts'
import type { DocumentCopy, DocumentKind } from './document-copy.ts'

/**
 * The copies of a provider's documents in KV, for every location to read. They hold no secret, but each is sealed
 * as what it is: whoever can only write to KV must not be able to say where a code is sent, nor whose keys sign.
 */
export interface DocumentCopies {
  /** Throws what KV throws, and when it does not answer. */
  write(kind: DocumentKind, copy: DocumentCopy): Promise<void>
  /** The copy that this location has; undefined when there is none that we wrote. Throws as `write` does. */
  read(kind: DocumentKind): Promise<DocumentCopy | undefined>
}

export function createDocumentCopies(parts: {
  readonly kv: KVNamespace
  readonly keyEncryptionKey: RotatingSecret
  readonly issuer: string
}): DocumentCopies {
  const { kv, keyEncryptionKey, issuer } = parts
  const sealOf = (kind: DocumentKind) =>
    createSeal(keyEncryptionKey, `provider-documents/${kind}/${issuer}`)
  return {
    async write(kind, copy) {
      const sealed = await sealOf(kind).seal(copy)
      const expirationTtl = maximumAgeSeconds(kind)
      const written = kv.put(await documentKey(kind, issuer), sealed, { expirationTtl })
      await inTime(KV_WAIT_MILLISECONDS, written)
    },
    async read(kind) {
      const read = kv.get(await documentKey(kind, issuer), { cacheTtl: 30 })
      const sealed = await inTime(KV_WAIT_MILLISECONDS, read)
      return sealed === null ? undefined : parseDocumentCopy(await sealOf(kind).unseal(sealed))
    },
  }
}

/** The KV key of a copy. */
export const documentKey = (kind: DocumentKind, issuer: string): Promise<string> =>
  storageName('provider-documents', issuer, kind)

/** A copy as it was sealed; an older release may have written something else. */
const parseDocumentCopy = (value: unknown): DocumentCopy | undefined =>
  isJsonObject(value) && typeof value.body === 'string' && Number.isSafeInteger(value.fetchedAt)
    ? { body: value.body, fetchedAt: value.fetchedAt as number }
    : undefined
