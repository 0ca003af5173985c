import { isJsonObject } from '../../platform/json-object.ts'

/** Milliseconds since 1970-01-01T00:00:00Z: cut-offs and starts of sessions are told apart within a second. */
export type EpochMilliseconds = number

/** Why everything before a cut-off is over; the words of `EndCause` in core/sessions. */
export const cutOffCauses = [
  'operator',
  'provider_removed',
  'application_removed',
  'key_compromised',
  'user_disabled',
] as const
export type CutOffCause = (typeof cutOffCauses)[number]

export type CutOffScope = 'everyone' | 'provider' | 'application' | 'user'

/**
 * One write that ends many sessions: those in its scope that started at `at` or before. One of an application
 * ends what that was given until then, in whatever session. It rides in the record of public keys, which every
 * check already holds.
 */
export interface CutOff {
  readonly scope: CutOffScope
  /** The provider's, the application's or the user's; empty for everyone. */
  readonly id: string
  readonly at: EpochMilliseconds
  readonly cause: CutOffCause
}

/**
 * How long a cut-off is of use: no session lives longer (config.ts lets none exceed 30 days), and no token
 * outlives its session.
 */
export const CUT_OFF_KEPT_MILLISECONDS = 31 * 86_400_000

/** More users, and more applications, than this are never cut off one by one in the record, which every isolate holds. */
export const MOST_USER_CUT_OFFS = 200
export const MOST_APPLICATION_CUT_OFFS = 200

const SCOPES: readonly unknown[] = [
  'everyone',
  'provider',
  'application',
  'user',
] satisfies CutOffScope[]

/** The cut-offs of a published record, or undefined when any of them is not what we write. */
export function parseCutOffs(value: unknown): readonly CutOff[] | undefined {
  if (!Array.isArray(value)) return undefined
  return value.every(isCutOff) ? value : undefined
}

function isCutOff(value: unknown): value is CutOff {
  if (!isJsonObject(value)) return false
  const { scope, id, at, cause } = value
  return (
    SCOPES.includes(scope) &&
    typeof id === 'string' &&
    Number.isSafeInteger(at) &&
    (cutOffCauses as readonly unknown[]).includes(cause)
  )
}
