import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'
import type { DeliveryProgress } from '../sessions/delivery.ts'
import type { SessionId, UserId } from '../sessions/session.ts'

/** A delivery that was given up: an operator reads these and may replay them. */
export interface UndeliveredLogout {
  readonly id: string
  readonly userId: UserId
  readonly applicationId: string
  readonly attempts: number
  readonly lastError: string
  readonly endedAt: EpochSeconds
  readonly givenUpAt: EpochSeconds
}

export interface LogoutDeliveries {
  /**
   * How every application that took part in an ended session has been told so far, also those that have no
   * back-channel logout, with the `sid` by which each knows it. Of what is over something is known for ten minutes.
   */
  participantsOf(
    userId: UserId,
    sid: SessionId,
  ): Promise<Result<readonly DeliveryProgress[], 'unavailable'>>
  /** Newest first; `before` is the id of the last one seen. */
  listUndelivered(page: {
    readonly before: string | undefined
    readonly limit: number
  }): Promise<readonly UndeliveredLogout[]>
  /** Puts it back into the user's outbox, to be tried at once and then as any other. */
  replay(id: string, now: EpochSeconds): Promise<Result<undefined, 'unknown' | 'unavailable'>>
  /** What was given up 31 days ago leaves the list. */
  forgetOld(now: EpochSeconds): Promise<void>
}
