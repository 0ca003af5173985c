import { describe, expect, it, vi } from 'vitest'
import { SingleFlight } from '../../src/platform/single-flight.ts'
import { freezeClock } from '../world/clock.ts'

describe('a piece of work that one does for all', () => {
  it('is done once, and all others see its effect when they go on', async () => {
    const flight = new SingleFlight()
    let effect = 0
    const seen = await Promise.all(
      Array.from({ length: 50 }, async () => {
        await flight.run(
          () => effect === 0,
          async () => {
            await scheduler.wait(50)
            effect += 1
          },
        )
        return effect
      }),
    )
    expect(new Set(seen)).toEqual(new Set([1]))
  })

  it('is waited for also by those who do not need it themselves', async () => {
    const flight = new SingleFlight()
    let isDone = false
    const work = flight.run(
      () => true,
      async () => {
        await scheduler.wait(50)
        isDone = true
      },
    )
    await flight.run(
      () => false,
      () => expect.unreachable('it is not needed'),
    )
    expect(isDone).toBe(true)
    await work
  })

  it('is taken up by the next one when it fails', async () => {
    const flight = new SingleFlight()
    const failing = flight.run(
      () => true,
      () => Promise.reject(new Error('failed')),
    )
    await expect(failing).rejects.toThrow('failed')
    let isDone = false
    await flight.run(
      () => !isDone,
      async () => {
        isDone = true
      },
    )
    expect(isDone).toBe(true)
  })

  it('is taken up by the next one when nothing was heard of it for 15 seconds', async () => {
    const clock = freezeClock()
    const flight = new SingleFlight()
    void flight.run(
      () => true,
      () => new Promise(() => {}),
    )
    let isDone = false
    const next = flight.run(
      () => !isDone,
      async () => {
        isDone = true
      },
    )
    await scheduler.wait(50)
    expect(isDone).toBe(false)
    clock.advance(15)
    await next
    expect(isDone).toBe(true)
  })

  it('is not begun beside who took it up, when the first is heard of after all', async () => {
    const clock = freezeClock()
    const flight = new SingleFlight()
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const lost = flight.run(
      () => true,
      () => first.promise,
    )
    clock.advance(15)
    const next = flight.run(
      () => true,
      () => second.promise,
    )
    first.resolve()
    await lost
    let isBegun = false
    const last = flight.run(
      () => true,
      async () => void (isBegun = true),
    )
    await scheduler.wait(50)
    expect(isBegun).toBe(false)
    second.resolve()
    await Promise.all([next, last])
    expect(isBegun).toBe(true)
  })

  it('is left to who is at it by one who has waited for 15 seconds', async () => {
    const flight = new SingleFlight()
    const work = Promise.withResolvers<void>()
    const underWay = flight.run(
      () => true,
      () => work.promise,
    )
    const wait = vi.spyOn(scheduler, 'wait').mockResolvedValue(undefined)
    await flight.run(
      () => true,
      () => expect.unreachable('another is at it'),
    )
    expect(wait.mock.calls.reduce((sum, [milliseconds]) => sum + milliseconds, 0)).toBe(15_000)
    work.resolve()
    await underWay
  })
})
