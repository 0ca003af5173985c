import type { RequestFacts } from './request-facts.ts'
import type { Result } from './refusal.ts'
/** The doors that a stranger can push. */
export type Door = 'sign_in' | 'callback' | 'bridge' | 'back_channel'
export interface Doors {
  mayEnter(door: Door, facts: RequestFacts): Promise<Result<undefined, 'rate_limited'>>
}
export function createDoors(_limits: Record<Door, RateLimit>): Doors {
  return { mayEnter: async () => ({ ok: true, value: undefined }) }
}
