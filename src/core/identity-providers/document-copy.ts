import type { EpochSeconds } from '../../platform/clock.ts'
import { parseJsonObject } from '../../platform/json-object.ts'

/** What a provider publishes about itself: its metadata and its signing keys. */
export type DocumentKind = 'discovery' | 'keys'

/** A document as it is handed on: by the object to the isolates, and through KV. */
export interface DocumentCopy {
  /** The document, as JSON text, with nothing in it but what we use. */
  readonly body: string
  readonly fetchedAt: EpochSeconds
}

/**
 * How old a copy may grow, in seconds: from `soft` on it is fetched anew, and serves only while that fails;
 * from `hard` on it is not used at all. A key that the provider takes back is refused after ten minutes.
 */
const AGES: Readonly<Record<DocumentKind, { readonly soft: number; readonly hard: number }>> = {
  discovery: { soft: 3600, hard: 86_400 },
  keys: { soft: 300, hard: 600 },
}

/** A document is fetched on demand at most once in so many seconds, whoever asks and however many. */
export const COOL_DOWN_SECONDS = 30

/** After a failure the provider is left alone for so many seconds. */
export const FAILURE_COOL_DOWN_SECONDS = 10

/** KV that takes longer is done without. */
export const KV_WAIT_MILLISECONDS = 1000

/** Clocks of different machines may differ; what is from further ahead than this is not believed. */
export const CLOCK_DIFFERENCE_SECONDS = 60

const isYoungerThan = (
  seconds: number,
  { fetchedAt }: { fetchedAt: EpochSeconds },
  now: EpochSeconds,
) => fetchedAt <= now + CLOCK_DIFFERENCE_SECONDS && now - fetchedAt < seconds

export const isFresh = (
  kind: DocumentKind,
  copy: { readonly fetchedAt: EpochSeconds },
  now: EpochSeconds,
): boolean => isYoungerThan(AGES[kind].soft, copy, now)

export const isUsable = (
  kind: DocumentKind,
  copy: { readonly fetchedAt: EpochSeconds },
  now: EpochSeconds,
): boolean => isYoungerThan(AGES[kind].hard, copy, now)

export const maximumAgeSeconds = (kind: DocumentKind): number => AGES[kind].hard

/** The document in a copy; an empty one, which no check accepts, if it is not JSON. */
export const bodyOf = ({ body }: DocumentCopy): Readonly<Record<string, unknown>> =>
  parseJsonObject(new TextEncoder().encode(body)) ?? {}
