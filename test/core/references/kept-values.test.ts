import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { createKeptValues } from '../../../src/core/references/kept-values.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { storageName } from '../../../src/platform/digest.ts'

const keptValues = (...handleKey: [string, ...string[]]) =>
  createKeptValues({ references: env.ONE_TIME_REFERENCES, handleKey })

const kept = keptValues('a'.repeat(32))
const KIND = 'authorization_request'
const now = systemClock()
const later = now + 600
const value = { applicationId: 'shop', state: '{"from":"/"}', list: [1, null] }

const keep = async (what: unknown = value): Promise<string> => {
  const reference = await kept.keep(KIND, what, later)
  if (!reference.ok) throw new Error(reference.refusal.code)
  return reference.value
}

const objectOf = async (reference: string) =>
  env.ONE_TIME_REFERENCES.getByName(await storageName(`kept-${KIND}`, reference))

const UNKNOWN = { ok: false, refusal: { code: 'unknown' } }

describe('a kept value', () => {
  it('is read by its reference, as often as one likes', async () => {
    const reference = await keep()
    expect(reference).toMatch(/^[\w-]{43}$/)
    expect(await kept.read(KIND, reference, now)).toEqual({ ok: true, value })
    expect(await kept.read(KIND, reference, later - 1)).toEqual({ ok: true, value })
  })

  it('is taken once, of 50 at the same time', async () => {
    const reference = await keep()
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => kept.take(KIND, reference, now)),
    )
    expect(answers.filter(({ ok }) => ok)).toEqual([{ ok: true, value }])
    for (const answer of answers.filter(({ ok }) => !ok)) expect(answer).toEqual(UNKNOWN)
    expect(await kept.read(KIND, reference, now)).toEqual(UNKNOWN)
  })

  it('is not even looked for by what is no reference', async () => {
    const getByName = () => {
      throw new Error('asked')
    }
    const references = { getByName } as unknown as typeof env.ONE_TIME_REFERENCES
    const unasked = createKeptValues({ references, handleKey: ['a'.repeat(32)] })
    for (const text of ['', 'x'.repeat(65)]) {
      expect(await unasked.read(KIND, text, now)).toEqual(UNKNOWN)
      expect(await unasked.take(KIND, text, now)).toEqual(UNKNOWN)
    }
  })

  it('is neither read, replaced nor taken from its time on, alarm or not', async () => {
    const reference = await keep()
    expect(await kept.read(KIND, reference, later)).toEqual(UNKNOWN)
    expect(await kept.take(KIND, reference, later)).toEqual(UNKNOWN)
    const change = { seen: value, value: 1, now: later }
    expect(await kept.replace(KIND, reference, change)).toEqual(UNKNOWN)
    expect(await kept.take(KIND, reference, later - 1)).toEqual({ ok: true, value })
  })

  it('is found by nothing but its kind and its reference', async () => {
    const reference = await keep()
    expect(await kept.read('device_authorization', reference, now)).toEqual(UNKNOWN)
    expect(await kept.take('user_code', reference, now)).toEqual(UNKNOWN)
    for (const other of ['', 'x', `${reference}x`, reference.slice(1), 'x'.repeat(10_000)]) {
      expect(await kept.take(KIND, other, now), other).toEqual(UNKNOWN)
    }
    expect(await kept.read(KIND, reference, now)).toEqual({ ok: true, value })
  })

  it('keeps a chosen reference for whoever was first, until it is free again', async () => {
    expect(await kept.keep('user_code', 1, later, 'BCDFGHJK')).toEqual({
      ok: true,
      value: 'BCDFGHJK',
    })
    expect(await kept.keep('user_code', 2, later, 'BCDFGHJK')).toEqual({
      ok: false,
      refusal: { code: 'taken' },
    })
    expect(await kept.take('user_code', 'BCDFGHJK', now)).toEqual({ ok: true, value: 1 })
    expect((await kept.keep('user_code', 3, later, 'BCDFGHJK')).ok).toBe(true)
    expect(await kept.read('user_code', 'BCDFGHJK', now)).toEqual({ ok: true, value: 3 })
  })

  it('is replaced by one of 20 who have all seen the same', async () => {
    const reference = await keep({ round: 0 })
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, place) =>
        kept.replace(KIND, reference, { seen: { round: 0 }, value: { round: place + 1 }, now }),
      ),
    )
    const winner = answers.findIndex(({ ok }) => ok)
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1)
    expect(answers.find(({ ok }) => !ok)).toEqual({
      ok: false,
      refusal: { code: 'changed_meanwhile' },
    })
    const left = await kept.read(KIND, reference, now)
    expect(left).toEqual({ ok: true, value: { round: winner + 1 } })
  })

  it('does not live longer by being replaced', async () => {
    const reference = await keep({ round: 0 })
    const change = { seen: { round: 0 }, value: { round: 1 }, now: later - 1 }
    expect((await kept.replace(KIND, reference, change)).ok).toBe(true)
    expect(await kept.read(KIND, reference, later)).toEqual(UNKNOWN)
  })

  it('stands in no readable form in storage, and is gone after its time', async () => {
    const reference = await keep()
    const object = await objectOf(reference)
    const stored = await runInDurableObject(object, (_, { storage }) =>
      JSON.stringify([...storage.kv.list()]),
    )
    for (const text of [reference, 'shop', 'from', 'applicationId'])
      expect(stored).not.toContain(text)
    const alarm = await runInDurableObject(object, (_, { storage }) => storage.getAlarm())
    expect(alarm).toBe(later * 1000)
    expect(await runDurableObjectAlarm(object)).toBe(true)
    const rest = await runInDurableObject(object, (_, { storage }) => [...storage.kv.list()])
    expect(rest).toEqual([])
  })

  it('opens under its own kind and reference alone, whatever our key, wherever it is laid', async () => {
    const reference = await keep()
    const sealed = await runInDurableObject(await objectOf(reference), (_, { storage }) =>
      storage.kv.get('kept'),
    )
    const elsewhere = 'x'.repeat(43)
    for (const [kind, name] of [
      [KIND, elsewhere],
      ['device_authorization', reference],
    ] as const) {
      const object = env.ONE_TIME_REFERENCES.getByName(await storageName(`kept-${kind}`, name))
      await runInDurableObject(object, (_, { storage }) => storage.kv.put('kept', sealed))
      expect(await kept.read(kind, name, now), kind).toEqual(UNKNOWN)
    }
    expect(await kept.read(KIND, reference, now)).toEqual({ ok: true, value })
  })

  it('survives a rotation of the key, and nothing else than our keys opens it', async () => {
    const reference = await keep()
    const rotated = keptValues('b'.repeat(32), 'a'.repeat(32))
    expect(await rotated.read(KIND, reference, now)).toEqual({ ok: true, value })
    expect(await keptValues('b'.repeat(32)).read(KIND, reference, now)).toEqual(UNKNOWN)
  })

  it('of a store that does not answer is unavailable, not unknown', async () => {
    const broken = createKeptValues({
      references: {
        getByName: () => {
          throw new Error('down')
        },
      } as unknown as typeof env.ONE_TIME_REFERENCES,
      handleKey: ['a'.repeat(32)],
    })
    const unavailable = { ok: false, refusal: { code: 'unavailable' } }
    expect(await broken.keep(KIND, 1, later)).toEqual(unavailable)
    expect(await broken.read(KIND, 'x', now)).toEqual(unavailable)
    expect(await broken.take(KIND, 'x', now)).toEqual(unavailable)
    expect(await broken.replace(KIND, 'x', { seen: 1, value: 2, now })).toEqual(unavailable)
  })
})
