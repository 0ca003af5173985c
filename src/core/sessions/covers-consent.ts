import type { Consent, NeededConsent } from './grant.ts'

/** Whether what a person has agreed to goes as far as what rests on it: nothing of it counts in part. */
export const coversConsent = (
  given: Pick<Consent, keyof NeededConsent>,
  needed: NeededConsent,
): boolean =>
  (['scope', 'claims', 'resources'] as const).every((member) =>
    needed[member].every((value) => given[member].includes(value)),
  )
