import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'

/** What has no user yet and must wait: one small object each, found by a reference, gone at its time. */
export type KeptKind = 'authorization_request' | 'device_authorization' | 'user_code'

export interface KeptValues {
  /** Keeps a JSON value; the reference (43 base64url characters) is the only way to it, and is stored nowhere. */
  keep(
    kind: KeptKind,
    value: unknown,
    expiresAt: EpochSeconds,
    /** Chosen by the caller where people type it (a user code); `taken` when it is in use. */
    reference?: string,
  ): Promise<Result<string, 'taken' | 'unavailable'>>
  read(
    kind: KeptKind,
    reference: string,
    now: EpochSeconds,
  ): Promise<Result<unknown, 'unknown' | 'unavailable'>>
  /** Replaces the value if it still is what the caller saw; its time stays. */
  replace(
    kind: KeptKind,
    reference: string,
    change: { readonly seen: unknown; readonly value: unknown; readonly now: EpochSeconds },
  ): Promise<Result<undefined, 'unknown' | 'changed_meanwhile' | 'unavailable'>>
  /** Reads and forgets, once however many ask. */
  take(
    kind: KeptKind,
    reference: string,
    now: EpochSeconds,
  ): Promise<Result<unknown, 'unknown' | 'unavailable'>>
}
