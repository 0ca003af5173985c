/**
 * The kept values: small JSON values that wait for a short time, each in an object of its own
 * (one-time-reference.ts). The object is named by a hash of kind and reference, and what it holds is sealed
 * under our key *and* the reference: whoever reads the storage, even with our key, learns nothing of a value
 * whose reference they do not have.
 */
import { askObject } from '../../platform/ask-object.ts'
import { storageName } from '../../platform/digest.ts'
import { randomToken } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { createSeal } from '../../platform/seal.ts'
import type { RotatingSecret } from '../../platform/secrets.ts'
import type { KeptKind, KeptValues } from './kept-value.ts'
import type { OneTimeReference } from './one-time-reference.ts'

/** Longer than any reference of ours; what a person types is shorter. */
const MAX_REFERENCE_LENGTH = 64

export function createKeptValues({
  references,
  handleKey,
}: {
  readonly references: DurableObjectNamespace<OneTimeReference>
  readonly handleKey: RotatingSecret
}): KeptValues {
  /** Asks the object of a reference. */
  const ask = <Answer>(
    kind: KeptKind,
    reference: string,
    question: (object: DurableObjectStub<OneTimeReference>) => Promise<Answer>,
  ): Promise<Result<Answer, 'unavailable'>> =>
    askObject({ event: 'reference.failed', kind }, async () =>
      question(references.getByName(await storageName(`kept-${kind}`, reference))),
    )

  const sealOf = (kind: KeptKind, reference: string) => {
    const [current, ...older] = handleKey
    const under = (key: string) => `${key}.${reference}`
    return createSeal([under(current), ...older.map(under)], `kept/${kind}`)
  }

  /** The sealed text of a reference, as the object gives it, and the value in it. */
  async function open(
    kind: KeptKind,
    reference: string,
    question: (object: DurableObjectStub<OneTimeReference>) => Promise<string | undefined>,
  ): Promise<Result<{ sealed: string; value: unknown }, 'unknown' | 'unavailable'>> {
    if (!isReference(reference)) return refuse('unknown')
    const found = await ask(kind, reference, question)
    if (!found.ok) return found
    const sealed = found.value
    if (sealed === undefined) return refuse('unknown')
    const value = await sealOf(kind, reference).unseal(sealed)
    return value === undefined ? refuse('unknown') : ok({ sealed, value })
  }

  return {
    async keep(kind, value, expiresAt, reference = randomToken()) {
      const sealed = await sealOf(kind, reference).seal(value)
      const kept = await ask(kind, reference, async (object) => object.keep({ sealed, expiresAt }))
      if (!kept.ok) return kept
      return kept.value === 'kept' ? ok(reference) : refuse('taken')
    },

    async read(kind, reference, now) {
      const opened = await open(kind, reference, async (object) => object.read({ now }))
      return opened.ok ? ok(opened.value.value) : opened
    },

    async replace(kind, reference, { seen, value, now }) {
      const opened = await open(kind, reference, async (object) => object.read({ now }))
      if (!opened.ok) return opened
      if (JSON.stringify(opened.value.value) !== JSON.stringify(seen))
        return refuse('changed_meanwhile')
      // Sealing takes a new random IV each time, so the same text is the same act of keeping.
      const change = {
        seen: opened.value.sealed,
        sealed: await sealOf(kind, reference).seal(value),
      }
      const replaced = await ask(kind, reference, async (object) => object.replace(change))
      if (!replaced.ok) return replaced
      return replaced.value === 'replaced' ? ok(undefined) : refuse(replaced.value)
    },

    async take(kind, reference, now) {
      const opened = await open(kind, reference, async (object) => object.take({ now }))
      return opened.ok ? ok(opened.value.value) : opened
    },
  }
}

const isReference = (reference: string): boolean =>
  reference !== '' && reference.length <= MAX_REFERENCE_LENGTH
