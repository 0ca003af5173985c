import { vi } from 'vitest'

/**
 * 2050-01-01T12:00:00Z: the moment at which a frozen test begins. Far ahead of real time, by which alarms
 * go: none comes by itself while a test runs.
 */
export const NOON = 2_524_651_200

export interface TestClock {
  /** Epoch seconds now. */
  now(): number
  /** Moves time on; nothing else passes with it (no timer fires, nothing in KV expires). */
  advance(seconds: number): void
}

/**
 * Stops `Date` at `at` (epoch seconds), in the test, the Worker and its Durable Objects alike. Without fake timers:
 * among them `vi.waitFor` moves time on at every look, and a busy machine looks often.
 */
export function freezeClock(at: number = NOON): TestClock {
  vi.setSystemTime(at * 1000)
  const now = () => Math.floor(Date.now() / 1000)
  return { now, advance: (seconds) => void vi.setSystemTime((now() + seconds) * 1000) }
}

/** A body of which the last byte comes so many seconds after whoever reads it has begun. */
export const slowBody = (text: string, clock: TestClock, seconds: number) =>
  new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        clock.advance(seconds)
        controller.enqueue(new TextEncoder().encode(text))
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
