import type { EpochSeconds } from '../../platform/clock.ts'
import type { SessionId, UserId } from './session.ts'

/** One application that has to hear that one session is over. */
export interface Delivery {
  /** 32 lower-case hexadecimal digits; stays the same wherever the delivery goes. */
  readonly id: string
  readonly userId: UserId
  readonly sid: SessionId
  readonly applicationId: string
  /** The user and the session as this application knows them. */
  readonly subject: string
  readonly clientSid: string
  readonly endedAt: EpochSeconds
  /** Attempts begun so far, this one included. */
  readonly attempts: number
  readonly lastError: string | undefined
  /** What the sender has asked to be remembered at its last attempt. */
  readonly remembered: string | undefined
}

/** What became of one attempt. `error` is a word for logs and operators, never text from outside. */
export type SendOutcome = (
  | { readonly kind: 'told' }
  /** The application has no way to be told, so that there is nothing to do. */
  | { readonly kind: 'unconcerned' }
  /** It has understood and said no: a few more tries, in case it changes its mind. */
  | { readonly kind: 'refused'; readonly error: string }
  | { readonly kind: 'failed'; readonly error: string }
) & {
  /** Given back with the next attempt. */
  readonly remember?: string
}

/** The way out of a user's object to applications, and to where an operator looks. */
export interface DeliveryOutlet {
  send(delivery: Delivery): Promise<SendOutcome>
  /** Keeps a delivery that was given up. Throws when it could not; doing it again does no harm. */
  keepUndelivered(delivery: Delivery, givenUpAt: EpochSeconds): Promise<void>
}

/**
 * `due` until it was tried to the end; `unlisted`: given up, and no operator can see it so far. The others are
 * over, and stay a while to be told of.
 */
export type DeliveryState = 'due' | 'told' | 'unconcerned' | 'unlisted' | 'given_up'

/** How far telling one participant of an ended session has come. */
export interface DeliveryProgress {
  readonly applicationId: string
  readonly clientSid: string
  readonly state: DeliveryState
  readonly attempts: number
}
