import { runInDurableObject } from 'cloudflare:test'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ANNOUNCED_SECONDS,
  RETIRING_SECONDS,
  ROTATION_SECONDS,
} from '../../../src/core/tokens/key-lifetimes.ts'
import { KeyTable } from '../../../src/core/tokens/key-table.ts'
import type { NewKey } from '../../../src/core/tokens/key-table.ts'
import { turnKeys } from '../../../src/core/tokens/key-transitions.ts'
import { keyRing } from '../../world/signed-by-us.ts'

const NOON = 2_000_000_000

let made = 0
const newKey = (alg: 'ES256' | 'RS256'): NewKey => {
  const kid = String(++made).padStart(43, 'k')
  const members =
    alg === 'ES256' ? { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' } : { kty: 'RSA', n: 'n', e: 'e' }
  return {
    kid,
    alg,
    publicJwk: JSON.stringify({ kid, alg, ...members }),
    sealedPrivateKey: 'sealed',
  }
}
const fourKeys = () => (['ES256', 'ES256', 'RS256', 'RS256'] as const).map(newKey)

/** Runs on the tables of a key ring that has not made any key. */
const onTable = async (work: (table: KeyTable, sql: SqlStorage) => void) =>
  runInDurableObject(await keyRing(), (_, { storage }) =>
    storage.transactionSync(() => work(new KeyTable(storage.sql), storage.sql)),
  )

describe('turning the keys', () => {
  it('without spare keys changes nothing and says what is lacking', async () => {
    await onTable((table) => {
      const turn = turnKeys(table, NOON, { spare: [], early: false })
      expect(turn).toEqual({
        changed: false,
        activated: [],
        lacking: ['ES256', 'ES256', 'RS256', 'RS256'],
      })
      expect(table.all()).toEqual([])
    })
  })

  it('a second time does nothing', async () => {
    await onTable((table) => {
      turnKeys(table, NOON, { spare: fourKeys(), early: false })
      const before = table.all()
      const again = turnKeys(table, NOON, { spare: fourKeys(), early: false })
      expect(again).toEqual({ changed: false, activated: [], lacking: [] })
      expect(table.all()).toEqual(before)
    })
  })

  it('never takes a key twice: one that was compromised does not come back', async () => {
    await onTable((table) => {
      const spare = fourKeys()
      turnKeys(table, NOON, { spare, early: false })
      const bad = table.current('ES256', 'announced')!.kid
      table.withdraw(bad, 'compromised', NOON)
      expect(turnKeys(table, NOON, { spare, early: false }).lacking).toEqual(['ES256'])
      expect(table.find(bad)?.state).toBe('compromised')
    })
  })

  it('early does not let a key sign that is not known everywhere', async () => {
    await onTable((table) => {
      turnKeys(table, NOON, { spare: fourKeys(), early: false })
      const before = table.all()
      turnKeys(table, NOON + ANNOUNCED_SECONDS - 1, { spare: fourKeys(), early: true })
      expect(table.all()).toEqual(before)
    })
  })

  it('keeps its promises at any times, in any order, with any compromises', async () => {
    const step = fc.record({
      wait: fc.oneof(
        fc.nat(2 * RETIRING_SECONDS),
        fc.constantFrom(
          -ROTATION_SECONDS,
          0,
          ANNOUNCED_SECONDS,
          ROTATION_SECONDS,
          3 * ROTATION_SECONDS,
        ),
      ),
      compromise: fc.option(fc.nat(5)),
      early: fc.boolean(),
    })
    await onTable((table, sql) => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 10 }), (steps) => {
          sql.exec('DELETE FROM signing_keys')
          let now = NOON
          turnKeys(table, now, { spare: fourKeys(), early: false })
          for (const { wait, compromise, early } of steps) {
            now += wait
            const public_ = table.record().keys
            const victim = compromise === null ? undefined : public_[compromise % public_.length]
            if (victim !== undefined) table.withdraw(victim.jwk.kid, 'compromised', now)
            const before = new Map(table.all().map((key) => [key.kid, key]))
            turnKeys(table, now, { spare: fourKeys(), early })
            for (const alg of ['ES256', 'RS256'] as const) {
              expect(table.current(alg, 'active')).toBeDefined()
              expect(table.current(alg, 'announced')).toBeDefined()
            }
            for (const key of table.all()) {
              const was = before.get(key.kid)
              if (was?.state === 'compromised' || was?.state === 'gone') expect(key).toEqual(was)
              if (was?.state === 'retiring' && key.state === 'gone') {
                expect(now - was.changedAt).toBeGreaterThanOrEqual(RETIRING_SECONDS)
              }
              const tookOver = was?.state === 'announced' && key.state === 'active'
              const inPeace = victim === undefined || before.get(victim.jwk.kid)?.alg !== key.alg
              if (tookOver && inPeace) {
                expect(now - key.announcedAt).toBeGreaterThanOrEqual(ANNOUNCED_SECONDS)
              }
              const signs = key.state === 'active' || key.state === 'announced'
              expect(key.sealedPrivateKey === null).toBe(!signs)
            }
          }
        }),
        { numRuns: 60 },
      )
    })
  })
})
