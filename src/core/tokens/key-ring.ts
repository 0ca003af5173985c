/**
 * The key ring: one Durable Object (`storageName('key-ring')`) that owns every signing key and its state
 * (signing-key.ts), with at all times one active and one announced key per algorithm in use. Storage: the tables
 * of key-table.ts, and one alarm, a heartbeat that turns the keys when they are due, seals them anew after
 * KEY_ENCRYPTION_KEY was rotated, and writes the public record again. The record goes to KV
 * (published-record.ts), where isolates read it (keys.ts).
 *
 * When KEY_ENCRYPTION_KEY no longer opens a stored key, nothing is minted in its place: signing is
 * unavailable and an error is logged until the older value is put back; verifying goes on. An operator who
 * has truly lost that value compromises each key, which replaces it.
 */
import { DurableObject } from 'cloudflare:workers'
import { parseConfig } from '../../config.ts'
import { epochMilliseconds, systemClock } from '../../platform/clock.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { CutOffTable } from './cut-off-table.ts'
import type { CutOff, EpochMilliseconds } from './cut-off.ts'
import { HEARTBEAT_SECONDS, PUBLISH_RETRY_SECONDS } from './key-lifetimes.ts'
import { KeyTable } from './key-table.ts'
import type { KeyRow, NewKey } from './key-table.ts'
import { earliestRotation, turnKeys } from './key-transitions.ts'
import { createPublishedRecord } from './published-record.ts'
import type { PublishedRecord } from './published-record.ts'
import { generateSigningKey, signingKeySeals } from './sealed-private-key.ts'
import type { SealedKey, SigningKeySeals } from './sealed-private-key.ts'
import type { PublicKeyRecord, SigningKeyAlgorithm } from './signing-key.ts'

/** A key as operators see it. */
export type KeyDescription = Omit<KeyRow, 'publicJwk' | 'sealedPrivateKey'>

export class KeyRing extends DurableObject<Env> {
  readonly #table: KeyTable
  readonly #cutOffs: CutOffTable
  // Parsed once: a changed secret restarts the object.
  #settings: { readonly seals: SigningKeySeals; readonly published: PublishedRecord } | undefined
  #generating: Promise<readonly NewKey[]> | undefined
  #publishing: Promise<boolean> = Promise.resolve(true)

  constructor(context: DurableObjectState, env: Env) {
    super(context, env)
    this.#table = new KeyTable(context.storage.sql)
    this.#cutOffs = new CutOffTable(context.storage.sql)
  }

  /** The key that signs now, still sealed, and the public record that names it. */
  async signingKey(
    alg: SigningKeyAlgorithm,
    now: EpochSeconds,
  ): Promise<Result<SealedKey & { readonly record: PublicKeyRecord }, 'unavailable'>> {
    return this.#answer(async () => {
      await this.#turn(now, { wanted: alg })
      const { kid, sealedPrivateKey } = this.#table.current(alg, 'active')!
      return ok({ kid, alg, sealedPrivateKey: sealedPrivateKey!, record: this.#record() })
    })
  }

  /** The public keys whose signatures count. */
  async publicKeys(now: EpochSeconds): Promise<Result<PublicKeyRecord, 'unavailable'>> {
    return this.#answer(async () => {
      await this.#turn(now)
      return ok(this.#record())
    })
  }

  /** Every key there ever was, oldest first. */
  async list(now: EpochSeconds): Promise<Result<readonly KeyDescription[], 'unavailable'>> {
    return this.#answer(async () => {
      await this.#turn(now)
      return ok(this.#table.all().map(describe))
    })
  }

  /**
   * The announced keys begin to sign now instead of at the end of the period. Refused while one of them is
   * not yet known everywhere; `facts.ready_at` says when it will be. `published`: whether KV took the change
   * at once (else the alarm keeps trying).
   */
  async rotate(
    now: EpochSeconds,
  ): Promise<Result<{ readonly published: boolean }, 'announced_too_recently' | 'unavailable'>> {
    return this.#answer(async () => {
      await this.#turn(now)
      const readyAt = earliestRotation(this.#table)
      if (now < readyAt) return refuse('announced_too_recently', { ready_at: readyAt })
      await this.#turn(now, { early: true })
      return ok({ published: this.#table.isPublished() })
    })
  }

  /**
   * A key that may be in other hands: its signatures count for nothing any more, and if it was the active
   * one, the announced key signs in its place, however young. Every check knows within the time that copies
   * of the record are held (MEMORY_SECONDS and KV_CACHE_SECONDS). A second call changes nothing.
   */
  async compromise(
    kid: string,
    now: EpochSeconds,
  ): Promise<Result<{ readonly published: boolean }, 'unknown_key' | 'unavailable'>> {
    return this.#answer(async () => {
      const known = this.ctx.storage.transactionSync(() => {
        const key = this.#table.find(kid)
        if (key === undefined) return false
        if (key.state === 'compromised') return true
        this.#table.withdraw(kid, 'compromised', now)
        this.#table.raiseVersion()
        // The audit trail tells who asked; this line is there even if our answer is lost.
        log('warn', { event: 'key.withdrawn', kid, alg: key.alg, was: key.state })
        return true
      })
      if (!known) return refuse('unknown_key')
      // Whatever becomes of its successor, the key is out.
      await this.#turn(now, { isRaised: true })
      return ok({ published: this.#table.isPublished() })
    })
  }

  /**
   * Ends many sessions with this one write: the record carries it to every check, within the time that
   * copies of the record are held. `published`: whether KV took it at once (else the alarm keeps trying).
   */
  async cutOff(
    asked: CutOff,
  ): Promise<
    Result<{ readonly cutOff: CutOff; readonly published: boolean }, 'no_room' | 'unavailable'>
  > {
    return this.#answer(async () => {
      const cutOff = this.ctx.storage.transactionSync(() => {
        const added = this.#cutOffs.add(asked)
        if (added !== undefined) {
          this.#table.raiseVersion()
          // As of a key: it holds from here on, even if our answer is lost.
          log('warn', { event: 'cut_off.in_force', ...added })
        }
        return added
      })
      if (cutOff === undefined) return refuse('no_room')
      // A record without keys is no record: a ring that has none yet makes them first.
      await this.#turn(systemClock(), { isRaised: true })
      return ok({ cutOff, published: this.#table.isPublished() })
    })
  }

  /** A user's own object knows now what their cut-off says: the record need not carry it much longer. */
  async removeUserCutOff(
    userId: string,
    at: EpochMilliseconds,
  ): Promise<Result<undefined, 'unavailable'>> {
    return this.#answer(async () => {
      this.#cutOffs.noteTold(userId, at)
      return ok(undefined)
    })
  }

  /** The heartbeat. Whatever fails is tried again at the next one: an alarm that throws is dropped in the end. */
  override async alarm(): Promise<void> {
    try {
      this.ctx.storage.transactionSync(() => this.#cutOffs.forgetTold(epochMilliseconds()))
      await this.#turn(systemClock())
      await this.#sealAnew()
    } catch (thrown) {
      log('error', { event: 'key_ring.heartbeat_failed', error: describeThrown(thrown) })
    }
    const published = await this.#publish({ again: true })
    await this.#setAlarm(published ? HEARTBEAT_SECONDS : PUBLISH_RETRY_SECONDS)
  }

  /**
   * Does what is due. New keys are made before the transaction that uses them, and thrown away if it does not. What
   * has changed is published, once, whatever fails; `isRaised`: there is something already.
   */
  async #turn(
    now: EpochSeconds,
    {
      early = false,
      wanted,
      isRaised = false,
    }: { early?: boolean; wanted?: SigningKeyAlgorithm; isRaised?: boolean } = {},
  ): Promise<void> {
    let spare: readonly NewKey[] = []
    let changed = isRaised
    try {
      for (;;) {
        const turn = this.ctx.storage.transactionSync(() => {
          const done = turnKeys(this.#table, now, { spare, early, wanted })
          if (done.changed) this.#table.raiseVersion()
          return done
        })
        changed ||= turn.changed
        for (const { kid, alg } of turn.activated) log('info', { event: 'key.activated', kid, alg })
        if (turn.lacking.length === 0) break
        spare = await this.#generate(turn.lacking)
      }
    } finally {
      if (changed) await this.#publish()
      if ((await this.ctx.storage.getAlarm()) === null) await this.#setAlarm(HEARTBEAT_SECONDS)
    }
  }

  /** One generation at a time: 50 first callers need not make 50 RSA keys. */
  async #generate(lacking: readonly SigningKeyAlgorithm[]): Promise<readonly NewKey[]> {
    const { seals } = this.#parts()
    this.#generating ??= Promise.all(lacking.map((alg) => generateSigningKey(alg, seals.current)))
    try {
      return await this.#generating
    } finally {
      this.#generating = undefined
    }
  }

  /**
   * Writes the record to KV, one write after the other so that an older one never lands last. Says whether
   * KV has the current version; if not, the alarm tries again soon.
   */
  async #publish({ again = false } = {}): Promise<boolean> {
    this.#publishing = this.#publishing.then(async () => {
      if (this.#table.isPublished() && !again) return true
      try {
        const record = this.#record()
        await this.#parts().published.write(record)
        this.#table.notePublished(record.version)
        return true
      } catch (thrown) {
        log('error', { event: 'key_ring.not_published', error: describeThrown(thrown) })
        await this.#setAlarm(PUBLISH_RETRY_SECONDS)
        return false
      }
    })
    return this.#publishing
  }

  /** Lets the older values of KEY_ENCRYPTION_KEY be dropped: what they sealed is sealed with the current one. */
  async #sealAnew(): Promise<void> {
    const { seals } = this.#parts()
    for (const { kid, sealedPrivateKey } of this.#table.all()) {
      if (sealedPrivateKey === null) continue
      if ((await seals.current.unseal(sealedPrivateKey)) !== undefined) continue
      const value = await seals.any.unseal(sealedPrivateKey)
      if (value === undefined) log('error', { event: 'key_ring.key_not_readable', kid })
      else this.#table.reseal(kid, sealedPrivateKey, await seals.current.seal(value))
    }
  }

  #record(): PublicKeyRecord {
    return { ...this.#table.record(), cutOffs: this.#cutOffs.all() }
  }

  async #setAlarm(inSeconds: number): Promise<void> {
    await this.ctx.storage.setAlarm((systemClock() + inSeconds) * 1000)
  }

  #parts(): { readonly seals: SigningKeySeals; readonly published: PublishedRecord } {
    if (this.#settings !== undefined) return this.#settings
    const parsed = parseConfig(this.env as unknown as Record<string, unknown>)
    if (!parsed.ok) throw new Error('the configuration is not valid')
    const { keyEncryptionKey } = parsed.config.secrets
    this.#settings = {
      seals: signingKeySeals(keyEncryptionKey),
      published: createPublishedRecord({ kv: this.env.REVOCATION, keyEncryptionKey }),
    }
    return this.#settings
  }

  /** Nothing is thrown to the caller. */
  async #answer<Answer>(
    work: () => Promise<Answer>,
  ): Promise<Answer | ReturnType<typeof refuse<'unavailable'>>> {
    try {
      return await work()
    } catch (thrown) {
      log('error', { event: 'key_ring.failed', error: describeThrown(thrown) })
      return refuse('unavailable')
    }
  }
}

const describe = ({
  kid,
  alg,
  state,
  announcedAt,
  activatedAt,
  changedAt,
}: KeyRow): KeyDescription => ({
  kid,
  alg,
  state,
  announcedAt,
  activatedAt,
  changedAt,
})
