/**
 * A single-use value that has no user yet (the state of a sign-in attempt), one object each. The object is
 * found by the hash of the value, is claimed once, and forgets everything when the value could not be
 * accepted any more.
 */
import { DurableObject } from 'cloudflare:workers'
import type { EpochSeconds } from '../../platform/clock.ts'

const CLAIMED_UNTIL = 'claimed_until'

export class OneTimeReference extends DurableObject<Env> {
  /**
   * Of any number of calls, at any time and in parallel, one is told `claimed`. `expiresAt` is when the
   * value itself stops being accepted: from then on nothing can be claimed, so forgetting is safe.
   */
  async claim(input: {
    readonly now: EpochSeconds
    readonly expiresAt: EpochSeconds
  }): Promise<'claimed' | 'already_claimed' | 'expired'> {
    if (input.now >= input.expiresAt) return 'expired'
    const isFirst = this.ctx.storage.transactionSync(() => {
      if (this.ctx.storage.kv.get(CLAIMED_UNTIL) !== undefined) return false
      this.ctx.storage.kv.put(CLAIMED_UNTIL, input.expiresAt)
      return true
    })
    if (!isFirst) return 'already_claimed'
    await this.ctx.storage.setAlarm(input.expiresAt * 1000)
    return 'claimed'
  }

  /** Whether the value has been claimed; of use only until it expires. Writes nothing. */
  isClaimed(): boolean {
    return this.ctx.storage.kv.get(CLAIMED_UNTIL) !== undefined
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll()
  }
}
