import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { UserId } from '../../../src/core/sessions/session.ts'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { objectOf } from './signed-in-user.ts'

/** A KV namespace that passes writes on to the real one, except as its switches say. */
export interface MoodyStore {
  /** Writes are refused with this message. */
  refusal: string | undefined
  /** Writes are acknowledged and lost. */
  isLossy: boolean
  /** Writes wait until this is off. */
  isStuck: boolean
  /** Every value that was offered, in order, also those that did not arrive. */
  readonly offered: Record<string, unknown>[]
  /** How long the records were to live. */
  readonly ttls: number[]
  /** The most writes that were ever under way at once. */
  mostAtOnce: number
}

/** Puts a moody store in the place of the one that a user's object publishes to, until the object is evicted. */
export async function giveMoodyStore(userId: UserId): Promise<MoodyStore> {
  const store: MoodyStore = {
    refusal: undefined,
    isLossy: false,
    isStuck: false,
    offered: [],
    ttls: [],
    mostAtOnce: 0,
  }
  let underWay = 0
  const put = async (key: string, value: string, options: { expirationTtl: number }) => {
    underWay += 1
    store.mostAtOnce = Math.max(store.mostAtOnce, underWay)
    store.offered.push(JSON.parse(value) as Record<string, unknown>)
    store.ttls.push(options.expirationTtl)
    try {
      await scheduler.wait(1)
      while (store.isStuck) await scheduler.wait(1)
      if (store.refusal !== undefined) throw new Error(store.refusal)
      if (!store.isLossy) await env.REVOCATION.put(key, value, options)
    } finally {
      underWay -= 1
    }
  }
  await runInDurableObject(await objectOf(userId), (object: UserSessions) => {
    Object.defineProperty(object, 'env', { value: { ...env, REVOCATION: { put } } })
  })
  return store
}
