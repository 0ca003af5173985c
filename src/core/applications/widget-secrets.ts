/**
 * The secrets that widget tokens are signed with. We have to sign with them, so they cannot be hashes: they rest
 * sealed under KEY_ENCRYPTION_KEY, each together with whose it is, so that a row that was moved signs for nobody.
 * One that an older value of that key has sealed is sealed anew when it is next read.
 */
import { askDirectory } from '../../platform/ask-directory.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { isJsonObject } from '../../platform/json-object.ts'
import { log } from '../../platform/log.ts'
import { randomId, randomToken } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import { createSeal } from '../../platform/seal.ts'
import type { RotatingSecret } from '../../platform/secrets.ts'
import type { ListedSecret } from './rotated-secrets-table.ts'
import { createWidgetSecretsTable } from './widget-secrets-table.ts'
import type { SealedSecret } from './widget-secrets-table.ts'
import type { WidgetSecrets } from './widget.ts'

/** A widget's secret that was just made: the only time that it is there to be shown. */
export interface NewWidgetSecret {
  readonly id: string
  readonly secret: string
}

/** The operator's side. Throws where the directory does not answer. */
export interface KeptWidgetSecrets extends WidgetSecrets {
  /** 256 random bits, or the one that is brought along (widget-rules.ts has judged it). */
  make(brought?: string): NewWidgetSecret
  insertion(
    applicationId: string,
    secret: NewWidgetSecret,
    now: EpochSeconds,
  ): Promise<D1PreparedStatement>
  /** Tokens are signed with this one from now on; the one before it is accepted for `overlapSeconds` more. */
  rotate(
    applicationId: string,
    secret: NewWidgetSecret,
    when: { readonly overlapSeconds: number; readonly now: EpochSeconds },
  ): Promise<void>
  list(applicationId: string, now: EpochSeconds): Promise<readonly ListedSecret[]>
  /** Of all secrets of what is no widget. */
  removal(applicationId: string): D1PreparedStatement
}

const PURPOSE = 'widget-secret'

export function createWidgetSecrets({
  directory,
  keyEncryptionKey,
}: {
  readonly directory: D1Database
  readonly keyEncryptionKey: RotatingSecret
}): KeptWidgetSecrets {
  const table = createWidgetSecretsTable(directory)
  const current = createSeal([keyEncryptionKey[0]], PURPOSE)
  const any = createSeal(keyEncryptionKey, PURPOSE)

  const sealed = async (applicationId: string, { id, secret }: NewWidgetSecret) => ({
    id,
    applicationId,
    sealed: await current.seal({ id, applicationId, secret }),
  })

  async function unseal(row: SealedSecret): Promise<string | undefined> {
    const fresh = await current.unseal(row.sealed)
    const content = fresh ?? (await any.unseal(row.sealed))
    if (!isJsonObject(content)) return undefined
    const { id, applicationId, secret } = content
    if (id !== row.id || applicationId !== row.applicationId || typeof secret !== 'string') {
      return undefined
    }
    if (fresh === undefined) {
      const again = await sealed(row.applicationId, { id, secret })
      // The secret is good all the same; the next one who reads it tries again.
      await askDirectory(async () => ok(await table.reseal(id, row.sealed, again.sealed)))
    }
    return secret
  }

  return {
    make: (brought) => ({ id: randomId(), secret: brought ?? randomToken() }),

    valid: (applicationId, now) =>
      askDirectory(async () => {
        const rows = await table.valid(applicationId, now)
        const secrets = await Promise.all(rows.map(unseal))
        const [signing, ...older] = secrets
        if (rows.length === 0) return refuse('no_secret')
        if (signing === undefined) {
          log('error', { event: 'widget_secret.not_unsealed', application: applicationId })
          return refuse('unavailable')
        }
        return ok([signing, ...older.filter((secret) => secret !== undefined)] as const)
      }),

    insertion: async (applicationId, secret, now) =>
      table.insertion(await sealed(applicationId, secret), now),

    async rotate(applicationId, secret, { overlapSeconds, now }) {
      await table.rotate(await sealed(applicationId, secret), { endsAt: now + overlapSeconds, now })
    },

    list: (applicationId, now) => table.list(applicationId, now),

    removal: (applicationId) => table.removal(applicationId),
  }
}
