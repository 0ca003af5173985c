/**
 * Signing keys and public keys as one isolate of the gateway sees them. The public record is looked for in
 * memory, then in KV, then at the key ring (public-keys.ts); so a cold isolate verifies without asking the ring,
 * and KV that is down or late costs a call and nothing else.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { storageName } from '../../platform/digest.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { memoise } from '../../platform/secrets.ts'
import type { RotatingSecret } from '../../platform/secrets.ts'
import { inTime } from '../../platform/time-limit.ts'
import { MEMORY_SECONDS, STALE_MEMORY_SECONDS } from './key-lifetimes.ts'
import { createPublicKeys, isYoungerThan, LAST_WAIT_MILLISECONDS } from './public-keys.ts'
import type { PublicKeys } from './public-keys.ts'
import { createPublishedRecord } from './published-record.ts'
import { importSealedKey, signingKeySeals } from './sealed-private-key.ts'
import type { PublicJwk, SigningKeyAlgorithm } from './signing-key.ts'

export interface SigningKey {
  readonly kid: string
  readonly alg: SigningKeyAlgorithm
  /** Not extractable. */
  readonly key: CryptoKey
}

export interface Keys extends PublicKeys {
  /** The key that signs now. Asked again after MEMORY_SECONDS, so that a withdrawn key stops signing. */
  signingKey(
    alg: SigningKeyAlgorithm,
    now: EpochSeconds,
  ): Promise<Result<SigningKey, 'unavailable'>>
  /** The JWK set as published (RFC 7517 §5): public members only. */
  publicKeySet(
    now: EpochSeconds,
  ): Promise<Result<{ readonly keys: readonly PublicJwk[] }, 'unavailable'>>
  /** This isolate learns at once what the ring has just been told; the others within their time. */
  refresh(now: EpochSeconds): Promise<void>
}

export function createKeys(parts: {
  readonly keyRing: Env['KEY_RING']
  /** The KV namespace with the copy of the record that every location reads. */
  readonly published: KVNamespace
  readonly keyEncryptionKey: RotatingSecret
}): Keys {
  const published = createPublishedRecord({
    kv: parts.published,
    keyEncryptionKey: parts.keyEncryptionKey,
  })
  const seal = signingKeySeals(parts.keyEncryptionKey).any
  const ringName = memoise(() => storageName('key-ring'))
  const signing = new Map<SigningKeyAlgorithm, SigningKey & { readonly at: EpochSeconds }>()

  /** A fresh stub for every call: one that has seen an error stays broken. */
  const ring = async () => parts.keyRing.getByName(await ringName())

  const askRing = async (alg: SigningKeyAlgorithm, now: EpochSeconds) =>
    (await ring()).signingKey(alg, now)

  const publicKeys = createPublicKeys([
    {
      isAuthority: false,
      whenThrown: { level: 'warn', event: 'keys.copy_not_read' },
      async read(now) {
        const record = await published.read()
        return record === undefined ? undefined : { record, at: now }
      },
    },
    {
      isAuthority: true,
      whenThrown: { level: 'error', event: 'keys.ring_not_reached' },
      async read(now) {
        const answer = await (await ring()).publicKeys(now)
        return answer.ok ? { record: answer.value, at: now } : undefined
      },
    },
  ])

  /** What this isolate signed with last, if the record still calls it active: for when the ring is away. */
  async function stillActive(
    alg: SigningKeyAlgorithm,
    now: EpochSeconds,
  ): Promise<SigningKey | undefined> {
    const last = signing.get(alg)
    if (last === undefined || !isYoungerThan(STALE_MEMORY_SECONDS, last.at, now)) return undefined
    const held = await publicKeys.heldRecord(now)
    const keys = held.ok ? held.value.record.keys : []
    return keys.some(({ state, jwk }) => state === 'active' && jwk.kid === last.kid)
      ? last
      : undefined
  }

  return {
    ...publicKeys,

    async signingKey(alg, now) {
      const held = signing.get(alg)
      const isAccepted = held !== undefined && publicKeys.isRemembered(held.kid)
      if (isAccepted && isYoungerThan(MEMORY_SECONDS, held.at, now)) return ok(held)
      try {
        const answer = await inTime(LAST_WAIT_MILLISECONDS, askRing(alg, now))
        if (answer.ok) {
          const { kid, record } = answer.value
          const key = await importSealedKey(answer.value, seal)
          if (key !== undefined) {
            await publicKeys.remember(record, now)
            const fresh = { kid, alg, key, at: now }
            signing.set(alg, fresh)
            return ok(fresh)
          }
          log('error', { event: 'keys.signing_key_not_readable', kid })
        }
      } catch (thrown) {
        log('error', { event: 'keys.ring_not_reached', error: describeThrown(thrown) })
      }
      const last = await stillActive(alg, now)
      return last === undefined ? refuse('unavailable') : ok(last)
    },

    async publicKeySet(now) {
      const held = await publicKeys.heldRecord(now)
      if (!held.ok) return held
      return ok({ keys: held.value.record.keys.map(({ jwk }) => jwk) })
    },
  }
}
