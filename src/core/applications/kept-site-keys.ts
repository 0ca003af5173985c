import type { EpochSeconds } from '../../platform/clock.ts'
import { sha256Base64url } from '../../platform/digest.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { randomUuid } from '../../platform/uuid.ts'
import type { Application } from './application.ts'
import { createSiteKeysTable } from './site-keys-table.ts'
import type { KeptSiteKey, ListedSiteKey } from './site-keys-table.ts'
import { unlessGone } from './unless-gone.ts'

/** A key pair that was just made: the only time that the private key is there to be shown. */
export interface ShownSiteKeys {
  readonly publicKey: string
  readonly privateKey: string
}

/** The key pairs of sites: UUIDs, as OneAll's clients know them; of a private key only its hash is kept. */
export function createKeptSiteKeys(directory: D1Database) {
  const table = createSiteKeysTable(directory)
  const make = (): ShownSiteKeys => ({ publicKey: randomUuid(), privateKey: randomUuid() })
  const kept = async (id: string, keys: ShownSiteKeys): Promise<KeptSiteKey> => ({
    applicationId: id,
    publicKey: keys.publicKey,
    hash: await sha256Base64url(keys.privateKey),
  })
  const insertion = async (id: string, keys: ShownSiteKeys, now: EpochSeconds) =>
    table.insertion(await kept(id, keys), now)

  return {
    make,
    insertion,

    /** Of all keys of what is no site. */
    removal: (id: string): D1PreparedStatement => table.removal(id),

    /** A site that has no keys gets a pair. */
    async keep(
      { id, sharedSessions }: Application,
      now: EpochSeconds,
    ): Promise<ShownSiteKeys | undefined> {
      if (sharedSessions === undefined || (await table.list(id, now)).length > 0) return undefined
      const keys = make()
      await (await insertion(id, keys, now)).run()
      return keys
    },

    /** Those that are valid now, the newest first. */
    list: (id: string, now: EpochSeconds): Promise<readonly ListedSiteKey[]> => table.list(id, now),

    /** A new key pair; those before it are accepted for `overlapSeconds` more, at most. */
    async rotate(
      id: string,
      { overlapSeconds, now }: { readonly overlapSeconds: number; readonly now: EpochSeconds },
    ): Promise<Result<ShownSiteKeys, 'unknown_application' | 'too_many_secrets'>> {
      const keys = make()
      const ends = { endsAt: now + overlapSeconds, now }
      return unlessGone(async () => {
        const isAdded = await table.rotate(await kept(id, keys), ends)
        return isAdded ? ok(keys) : refuse('too_many_secrets')
      })
    },
  }
}

export type KeptSiteKeys = ReturnType<typeof createKeptSiteKeys>
