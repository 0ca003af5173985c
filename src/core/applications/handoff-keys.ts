/**
 * API keys of services: `id.secret`, of which the id finds the row and the secret, 256 random bits, is kept as
 * a hash (rotated-secrets-table.ts). A key is of one application for good.
 */
import { askDirectory } from '../../platform/ask-directory.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { isSameHash, sha256Base64url } from '../../platform/digest.ts'
import { randomId, randomToken } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { Application, HandoffApplication } from './application.ts'
import { createApplications } from './applications.ts'
import { createRotatedSecretsTable } from './rotated-secrets-table.ts'
import type { ListedSecret } from './rotated-secrets-table.ts'

/** A key that was just made: the only time that it is there to be shown. */
export interface ShownKey {
  readonly id: string
  /** The whole of it, as it stands in the header `apikey`. */
  readonly key: string
}

const KEY = /^([0-9a-f]{32})\.([A-Za-z0-9_-]{43})$/

/** All but `check` throw where the directory does not answer. */
export interface HandoffKeys {
  /** The application whose key this is; all wrong keys look alike, and cost the same. */
  check(
    key: string,
    now: EpochSeconds,
  ): Promise<Result<HandoffApplication, 'wrong_key' | 'unavailable'>>
  /** A key that is not kept yet: `insertion` goes along with the application's own. */
  make(
    applicationId: string,
    now: EpochSeconds,
  ): Promise<{ readonly shown: ShownKey; readonly insertion: D1PreparedStatement }>
  /** Of all keys of what is no service. */
  removal(applicationId: string): D1PreparedStatement
  /** After a change: an application that begins to need a key gets one. */
  keepFor(
    application: Pick<Application, 'id' | 'handoff'>,
    now: EpochSeconds,
  ): Promise<ShownKey | undefined>
  /**
   * A new key; those before it are accepted for `overlapSeconds` more, at most. Throws where there is no such
   * application.
   */
  rotate(
    input: { readonly id: string; readonly overlapSeconds: number },
    now: EpochSeconds,
  ): Promise<Result<ShownKey, 'too_many_secrets'>>
  /** Those that are valid now, the newest first. */
  list(applicationId: string, now: EpochSeconds): Promise<readonly ListedSecret[]>
  /** Never the last one that is valid. */
  remove(
    input: { readonly id: string; readonly secretId: string },
    now: EpochSeconds,
  ): Promise<Result<undefined, 'unknown_secret' | 'last_secret'>>
}

export function createHandoffKeys(directory: D1Database): HandoffKeys {
  const applications = createApplications(directory)

  const table = createRotatedSecretsTable(directory, 'handoff_keys')

  const newKey = async (applicationId: string) => {
    const id = randomId()
    const secret = randomToken()
    const kept = { id, applicationId, hash: await sha256Base64url(secret) }
    return { shown: { id, key: `${id}.${secret}` }, kept }
  }

  const make: HandoffKeys['make'] = async (applicationId, now) => {
    const { shown, kept } = await newKey(applicationId)
    return { shown, insertion: table.insertion(kept, now) }
  }

  return {
    make,
    list: (applicationId, now) => table.list(applicationId, now),

    check: (key, now) =>
      askDirectory(async () => {
        const [, id = '', secret = ''] = KEY.exec(key) ?? []
        const row = await table.findValid(id, now)
        const presented = await sha256Base64url(secret)
        const isIt = isSameHash(row?.hash, presented)
        if (row === undefined || !isIt) return refuse('wrong_key')
        const found = await applications.findHandoffService(row.applicationId)
        if (found.ok) return found
        const isGone = found.refusal.code === 'unknown_application'
        return refuse(isGone ? 'wrong_key' : 'unavailable', { application: row.applicationId })
      }),

    removal: (applicationId) => table.removal(applicationId),

    async keepFor({ id, handoff }, now) {
      if (handoff === undefined || (await table.list(id, now)).length > 0) return undefined
      const { shown, insertion } = await make(id, now)
      await insertion.run()
      return shown
    },

    async rotate({ id, overlapSeconds }, now) {
      const { shown, kept } = await newKey(id)
      const isAdded = await table.rotate(kept, { endsAt: now + overlapSeconds, now })
      return isAdded ? ok(shown) : refuse('too_many_secrets')
    },

    remove: ({ id, secretId }, now) => table.remove(id, secretId, now),
  }
}
