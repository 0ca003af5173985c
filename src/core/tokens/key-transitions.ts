import type { EpochSeconds } from '../../platform/clock.ts'
import { ANNOUNCED_SECONDS, RETIRING_SECONDS, ROTATION_SECONDS } from './key-lifetimes.ts'
import type { KeyRow, KeyTable, NewKey } from './key-table.ts'
import { isAlwaysKept, signingKeyAlgorithms } from './signing-key.ts'
import type { SigningKeyAlgorithm } from './signing-key.ts'

/** What a turn did, and which new keys it would have needed (an algorithm may stand here twice). */
export interface Turn {
  readonly changed: boolean
  readonly activated: readonly KeyRow[]
  readonly lacking: readonly SigningKeyAlgorithm[]
}

/**
 * Applies every transition that is due at `now`, and leaves each algorithm in use with one active and one
 * announced key as far as `spare` keys allow. An algorithm is in use when it always is, when it ever had a
 * key, or when it is `wanted` now. Synchronous: called inside a transaction, so that however
 * many callers race, one of them makes each change. All times count from when a transition really
 * happened, so a late alarm never shortens a state, and a clock that goes back only delays.
 */
export function turnKeys(
  table: KeyTable,
  now: EpochSeconds,
  {
    spare,
    early,
    wanted,
  }: {
    readonly spare: readonly NewKey[]
    readonly early: boolean
    readonly wanted?: SigningKeyAlgorithm | undefined
  },
): Turn {
  const unused = spare.filter(({ kid }) => table.find(kid) === undefined)
  const activated: KeyRow[] = []
  const lacking: SigningKeyAlgorithm[] = []
  let changed = false

  const announceSpare = (alg: SigningKeyAlgorithm): boolean => {
    const at = unused.findIndex((key) => key.alg === alg)
    if (at < 0) {
      lacking.push(alg)
      return false
    }
    table.announce(unused.splice(at, 1)[0]!, now)
    changed = true
    return true
  }
  const activate = (key: KeyRow): void => {
    table.activate(key.kid, now)
    activated.push(key)
    changed = true
  }

  for (const { kid } of table.retiredBy(now - RETIRING_SECONDS)) {
    table.withdraw(kid, 'gone', now)
    changed = true
  }
  for (const alg of signingKeyAlgorithms) {
    if (!isAlwaysKept(alg) && alg !== wanted && !table.hasKeyOf(alg)) continue
    const active = table.current(alg, 'active')
    if (active === undefined) {
      // Nothing signs: there never was a key, or it was compromised. The next one does not wait its time.
      if (table.current(alg, 'announced') === undefined) announceSpare(alg)
      const next = table.current(alg, 'announced')
      if (next !== undefined) activate(next)
    } else if (early || now >= active.activatedAt! + ROTATION_SECONDS) {
      const next = table.current(alg, 'announced')
      if (next !== undefined && now >= readyAt(next)) {
        table.withdraw(active.kid, 'retiring', now)
        activate(next)
      }
    }
    if (table.current(alg, 'announced') === undefined) announceSpare(alg)
  }
  return { changed, activated, lacking }
}

/** A key is ready when everybody who will see its signature knows it. */
const readyAt = (announced: KeyRow | undefined): EpochSeconds =>
  announced === undefined ? 0 : announced.announcedAt + ANNOUNCED_SECONDS

/** From when on every announced key is ready. */
export const earliestRotation = (table: KeyTable): EpochSeconds =>
  Math.max(...signingKeyAlgorithms.map((alg) => readyAt(table.current(alg, 'announced'))))
