import { describe, expect, it } from 'vitest'
import { aloneByLease, aloneByLock } from '../../src/browser/turns.ts'
import type { LockRequests } from '../../src/browser/turns.ts'

const name = 'drawbridge:renewal'

describe('taking turns by a lease', () => {
  const setting = () => {
    const items = new Map<string, string>()
    const state = { clock: 1_000_000, running: 0, most: 0, done: 0 }
    const storage = {
      getItem: (key: string) => items.get(key) ?? null,
      setItem: (key: string, value: string) => void items.set(key, value),
      removeItem: (key: string) => void items.delete(key),
    }
    const pause = async (milliseconds: number) => {
      state.clock += milliseconds
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const work = async () => {
      state.most = Math.max(state.most, ++state.running)
      await pause(10)
      state.running--
      state.done++
    }
    const take = (id: string) =>
      aloneByLease({ storage, now: () => state.clock, pause, id }, name, work)
    return { items, state, take }
  }

  it('lets one tab work at a time, and leaves nothing behind', async () => {
    const { items, state, take } = setting()
    await Promise.all(['a', 'b', 'c'].map(take))
    expect(state).toMatchObject({ most: 1, done: 3 })
    expect(items.size).toBe(0)
  })

  it.each(['gone 1005000', 'gone 999000', 'gone 99999999999', 'nonsense'])(
    'does not wait for ever for a tab that is gone: %s',
    async (lease) => {
      const { items, state, take } = setting()
      items.set(`${name}-lease`, lease)
      await take('a')
      expect(state.done).toBe(1)
      expect(items.size).toBe(0)
    },
  )

  it('gives the lease back when the work fails', async () => {
    const { items } = setting()
    const storage = {
      getItem: (key: string) => items.get(key) ?? null,
      setItem: (key: string, value: string) => void items.set(key, value),
      removeItem: (key: string) => void items.delete(key),
    }
    const failing = aloneByLease(
      { storage, now: () => 0, pause: async () => {}, id: 'a' },
      name,
      () => Promise.reject(new Error('no')),
    )
    await expect(failing).rejects.toThrow('no')
    expect(items.size).toBe(0)
  })
})

describe('taking turns by Web Locks', () => {
  const pause = async () => {}

  it('works under the lock', async () => {
    const asked: string[] = []
    const locks: LockRequests = {
      request: (lock, _, work) => {
        asked.push(lock)
        return work()
      },
    }
    expect(await aloneByLock({ locks, pause }, name, async () => 7)).toBe(7)
    expect(asked).toEqual([name])
  })

  it('answers at once, but keeps the lock until the other tabs can see what was written', async () => {
    const order: string[] = []
    let endOfPause = () => {}
    const slowly = () => new Promise<void>((resolve) => (endOfPause = resolve))
    const released = Promise.withResolvers<undefined>()
    const locks: LockRequests = {
      request: async (_, __, work) => {
        await work()
        order.push('lock released')
        released.resolve(undefined)
      },
    }
    await aloneByLock({ locks, pause: slowly }, name, async () => 7)
    order.push('answered')
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(order).toEqual(['answered'])
    endOfPause()
    await released.promise
    expect(order).toEqual(['answered', 'lock released'])
  })

  it('goes on without the lock when it cannot be had', async () => {
    const locks: LockRequests = {
      request: () => Promise.reject(new DOMException('', 'TimeoutError')),
    }
    expect(await aloneByLock({ locks, pause }, name, async () => 7)).toBe(7)
  })

  it.each([
    ['as it should', (work: () => Promise<void>) => work()],
    [
      'and the lock is stolen',
      (work: () => Promise<void>) => work().then(() => Promise.reject(new Error('stolen'))),
    ],
  ])('does the work once, also when it fails %s', async (_, run) => {
    let times = 0
    const failing = aloneByLock(
      { locks: { request: (__, ___, work) => run(work) }, pause },
      name,
      () => {
        times++
        return Promise.reject(new Error('no'))
      },
    )
    await expect(failing).rejects.toThrow('no')
    await new Promise((resolve) => setTimeout(resolve, 1))
    expect(times).toBe(1)
  })
})
