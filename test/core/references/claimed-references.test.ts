import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { createClaims } from '../../../src/core/references/claims.ts'
import type { Reference } from '../../../src/core/references/claims.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { randomId } from '../../../src/platform/random.ts'

const claims = createClaims(env.CLAIMED_REFERENCES)
const now = systemClock()
const lifetime = { now, expiresAt: now + 600 }

const attempt = (continent?: string): Reference => ({
  kind: 'attempt',
  parts: [randomId()],
  continent,
})

const codeOf = async (...asked: Parameters<typeof claims.claim>) => {
  const claimed = await claims.claim(...asked)
  return claimed.ok ? 'claimed' : claimed.refusal.code
}

describe('a reference', () => {
  it('is claimed once, of 50 at the same time', async () => {
    const reference = attempt()
    const codes = await Promise.all(Array.from({ length: 50 }, () => codeOf(reference, lifetime)))
    expect(codes.filter((code) => code === 'claimed')).toHaveLength(1)
    expect(codes.filter((code) => code === 'already_claimed')).toHaveLength(49)
  })

  it('cannot be claimed from its expiry on', async () => {
    const reference = attempt()
    expect(await codeOf(reference, { now: now + 600, expiresAt: now + 600 })).toBe('expired')
    expect(await claims.isClaimed(reference)).toEqual({ ok: true, value: false })
    expect(await codeOf(reference, { now: now + 599, expiresAt: now + 600 })).toBe('claimed')
  })

  it('says whether it has been claimed, and asking claims nothing', async () => {
    const reference = attempt('EU')
    expect(await claims.isClaimed(reference)).toEqual({ ok: true, value: false })
    expect(await codeOf(reference, lifetime)).toBe('claimed')
    expect(await claims.isClaimed(reference)).toEqual({ ok: true, value: true })
  })

  it('is itself alone: no other kind, part or place of it', async () => {
    const part = fc.string({ maxLength: 3 })
    const references = fc.record({
      kind: fc.constantFrom('attempt' as const, 'client-assertion' as const),
      parts: fc.array(part, { minLength: 1, maxLength: 3 }),
      continent: fc.constantFrom(undefined, 'EU', 'AS'),
    })
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(references, { selector: JSON.stringify }), async (all) => {
        const run = randomId()
        for (const reference of all) {
          const mine = { ...reference, parts: [run, ...reference.parts] }
          expect(await codeOf(mine, lifetime)).toBe('claimed')
          expect(await codeOf(mine, lifetime)).toBe('already_claimed')
        }
      }),
      { numRuns: 20 },
    )
  })

  it('is unavailable where its object is, and nothing is claimed', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const down = {
      getByName() {
        throw new Error('overloaded')
      },
    }
    const broken = createClaims(down as unknown as typeof env.CLAIMED_REFERENCES)
    const reference = attempt()
    const unavailable = { ok: false, refusal: { code: 'unavailable' } }
    expect(await broken.claim(reference, lifetime)).toEqual(unavailable)
    expect(await broken.isClaimed(reference)).toEqual(unavailable)
    expect(await codeOf(reference, lifetime)).toBe('claimed')
  })
})

describe('where claims are kept', () => {
  const asked: string[] = []
  const watched = createClaims(
    new Proxy(env.CLAIMED_REFERENCES, {
      get(target, member) {
        if (member !== 'getByName') return Reflect.get(target, member) as unknown
        return (name: string, options: object) => {
          asked.push(`${name} ${JSON.stringify(options)}`)
          return target.getByName(name)
        }
      },
    }),
  )
  const placesOf = async (continent: string | undefined, count: number) => {
    asked.length = 0
    for (let made = 0; made < count; made += 1) await watched.isClaimed(attempt(continent))
    return new Set(asked)
  }

  it('is one of sixteen objects for all that comes from nowhere in particular', async () => {
    const places = await placesOf(undefined, 400)
    expect(places.size).toBe(16)
    for (const place of places) expect(place).toMatch(/^v1:claims:anywhere:[\w-] \{\}$/)
  })

  it('is near to the continent that is named', async () => {
    for (const place of await placesOf('EU', 20)) {
      expect(place).toMatch(/^v1:claims:weur:[\w-] \{"locationHint":"weur"\}$/)
    }
    for (const place of await placesOf('XX', 5)) expect(place).toMatch(/:anywhere:/)
  })
})

describe('an object of claims', () => {
  const object = () => env.CLAIMED_REFERENCES.getByName('v1:test:claims')
  const alarmOf = () => runInDurableObject(object(), (_, { storage }) => storage.getAlarm())
  const namesIn = () =>
    runInDurableObject(object(), (_, { storage: { sql } }) =>
      sql
        .exec<{ name: string }>('SELECT name FROM claims ORDER BY name')
        .toArray()
        .map(({ name }) => name),
    )

  it('forgets what is over by any clock, and keeps the rest until its time', async () => {
    const claim = (name: string, seconds: number) =>
      object().claim({ name, now: now - 1000, expiresAt: now + seconds })
    await claim('first', 300)
    await claim('good', 600)
    expect(await alarmOf()).toBe((now + 360) * 1000)
    await claim('over', -100)
    await claim('just over', -30)
    expect(await runDurableObjectAlarm(object())).toBe(true)
    expect(await namesIn()).toEqual(['first', 'good', 'just over'])
    expect(await alarmOf()).toBe((now + 660) * 1000)
  })

  it('sets no alarm where nothing is left', async () => {
    await object().claim({ name: 'over', now: now - 1000, expiresAt: now - 100 })
    await runDurableObjectAlarm(object())
    expect([await namesIn(), await alarmOf()]).toEqual([[], null])
  })

  it('goes on knowing what was claimed when it has been put out of memory', async () => {
    await object().claim({ name: 'a', ...lifetime })
    await runInDurableObject(object(), (_, state) => {
      state.abort('evicted')
    }).catch(() => {})
    expect(await object().claim({ name: 'a', ...lifetime })).toBe('already_claimed')
  })
})
