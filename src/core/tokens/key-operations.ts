import type { EpochSeconds } from '../../platform/clock.ts'
import { storageName } from '../../platform/digest.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { inTime, OBJECT_WAIT_MILLISECONDS } from '../../platform/time-limit.ts'
import type { KeyDescription } from './key-ring.ts'
import type { Keys } from './keys.ts'
import { isThumbprint } from './signing-key.ts'

/** What an operator may do with the signing keys; key-ring.ts says what each does. */
export interface KeyOperations {
  list(now: EpochSeconds): Promise<Result<readonly KeyDescription[], 'unavailable'>>
  rotate(
    now: EpochSeconds,
  ): Promise<Result<{ readonly published: boolean }, 'announced_too_recently' | 'unavailable'>>
  compromise(
    kid: string,
    now: EpochSeconds,
  ): Promise<Result<{ readonly published: boolean }, 'unknown_key' | 'unavailable'>>
}

export function createKeyOperations({
  keyRing,
  keys,
}: {
  keyRing: Env['KEY_RING']
  keys: Pick<Keys, 'refresh'>
}): KeyOperations {
  const ring = async () => keyRing.getByName(await storageName('key-ring'))

  async function ask<Value, Code extends string>(
    question: () => Promise<Result<Value, Code>>,
  ): Promise<Result<Value, Code | 'unavailable'>> {
    try {
      return await inTime(OBJECT_WAIT_MILLISECONDS, question())
    } catch (thrown) {
      log('error', { event: 'keys.ring_not_reached', error: describeThrown(thrown) })
      return refuse('unavailable')
    }
  }

  return {
    list: (now) => ask(async () => (await ring()).list(now)),
    async rotate(now) {
      const rotated = await ask(async () => (await ring()).rotate(now))
      if (rotated.ok) await keys.refresh(now)
      return rotated
    },
    async compromise(kid, now) {
      if (!isThumbprint(kid)) return refuse('unknown_key')
      const withdrawn = await ask(async () => (await ring()).compromise(kid, now))
      if (withdrawn.ok) await keys.refresh(now)
      return withdrawn
    },
  }
}
