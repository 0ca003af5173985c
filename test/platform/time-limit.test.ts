import { describe, expect, it, vi } from 'vitest'
import { within } from '../../src/platform/time-limit.ts'

describe('work with a time limit', () => {
  it('gives its value when it is in time', async () => {
    expect(await within(1000, Promise.resolve(7))).toEqual({ isLate: false, value: 7 })
  })

  it('is late when it is not, and goes on', async () => {
    let isDone = false
    const work = scheduler.wait(20).then(() => (isDone = true))
    expect(await within(1, work)).toEqual({ isLate: true })
    expect(isDone).toBe(false)
    await work
    expect(isDone).toBe(true)
  })

  it('hands a rejection in time to its caller, and keeps a late one to itself', async () => {
    await expect(within(1000, Promise.reject(new Error('broken')))).rejects.toThrow('broken')
    const late = scheduler.wait(5).then(() => Promise.reject(new Error('too late to matter')))
    expect(await within(1, late)).toEqual({ isLate: true })
    await scheduler.wait(10)
  })

  it('leaves no timer behind, whether it ends well or badly', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    await within(1000, Promise.resolve())
    await expect(within(1000, Promise.reject(new Error('broken')))).rejects.toThrow('broken')
    expect(vi.getTimerCount()).toBe(0)
  })
})
