import { describeThrown, log } from './log.ts'
import { ok, refuse } from './refusal.ts'
import type { Result } from './refusal.ts'
import type { RequestFacts } from './request-facts.ts'
import { inTime } from './time-limit.ts'

/** The doors that a stranger can push. */
export type Door =
  | 'sign_in'
  | 'callback'
  | 'bridge'
  | 'back_channel'
  | 'admin'
  | 'token'
  | 'authorize'
  | 'device'
  | 'handoff'
  | 'widget'

export interface Doors {
  /**
   * Counts one request of this client at this door. A refusal is answered 429 with `Retry-After: 60`.
   * What is counted is the door, never the path or the method that was used to reach it.
   */
  mayEnter(door: Door, facts: RequestFacts): Promise<Result<undefined, 'rate_limited'>>
}

/** Counters are kept at hand: what takes longer counts nothing. */
const COUNTER_WAIT_MILLISECONDS = 1000

const CLOSED_IN_DOUBT: ReadonlySet<Door> = new Set<Door>(['device', 'handoff'])

/**
 * Doors over the platform's rate limits. They are a shield, not an authority: counters are kept per
 * location. When a counter cannot be asked the door stays open, since behind each of these doors stands a
 * check of its own, and nobody is to be locked out by a broken counter: least of all an operator in the
 * middle of an incident, whose key no number of guesses finds. Where guessing pays, the door is closed then:
 * `device`, behind which people type codes that are short enough to type, and `handoff`, behind which tickets are.
 */
export function createDoors(limits: Readonly<Record<Door, RateLimit>>): Doors {
  return {
    async mayEnter(door, facts) {
      try {
        const counted = limits[door].limit({ key: `${door}:${facts.clientKey}` })
        const { success } = await inTime(COUNTER_WAIT_MILLISECONDS, counted)
        return success ? ok(undefined) : refuse('rate_limited', { door })
      } catch (thrown) {
        const error = describeThrown(thrown)
        log('error', { event: 'doors.unavailable', request_id: facts.requestId, door, error })
        return CLOSED_IN_DOUBT.has(door) ? refuse('rate_limited', { door, error }) : ok(undefined)
      }
    },
  }
}
