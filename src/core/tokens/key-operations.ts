import type { EpochSeconds } from '../../platform/clock.ts'
import { refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { askKeyRing, tellKeyRing } from './ask-key-ring.ts'
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

export const createKeyOperations = (parts: {
  readonly keyRing: Env['KEY_RING']
  readonly keys: Pick<Keys, 'refresh'>
}): KeyOperations => ({
  list: (now) => askKeyRing(parts.keyRing, async (ring) => ring.list(now)),
  rotate: (now) => tellKeyRing(parts, now, async (ring) => ring.rotate(now)),
  compromise: async (kid, now) =>
    isThumbprint(kid)
      ? tellKeyRing(parts, now, async (ring) => ring.compromise(kid, now))
      : refuse('unknown_key'),
})
