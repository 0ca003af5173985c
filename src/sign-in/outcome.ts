/**
 * What the steps of the flow decide, before it becomes an HTTP answer (outcome-answers.tsx). What is
 * decided leaves one audit event; the route writes it, once, for all of them.
 */
import type { AuditEvent } from '../core/audit/audit-event.ts'
import type { ProviderRefusal } from '../core/identity-providers/identity-provider.ts'
import type { SignInRefusal } from '../core/users/user.ts'
import type { BodyRefusal } from '../platform/read-body.ts'
import type { Refusal } from '../platform/refusal.ts'
import type { Asker } from './sign-in-attempt.ts'
import type { SignInTarget } from './sign-in-target.ts'

/** Every reason for which a sign-in is not begun or not finished. Each has its answer in answers.ts. */
export type SignInReason =
  | 'rate_limited'
  | 'method_not_allowed'
  | 'parameter_invalid'
  | 'duplicate_parameter'
  | 'not_a_navigation' // a prefetch, a picture, a frame, a script
  | 'provider_unknown'
  | 'state_invalid' // missing, or not issued by us
  | 'attempt_not_in_this_browser' // ours, but this browser has no cookie of that attempt
  | 'attempt_unreadable' // the cookie was changed, or sealed under a key that is gone
  | 'attempt_expired'
  | 'attempt_already_used'
  | 'attempt_too_large'
  | 'signed_out_meanwhile' // the provider has ended the sign-in before it was finished here
  | 'wrong_provider' // the answer came to another provider's callback
  | ProviderRefusal
  | SignInRefusal
  | BodyRefusal

export type SignInOutcome = Redirected | Asked | Refused

export interface Redirected {
  readonly kind: 'redirected'
  /** Absolute, and made only by `parseReturnTo`, by the provider's metadata or from our own issuer. */
  readonly location: string
  readonly setCookies: readonly string[]
  /** None where nothing is decided yet. */
  readonly event?: AuditEvent
}

/** Nothing is begun: the person sees who is signed in and chooses. */
export interface Asked {
  readonly kind: 'asked'
  readonly target: SignInTarget
  readonly event: AuditEvent
}

export interface Refused {
  readonly kind: 'refused'
  readonly refusal: Refusal<SignInReason>
  readonly setCookies: readonly string[]
  readonly providerId?: string | undefined
  readonly subject?: string | undefined
  /** An own path that starts the same sign-in anew; the sign-in page if left out. */
  readonly retryHref?: string | undefined
  /** The application that sent the person, which can be told that they would rather not. */
  readonly asker?: Asker | undefined
}

export const refused = (
  refusal: Refusal<SignInReason>,
  more: Partial<Omit<Refused, 'kind' | 'refusal'>> = {},
): Refused => ({ kind: 'refused', refusal, setCookies: [], ...more })
