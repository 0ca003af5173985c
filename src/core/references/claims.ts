/** References that count once: whoever is told `ok` is the only one who ever was. */
import { askObject } from '../../platform/ask-object.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { storageName } from '../../platform/digest.ts'
import { placedNear } from '../../platform/location-hint.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { ClaimedReferences } from './claimed-references.ts'

export interface Reference {
  readonly kind: 'attempt' | 'client-assertion'
  /** What names it among its kind; it is stored only as a hash. */
  readonly parts: readonly string[]
  /** Part of the name too: where it is kept. The same each time that one reference is asked about. */
  readonly continent?: string | undefined
}

export interface Claims {
  /** `expiresAt`: when the value stops being accepted by itself. */
  claim(
    reference: Reference,
    lifetime: { readonly now: EpochSeconds; readonly expiresAt: EpochSeconds },
  ): Promise<Result<undefined, 'already_claimed' | 'expired' | 'unavailable'>>
  /** Whether it has been claimed; of use only until it expires. Changes nothing. */
  isClaimed(reference: Reference): Promise<Result<boolean, 'unavailable'>>
}

export function createClaims(objects: DurableObjectNamespace<ClaimedReferences>): Claims {
  async function ask<Answer>(
    { kind, parts, continent }: Reference,
    question: (object: DurableObjectStub<ClaimedReferences>, name: string) => Promise<Answer>,
  ): Promise<Result<Answer, 'unavailable'>> {
    const name = await storageName(kind, ...parts)
    const placement = placedNear(continent)
    // The last of 43 characters holds the last 4 of 256 bits: so there are 16 objects to a continent.
    const place = `v1:claims:${placement.locationHint ?? 'anywhere'}:${name.at(-1)}`
    return askObject({ event: 'reference.failed', kind }, async () =>
      question(objects.getByName(place, placement), name),
    )
  }

  return {
    async claim(reference, lifetime) {
      const asked = await ask(reference, (object, name) => object.claim({ name, ...lifetime }))
      if (!asked.ok) return asked
      return asked.value === 'claimed' ? ok(undefined) : refuse(asked.value)
    },
    isClaimed: (reference) => ask(reference, async (object, name) => object.isClaimed({ name })),
  }
}
