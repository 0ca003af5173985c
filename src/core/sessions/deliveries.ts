/**
 * Tells applications that sessions are over, from the rows of deliveries-table.ts. Each application has a lane
 * of its own: what is due to it goes one after another, and lanes run side by side, so that one which hangs
 * or fails delays nobody. A Worker may hold six connections at a time; applications that have failed before get
 * at most half of them, and those that never have go first, so that the dead cannot crowd out the living.
 *
 * At least once: an attempt may reach an application and its answer be lost, and then it is told again, by a
 * token of its own (a fresh `jti`); ending an ended session does nothing.
 */
import { systemClock } from '../../platform/clock.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { within } from '../../platform/time-limit.ts'
import { backOff } from './back-off.ts'
import {
  beginAttempt,
  dueApplications,
  putOff,
  putOffOthers,
  recordFailure,
  settle,
} from './deliveries-table.ts'
import type { DeliveryRow } from './deliveries-table.ts'
import type { DeliveryOutlet, SendOutcome } from './delivery.ts'
import type { UserId } from './session.ts'

const MOST_LANES = 6
const MOST_FAILING_LANES = 3
/** For everything that one attempt does; the request itself has less (outbound-fetch.ts). */
const ATTEMPT_MILLISECONDS = 8000
/** When an attempt is made again of which nothing more was heard: the object was evicted. */
const LOST_ATTEMPT_SECONDS = 15
/** An application that says no so often in a row is believed. */
const MOST_REFUSALS = 4
/** Until the directory is asked again to keep what was given up. */
const LISTING_RETRY_SECONDS = 60

interface Lane {
  readonly done: Promise<void>
  readonly hasFailed: boolean
}

export class Deliveries {
  readonly #sql: SqlStorage
  readonly #outlet: () => DeliveryOutlet
  readonly #userId: () => UserId | undefined
  readonly #onProgress: () => void
  readonly #lanes = new Map<string, Lane>()

  /** `onProgress` is called when rows have changed: the alarm is needed at another time. */
  constructor(parts: {
    readonly sql: SqlStorage
    readonly outlet: () => DeliveryOutlet
    readonly userId: () => UserId | undefined
    readonly onProgress: () => void
  }) {
    this.#sql = parts.sql
    this.#outlet = parts.outlet
    this.#userId = parts.userId
    this.#onProgress = parts.onProgress
  }

  /** Begins what is due, as far as there are lanes; what has begun is not due any more. */
  start(): void {
    for (const { applicationId, hasFailed } of dueApplications(this.#sql, systemClock())) {
      if (this.#lanes.size >= MOST_LANES) return
      if (this.#lanes.has(applicationId)) continue
      if (hasFailed && this.#failingLanes() >= MOST_FAILING_LANES) continue
      const done = this.#work(applicationId).then(
        () => {
          this.#lanes.delete(applicationId)
          this.#onProgress()
        },
        (thrown: unknown) => {
          // The storage failed: the alarm comes back to it, not this lane.
          this.#lanes.delete(applicationId)
          log('error', { event: 'delivery.lane_failed', error: describeThrown(thrown) })
        },
      )
      this.#lanes.set(applicationId, { done, hasFailed })
    }
  }

  /** Resolves when everything that is due was tried. Never rejects. */
  async whenTried(): Promise<void> {
    this.start()
    while (this.#lanes.size > 0) {
      await Promise.all([...this.#lanes.values()].map(({ done }) => done))
    }
  }

  #failingLanes(): number {
    return [...this.#lanes.values()].filter(({ hasFailed }) => hasFailed).length
  }

  /** One application's deliveries, one after another, until none is due or one has failed. */
  async #work(applicationId: string): Promise<void> {
    for (;;) {
      const now = systemClock()
      const row = beginAttempt(this.#sql, applicationId, now, now + LOST_ATTEMPT_SECONDS)
      if (row === undefined) return
      const mayGoOn = row.state === 'unlisted' ? await this.#list(row) : await this.#attempt(row)
      if (!mayGoOn) return
    }
  }

  async #attempt(row: DeliveryRow): Promise<boolean> {
    const outcome = await this.#send(row)
    const now = systemClock()
    if (outcome.kind === 'told' || outcome.kind === 'unconcerned') {
      settle(this.#sql, row.id, outcome.kind, now)
      return true
    }
    const isRefusal = outcome.kind === 'refused'
    const isOver = now >= row.giveUpAt || (isRefusal && row.refusals + 1 >= MOST_REFUSALS)
    const nextAt = isOver ? now : Math.min(now + backOff(row.attempts), row.giveUpAt)
    const { error, remember } = outcome
    const { id: delivery, applicationId: application, attempts } = row
    log('warn', { event: 'delivery.attempt_failed', delivery, application, attempts, error })
    const state = isOver ? 'unlisted' : 'due'
    recordFailure(this.#sql, row.id, { state, nextAt, error, isRefusal, remember })
    if (isOver || isRefusal) return true
    putOffOthers(this.#sql, row.applicationId, nextAt)
    return false
  }

  async #send(row: DeliveryRow): Promise<SendOutcome> {
    const userId = this.#userId()
    if (userId === undefined) return { kind: 'unconcerned' }
    try {
      const sent = await within(ATTEMPT_MILLISECONDS, this.#outlet().send({ ...row, userId }))
      return sent.isLate ? { kind: 'failed', error: 'late' } : sent.value
    } catch (thrown) {
      log('error', { event: 'delivery.failed', error: describeThrown(thrown) })
      return { kind: 'failed', error: 'internal' }
    }
  }

  /** The row goes only when the directory has what an operator needs. */
  async #list(row: DeliveryRow): Promise<boolean> {
    const userId = this.#userId()
    if (userId === undefined) return false
    const now = systemClock()
    try {
      const kept = this.#outlet().keepUndelivered({ ...row, userId }, now)
      const isKept = !(await within(ATTEMPT_MILLISECONDS, kept)).isLate
      if (isKept) settle(this.#sql, row.id, 'given_up', now)
      else putOff(this.#sql, row.id, now + LISTING_RETRY_SECONDS)
      return isKept
    } catch (thrown) {
      log('error', { event: 'delivery.not_listed', error: describeThrown(thrown) })
      putOff(this.#sql, row.id, now + LISTING_RETRY_SECONDS)
      return false
    }
  }
}
