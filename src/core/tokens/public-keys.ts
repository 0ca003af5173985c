/**
 * The record of public keys as one isolate sees it: the keys whose signatures count, and the cut-offs that ride
 * with them. It is looked for in memory (MEMORY_SECONDS), then at its sources in turn. When none answers, a copy
 * of at most STALE_MEMORY_SECONDS still serves; after that every answer is `unavailable`.
 */
import { importJWK } from 'jose'
import type { EpochSeconds } from '../../platform/clock.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { SingleFlight } from '../../platform/single-flight.ts'
import { inTime } from '../../platform/time-limit.ts'
import type { CutOff } from './cut-off.ts'
import {
  FORCED_REFRESH_PAUSE_SECONDS,
  MEMORY_SECONDS,
  REFRESH_PAUSE_SECONDS,
  STALE_MEMORY_SECONDS,
} from './key-lifetimes.ts'
import { isThumbprint } from './signing-key.ts'
import type { PublicKeyRecord, SigningKeyAlgorithm } from './signing-key.ts'

/** A record, and since when it has been held in an isolate's memory: its age goes on when it is handed on. */
export interface HeldRecord {
  readonly record: PublicKeyRecord
  readonly at: EpochSeconds
}

/** A copy that is late is passed over; the last source, behind which there is none, is given more time. */
const COPY_WAIT_MILLISECONDS = 1000
export const LAST_WAIT_MILLISECONDS = 5000

/** Where the record can be had. */
export interface RecordSource {
  /** The ring's own word stands, unless a newer one has just come; a copy may be behind what is known here already. */
  readonly isAuthority: boolean
  /** `kid`: an id that the reader has never heard of. Throws when the source cannot be reached. */
  read(now: EpochSeconds, kid?: string): Promise<HeldRecord | undefined>
  /** What the log calls it when it throws, and how bad that is. */
  readonly whenThrown: { readonly level: 'warn' | 'error'; readonly event: string }
}

/** What a check needs to know of the keys. */
export interface PublicKeys {
  /**
   * The public key with this id, if signatures by it count now for this algorithm. An unknown id asks the
   * last source, once per FORCED_REFRESH_PAUSE_SECONDS and isolate, whatever strangers send.
   */
  publicKey(
    kid: unknown,
    alg: SigningKeyAlgorithm,
    now: EpochSeconds,
  ): Promise<Result<CryptoKey, 'unknown_key' | 'unavailable'>>
  /** What needs no waiting: whether signatures by it count, as a young copy has it. `false` says nothing. */
  isKnownGood(kid: string, alg: SigningKeyAlgorithm, now: EpochSeconds): boolean
  /** The mass cut-offs that ride in the record: they cost nothing where a key has just been asked for. */
  cutOffs(now: EpochSeconds): Promise<Result<readonly CutOff[], 'unavailable'>>
  /** The record as it is held here. */
  heldRecord(now: EpochSeconds): Promise<Result<HeldRecord, 'unavailable'>>
}

/** For those who also hear of the record in another way. */
export interface RememberedKeys extends PublicKeys {
  /** Whether this key's signatures counted when the record was last looked at. */
  isRemembered(kid: string): boolean
  /** A record that its authority has just told. */
  remember(record: PublicKeyRecord, now: EpochSeconds): Promise<void>
  /** Asks the last source at once. */
  refresh(now: EpochSeconds): Promise<void>
}

interface Memory extends HeldRecord {
  readonly publicKeys: ReadonlyMap<
    string,
    { readonly alg: SigningKeyAlgorithm; readonly key: CryptoKey }
  >
}

/** A clock that went back makes a copy old, not for ever young. */
export const isYoungerThan = (seconds: number, at: EpochSeconds, now: EpochSeconds): boolean =>
  now >= at && now < at + seconds

/** `sources`: asked in this order; the last one is nearest to the ring. */
export function createPublicKeys(
  sources: readonly [...RecordSource[], RecordSource],
): RememberedKeys {
  let memory: Memory | undefined
  let failedAt = -Infinity
  let forcedAt = -Infinity
  /** One at a time asks for a key that is new here. */
  const forced = new SingleFlight()

  async function remember(
    { record, at }: HeldRecord,
    isAuthority: boolean,
  ): Promise<Memory | undefined> {
    const publicKeys = new Map<string, { alg: SigningKeyAlgorithm; key: CryptoKey }>()
    for (const { jwk } of record.keys) {
      const key = await importJWK(jwk, jwk.alg)
      if (key instanceof CryptoKey) publicKeys.set(jwk.kid, { alg: jwk.alg, key })
    }
    const newer =
      memory !== undefined && memory.record.version > record.version ? memory : undefined
    // The ring's own word is passed over too, if it was on its way while the newer one came.
    if (newer !== undefined && (!isAuthority || at < newer.at + MEMORY_SECONDS)) return undefined
    memory = { record, publicKeys, at }
    return memory
  }

  async function read(
    source: RecordSource,
    now: EpochSeconds,
    kid?: string,
  ): Promise<Memory | undefined> {
    const isLast = source === sources.at(-1)
    try {
      const longest = isLast ? LAST_WAIT_MILLISECONDS : COPY_WAIT_MILLISECONDS
      const held = await inTime(longest, source.read(now, kid))
      return held === undefined ? undefined : await remember(held, source.isAuthority)
    } catch (thrown) {
      const { level, event } = source.whenThrown
      log(level, { event, error: describeThrown(thrown) })
      return undefined
    }
  }

  async function readInTurn(now: EpochSeconds): Promise<Memory | undefined> {
    for (const source of sources) {
      const fresh = await read(source, now)
      if (fresh !== undefined) return fresh
    }
    return undefined
  }

  const young = (now: EpochSeconds): Memory | undefined =>
    memory !== undefined && isYoungerThan(MEMORY_SECONDS, memory.at, now) ? memory : undefined

  async function current(now: EpochSeconds): Promise<Memory | undefined> {
    const mayTry = memory === undefined || !isYoungerThan(REFRESH_PAUSE_SECONDS, failedAt, now)
    const fresh = mayTry ? await readInTurn(now) : undefined
    // One that was old already when it was handed on is no reason to ask again at once.
    const isFresh = fresh !== undefined && isYoungerThan(MEMORY_SECONDS, fresh.at, now)
    if (mayTry && !isFresh) failedAt = now
    const held = fresh ?? memory
    return held !== undefined && isYoungerThan(STALE_MEMORY_SECONDS, held.at, now)
      ? held
      : undefined
  }

  return {
    async publicKey(kid, alg, now) {
      if (!isThumbprint(kid)) return refuse('unknown_key')
      const held = young(now) ?? (await current(now))
      if (held === undefined) return refuse('unavailable')
      if (!held.publicKeys.has(kid)) {
        // Whoever comes with it while one asks waits for what they hear.
        const mayAsk = () =>
          memory?.publicKeys.has(kid) !== true &&
          !isYoungerThan(FORCED_REFRESH_PAUSE_SECONDS, forcedAt, now)
        await forced.run(mayAsk, async () => {
          forcedAt = now
          await read(sources.at(-1)!, now, kid)
        })
      }
      const known = held.publicKeys.get(kid) ?? memory?.publicKeys.get(kid)
      return known?.alg === alg ? ok(known.key) : refuse('unknown_key')
    },

    isKnownGood: (kid, alg, now) => young(now)?.publicKeys.get(kid)?.alg === alg,

    async cutOffs(now) {
      const held = young(now) ?? (await current(now))
      return held === undefined ? refuse('unavailable') : ok(held.record.cutOffs)
    },

    async heldRecord(now) {
      const held = young(now) ?? (await current(now))
      return held === undefined ? refuse('unavailable') : ok({ record: held.record, at: held.at })
    },

    isRemembered: (kid) => memory?.publicKeys.has(kid) === true,

    async remember(record, now) {
      await remember({ record, at: now }, true)
    },

    async refresh(now) {
      await read(sources.at(-1)!, now)
    },
  }
}
