import { storageName } from '../../platform/digest.ts'
import { createSeal } from '../../platform/seal.ts'
import { memoise } from '../../platform/secrets.ts'
import type { RotatingSecret } from '../../platform/secrets.ts'
import { inTime } from '../../platform/time-limit.ts'
import { KV_CACHE_SECONDS, PUBLISHED_SECONDS } from './key-lifetimes.ts'
import { parsePublicKeyRecord } from './signing-key.ts'
import type { PublicKeyRecord } from './signing-key.ts'

/**
 * What KV has not answered by then counts as not taken, and is written again: whoever withdraws a key waits for it,
 * and for a write before it, and is to be answered while the gateway still listens to the ring (OBJECT_WAIT_MILLISECONDS).
 */
const WRITE_LIMIT_MILLISECONDS = 3000

/**
 * The copy of the public key record in KV (key `storageName('public-keys')`), read near the user. It holds
 * no secret, but it is sealed: whoever can only write to KV must not be able to plant a key there. KV
 * forgets it after PUBLISHED_SECONDS, so a copy that could not be replaced is not believed for ever.
 */
export interface PublishedRecord {
  /** Throws what KV throws, and when it does not answer. */
  write(record: PublicKeyRecord): Promise<void>
  /** The copy that this location has; undefined when there is none that we wrote. Throws what KV throws. */
  read(): Promise<PublicKeyRecord | undefined>
}

export function createPublishedRecord(parts: {
  readonly kv: KVNamespace
  readonly keyEncryptionKey: RotatingSecret
}): PublishedRecord {
  const seal = createSeal(parts.keyEncryptionKey, 'public-keys')
  const name = memoise(() => storageName('public-keys'))
  return {
    async write(record) {
      const sealed = await seal.seal(record)
      const put = parts.kv.put(await name(), sealed, { expirationTtl: PUBLISHED_SECONDS })
      await inTime(WRITE_LIMIT_MILLISECONDS, put)
    },
    async read() {
      const sealed = await parts.kv.get(await name(), { cacheTtl: KV_CACHE_SECONDS })
      return sealed === null ? undefined : parsePublicKeyRecord(await seal.unseal(sealed))
    },
  }
}
