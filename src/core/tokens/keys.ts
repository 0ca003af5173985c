/**
 * Signing keys and the record of public keys as one isolate sees them. The record is looked for in memory
 * (MEMORY_SECONDS), then in KV, then at the key ring; so a cold isolate verifies without asking the ring,
 * and KV that is down or late costs a call and nothing else. When neither answers, a copy of at most
 * STALE_MEMORY_SECONDS still serves; after that every answer is `unavailable`.
 */
import { importJWK } from 'jose'
import type { EpochSeconds } from '../../platform/clock.ts'
import { storageName } from '../../platform/digest.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { memoise } from '../../platform/secrets.ts'
import type { RotatingSecret } from '../../platform/secrets.ts'
import {
  FORCED_REFRESH_PAUSE_SECONDS,
  MEMORY_SECONDS,
  REFRESH_PAUSE_SECONDS,
  STALE_MEMORY_SECONDS,
} from './key-lifetimes.ts'
import type { CutOff } from './cut-off.ts'
import { createPublishedRecord } from './published-record.ts'
import { importSealedKey, signingKeySeals } from './sealed-private-key.ts'
import { isThumbprint } from './signing-key.ts'
import type { PublicJwk, PublicKeyRecord, SigningKeyAlgorithm } from './signing-key.ts'

export interface SigningKey {
  readonly kid: string
  readonly alg: SigningKeyAlgorithm
  /** Not extractable. */
  readonly key: CryptoKey
}

export interface Keys {
  /** The key that signs now. Asked again after MEMORY_SECONDS, so that a withdrawn key stops signing. */
  signingKey(
    alg: SigningKeyAlgorithm,
    now: EpochSeconds,
  ): Promise<Result<SigningKey, 'unavailable'>>
  /**
   * The public key with this id, if signatures by it count now for this algorithm. An unknown id asks the
   * key ring itself, once per FORCED_REFRESH_PAUSE_SECONDS and isolate, whatever strangers send.
   */
  publicKey(
    kid: unknown,
    alg: SigningKeyAlgorithm,
    now: EpochSeconds,
  ): Promise<Result<CryptoKey, 'unknown_key' | 'unavailable'>>
  /** The JWK set as published (RFC 7517 §5): public members only. */
  publicKeySet(
    now: EpochSeconds,
  ): Promise<Result<{ readonly keys: readonly PublicJwk[] }, 'unavailable'>>
  /** The mass cut-offs that ride in the record: they cost nothing where a key has just been asked for. */
  cutOffs(now: EpochSeconds): Promise<Result<readonly CutOff[], 'unavailable'>>
  /** This isolate learns at once what the ring has just been told; the others within their time. */
  refresh(now: EpochSeconds): Promise<void>
}

interface Memory {
  readonly record: PublicKeyRecord
  readonly publicKeys: ReadonlyMap<
    string,
    { readonly alg: SigningKeyAlgorithm; readonly key: CryptoKey }
  >
  readonly at: EpochSeconds
}

/** A clock that went back makes a copy old, not for ever young. */
const isYoungerThan = (seconds: number, at: EpochSeconds, now: EpochSeconds): boolean =>
  now >= at && now < at + seconds

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
  let memory: Memory | undefined
  let failedAt = -Infinity
  let forcedAt = -Infinity

  /** A fresh stub for every call: one that has seen an error stays broken. */
  const ring = async () => parts.keyRing.getByName(await ringName())

  /** The ring's word always stands; a copy from KV may be behind what the ring has told us already. */
  async function remember(
    record: PublicKeyRecord,
    from: 'ring' | 'copy',
    now: EpochSeconds,
  ): Promise<Memory | undefined> {
    const publicKeys = new Map<string, { alg: SigningKeyAlgorithm; key: CryptoKey }>()
    for (const { jwk } of record.keys) {
      const key = await importJWK(jwk, jwk.alg)
      if (key instanceof CryptoKey) publicKeys.set(jwk.kid, { alg: jwk.alg, key })
    }
    if (from === 'copy' && memory !== undefined && memory.record.version > record.version) {
      return undefined
    }
    memory = { record, publicKeys, at: now }
    return memory
  }

  async function readPublished(now: EpochSeconds): Promise<Memory | undefined> {
    try {
      const record = await published.read()
      return record === undefined ? undefined : await remember(record, 'copy', now)
    } catch (thrown) {
      log('warn', { event: 'keys.copy_not_read', error: describeThrown(thrown) })
      return undefined
    }
  }

  async function askRing(now: EpochSeconds): Promise<Memory | undefined> {
    try {
      const answer = await (await ring()).publicKeys(now)
      return answer.ok ? await remember(answer.value, 'ring', now) : undefined
    } catch (thrown) {
      log('error', { event: 'keys.ring_not_reached', error: describeThrown(thrown) })
      return undefined
    }
  }

  async function currentRecord(now: EpochSeconds): Promise<Memory | undefined> {
    if (memory !== undefined && isYoungerThan(MEMORY_SECONDS, memory.at, now)) return memory
    const mayTry = memory === undefined || !isYoungerThan(REFRESH_PAUSE_SECONDS, failedAt, now)
    const fresh = mayTry ? ((await readPublished(now)) ?? (await askRing(now))) : undefined
    if (fresh !== undefined) return fresh
    if (mayTry) failedAt = now
    const mayServe = memory !== undefined && isYoungerThan(STALE_MEMORY_SECONDS, memory.at, now)
    return mayServe ? memory : undefined
  }

  /** What this isolate signed with last, if the record still calls it active: for when the ring is away. */
  async function stillActive(
    alg: SigningKeyAlgorithm,
    now: EpochSeconds,
  ): Promise<SigningKey | undefined> {
    const held = signing.get(alg)
    if (held === undefined || !isYoungerThan(STALE_MEMORY_SECONDS, held.at, now)) return undefined
    const keys = (await currentRecord(now))?.record.keys ?? []
    return keys.some(({ state, jwk }) => state === 'active' && jwk.kid === held.kid)
      ? held
      : undefined
  }

  return {
    async signingKey(alg, now) {
      const held = signing.get(alg)
      const isAccepted = held !== undefined && memory?.publicKeys.has(held.kid) === true
      if (isAccepted && isYoungerThan(MEMORY_SECONDS, held.at, now)) return ok(held)
      try {
        const answer = await (await ring()).signingKey(alg, now)
        if (answer.ok) {
          const { kid, record } = answer.value
          const key = held?.kid === kid ? held.key : await importSealedKey(answer.value, seal)
          if (key !== undefined) {
            await remember(record, 'ring', now)
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

    async publicKey(kid, alg, now) {
      if (!isThumbprint(kid)) return refuse('unknown_key')
      const record = await currentRecord(now)
      if (record === undefined) return refuse('unavailable')
      let known = record.publicKeys.get(kid)
      if (known === undefined && !isYoungerThan(FORCED_REFRESH_PAUSE_SECONDS, forcedAt, now)) {
        forcedAt = now
        known = (await askRing(now))?.publicKeys.get(kid)
      }
      return known?.alg === alg ? ok(known.key) : refuse('unknown_key')
    },

    async publicKeySet(now) {
      const record = await currentRecord(now)
      if (record === undefined) return refuse('unavailable')
      return ok({ keys: record.record.keys.map(({ jwk }) => jwk) })
    },

    async cutOffs(now) {
      const record = await currentRecord(now)
      return record === undefined ? refuse('unavailable') : ok(record.record.cutOffs)
    },

    async refresh(now) {
      await askRing(now)
    },
  }
}
