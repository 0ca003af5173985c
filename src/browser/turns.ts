/** Turn-taking between the tabs of one origin. */
import type { KeyValueStorage } from './page.ts'

const leaseMilliseconds = 12_000
const waitMilliseconds = 15_000
const settleMilliseconds = 250

/**
 * For browsers without Web Locks: a lease in storage that runs out by itself. Two tabs that reach for it in
 * the same instant may both get it; both then ask the bridge, which costs a request and harms nothing.
 */
export async function aloneByLease<Value>(
  parts: {
    storage: KeyValueStorage
    now: () => number
    pause: (milliseconds: number) => Promise<void>
    id: string
  },
  name: string,
  work: () => Promise<Value>,
): Promise<Value> {
  const { storage, now, pause, id } = parts
  const key = `${name}-lease`
  const isMine = () => storage.getItem(key)?.startsWith(`${id} `) === true
  const giveUpAt = now() + waitMilliseconds
  while (!isMine() && now() < giveUpAt) {
    const until = Number(storage.getItem(key)?.split(' ')[1] ?? 0)
    // A lease from a future that no lease reaches is left over from before the clock was set.
    if (until <= now() || until > now() + leaseMilliseconds) {
      storage.setItem(key, `${id} ${now() + leaseMilliseconds}`)
    }
    await pause(50)
  }
  try {
    return await work()
  } finally {
    if (isMine()) storage.removeItem(key)
  }
}

/**
 * Web Locks. What one tab writes to localStorage reaches the others a moment later, and not in step with its
 * locks: so the lock is kept for that moment after the work, while the answer goes out at once. A tab that holds
 * the lock for too long is not waited for, since asking twice is harmless.
 */
export function aloneByLock<Value>(
  { locks, pause }: { locks: LockRequests; pause: (milliseconds: number) => Promise<void> },
  name: string,
  work: () => Promise<Value>,
): Promise<Value> {
  let running: Promise<Value> | undefined
  return new Promise((resolve) => {
    const workThenSettle = async () => {
      running = work()
      resolve(running)
      await running.catch(() => undefined)
      await pause(settleMilliseconds)
    }
    locks
      .request(name, { signal: AbortSignal.timeout(waitMilliseconds) }, workThenSettle)
      .catch(() => resolve(running ?? work()))
  })
}

/** The part of `navigator.locks` that we need. */
export interface LockRequests {
  request(
    name: string,
    options: { signal: AbortSignal },
    work: () => Promise<void>,
  ): Promise<unknown>
}
