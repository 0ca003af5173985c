/**
 * What has no user yet, one object each: a sealed text that waits to be taken (kept-values.ts). The object is found
 * by the hash of the reference and forgets everything when the reference could not be accepted any more.
 */
import { DurableObject } from 'cloudflare:workers'
import type { EpochSeconds } from '../../platform/clock.ts'

const KEPT = 'kept'

interface Kept {
  readonly sealed: string
  readonly expiresAt: EpochSeconds
}

export class OneTimeReference extends DurableObject<Env> {
  /** Keeps a sealed text under this reference, unless there is one. */
  async keep(kept: Kept): Promise<'kept' | 'taken'> {
    const isFree = this.ctx.storage.transactionSync(() => {
      if (this.#kept() !== undefined) return false
      this.ctx.storage.kv.put(KEPT, kept)
      return true
    })
    if (!isFree) return 'taken'
    await this.ctx.storage.setAlarm(kept.expiresAt * 1000)
    return 'kept'
  }

  /** What is kept, until its time. Writes nothing. */
  read({ now }: { readonly now: EpochSeconds }): string | undefined {
    const kept = this.#kept()
    return kept !== undefined && now < kept.expiresAt ? kept.sealed : undefined
  }

  /** Puts another text in the place of the one that `read` has given, which looked at its time; that stays. */
  replace({
    seen,
    sealed,
  }: {
    readonly seen: string
    readonly sealed: string
  }): 'replaced' | 'changed_meanwhile' | 'unknown' {
    return this.ctx.storage.transactionSync(() => {
      const kept = this.#kept()
      if (kept === undefined) return 'unknown'
      if (kept.sealed !== seen) return 'changed_meanwhile'
      this.ctx.storage.kv.put(KEPT, { ...kept, sealed })
      return 'replaced'
    })
  }

  /** Reads and forgets: of any number of calls, one is told. */
  take({ now }: { readonly now: EpochSeconds }): string | undefined {
    return this.ctx.storage.transactionSync(() => {
      const sealed = this.read({ now })
      if (sealed !== undefined) this.ctx.storage.kv.delete(KEPT)
      return sealed
    })
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll()
  }

  #kept(): Kept | undefined {
    return this.ctx.storage.kv.get<Kept>(KEPT)
  }
}
