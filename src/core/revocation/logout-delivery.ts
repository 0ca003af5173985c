import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'
import type { DeliveryProgress } from '../sessions/delivery.ts'
import type { SessionId, UserId } from '../sessions/session.ts'

/** What has become of telling one application that a session is over. */
export interface DeliveryReport {
  readonly applicationId: string
  /** `waiting`: not tried to the end yet; `retrying`: at least one attempt failed, more will follow. */
  readonly state: 'told' | 'waiting' | 'retrying' | 'given_up'
}

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
  /** How the applications of an ended session have been told so far, for the signed-out page. */
  reportOn(
    userId: UserId,
    sid: SessionId,
  ): Promise<Result<readonly DeliveryReport[], 'unavailable'>>
  /**
   * The same of every application that took part in the session, also of those that have no back-channel
   * logout, with the `sid` by which each knows it. Of what is over something is known for ten minutes.
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
}
