import { askObject, flatten } from '../../platform/ask-object.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { storageName } from '../../platform/digest.ts'
import type { Result } from '../../platform/refusal.ts'
import type { KeyRing } from './key-ring.ts'
import type { Keys } from './keys.ts'

type Question<Value, Code extends string> = (
  ring: DurableObjectStub<KeyRing>,
) => Promise<Result<Value, Code>>

/** Asks the key ring what an operator wants to know of it. */
export const askKeyRing = async <Value, Code extends string>(
  keyRing: Env['KEY_RING'],
  question: Question<Value, Code>,
): Promise<Result<Value, Code | 'unavailable'>> =>
  flatten(
    await askObject({ event: 'keys.ring_not_reached' }, async () =>
      question(keyRing.getByName(await storageName('key-ring'))),
    ),
  )

/** The same for what changes it. Who was told is the first to know: the operator's next request sees it. */
export async function tellKeyRing<Value, Code extends string>(
  { keyRing, keys }: { readonly keyRing: Env['KEY_RING']; readonly keys: Pick<Keys, 'refresh'> },
  now: EpochSeconds,
  question: Question<Value, Code>,
): Promise<Result<Value, Code | 'unavailable'>> {
  const told = await askKeyRing(keyRing, question)
  if (told.ok) await keys.refresh(now)
  return told
}
