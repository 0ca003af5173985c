import { beforeEach, describe, expect, it } from 'vitest'
import { LateKv } from './late-kv.ts'

let now: number
beforeEach(() => {
  now = 1_000_000
})

const clock = () => now
const pass = (seconds: number) => {
  now += seconds * 1000
}
const bounded = { cacheTtl: 30 } as const

describe('a late KV', () => {
  it('answers a location from what it has read, until the cacheTtl of the read is over', async () => {
    const kv = new LateKv({ clock })
    const [near, far] = [kv.newLocation(), kv.newLocation()]
    await kv.writer.put('key', 'old')
    expect(await near.get('key', bounded)).toBe('old')
    pass(10)
    await kv.writer.put('key', 'new')
    expect(await far.get('key', bounded)).toBe('new')
    pass(19.999)
    expect(await near.get('key', bounded)).toBe('old')
    pass(0.001)
    expect(await near.get('key', bounded)).toBe('new')
  })

  it('keeps a miss as it keeps a value', async () => {
    const kv = new LateKv({ clock })
    const location = kv.newLocation()
    expect(await location.get('key', bounded)).toBeNull()
    await kv.writer.put('key', 'new')
    pass(29)
    expect(await location.get('key', bounded)).toBeNull()
    pass(1)
    expect(await location.get('key', bounded)).toBe('new')
  })

  it('keeps for 60 seconds what is read without a cacheTtl, and refuses one below 30', async () => {
    const kv = new LateKv({ clock })
    const location = kv.newLocation()
    await location.get('key')
    await kv.writer.put('key', 'new')
    pass(59)
    expect(await location.get('key')).toBeNull()
    await expect(location.get('key', { cacheTtl: 29 })).rejects.toThrow('cache_ttl')
  })

  it('lets a write be on its way, to each location in its own time', async () => {
    const delays = [2000, 5000]
    const kv = new LateKv({ clock, delay: () => delays.shift() ?? 0 })
    await kv.writer.put('key', 'new')
    const [near, far] = [kv.newLocation(), kv.newLocation()]
    expect(await near.get('key', bounded)).toBeNull()
    expect(await far.get('key', bounded)).toBeNull()
    pass(30)
    expect(await near.get('key', bounded)).toBe('new')
    expect(await kv.newLocation().get('key', bounded)).toBe('new')
  })

  it('takes one write a second of a key', async () => {
    const kv = new LateKv({ clock })
    await kv.writer.put('key', '1')
    await kv.writer.put('other', '1')
    pass(0.999)
    await expect(kv.writer.put('key', '2')).rejects.toThrow('429')
    pass(1)
    await kv.writer.put('key', '3')
    expect(await kv.newLocation().get('key')).toBe('3')
  })

  it('fails and loses writes when it is told to, and shows nothing of them', async () => {
    const moods = [true, false]
    const kv = new LateKv({ clock, mayFail: () => moods.shift() ?? false, mayLose: () => true })
    await expect(kv.writer.put('key', '1')).rejects.toThrow('500')
    pass(1)
    await kv.writer.put('key', '2')
    expect(await kv.newLocation().get('key')).toBeNull()
  })

  it('shows no record that has expired, and takes none that would live less than a minute', async () => {
    const kv = new LateKv({ clock })
    const location = kv.newLocation()
    await kv.writer.put('key', 'new', { expirationTtl: 60 })
    pass(59)
    expect(await location.get('key', bounded)).toBe('new')
    pass(1)
    expect(await location.get('key', bounded)).toBeNull()
    await expect(kv.writer.put('key', 'new', { expirationTtl: 59 })).rejects.toThrow('expiration')
  })
})
