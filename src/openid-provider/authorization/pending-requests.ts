/**
 * Authorization requests that wait: pushed by the application (RFC 9126), or while the person signs in or
 * consents. One is found by its reference, is judged anew each time it is read, and is used up by the one
 * answer that it gets.
 */
import type { KeptValues } from '../../core/references/kept-value.ts'
import type { SessionId } from '../../core/sessions/session.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'

/** RFC 9126 §2.2: what a browser has to show the reference within. */
export const PUSHED_SECONDS = 90
/** For the person to sign in and to decide. */
const WAITING_SECONDS = 1800

const PREFIX = 'urn:ietf:params:oauth:request_uri:'
const KIND = 'authorization_request'

export interface PendingRequest {
  /** The parameters as they were sent, form-encoded. */
  readonly query: string
  readonly applicationId: string
  readonly isPushed: boolean
  /** When a browser first brought it, in epoch milliseconds. */
  readonly receivedAtMilliseconds: number
  /** Of a pushed request that no browser has brought yet. */
  readonly firstUseBy?: EpochSeconds
  /** The session that the person was offered to go on with. */
  readonly offeredSid?: SessionId
  /** How often the person has been sent to sign in. */
  readonly rounds: number
}

type Code = 'request_uri_invalid' | 'unavailable'

export interface PendingRequests {
  /** `request_uri`. */
  push(
    request: Pick<PendingRequest, 'query' | 'applicationId'>,
    now: EpochSeconds,
  ): Promise<Result<string, 'unavailable'>>
  keep(pending: PendingRequest, now: EpochSeconds): Promise<Result<string, 'unavailable'>>
  /** The request of this application; the first use of a pushed one is noted. */
  read(
    requestUri: string,
    at: {
      readonly applicationId: string
      readonly now: EpochSeconds
      readonly milliseconds: number
    },
  ): Promise<Result<PendingRequest, Code>>
  /** False when somebody else has changed it meanwhile. */
  change(
    requestUri: string,
    change: {
      readonly seen: PendingRequest
      readonly pending: PendingRequest
      readonly now: EpochSeconds
    },
  ): Promise<Result<undefined, Code>>
  /** Of any number of calls, one succeeds. */
  take(requestUri: string, now: EpochSeconds): Promise<Result<PendingRequest, Code>>
  /** Lets one wait again, no longer than before, that was taken for an answer which nobody could give. */
  putBack(requestUri: string, taken: PendingRequest): Promise<void>
}

/** Whether a `request_uri` is of ours; any other would have to be fetched, which we never do. */
export const isOurRequestUri = (requestUri: string): boolean => requestUri.startsWith(PREFIX)

export function createPendingRequests(kept: KeptValues): PendingRequests {
  async function keep(pending: PendingRequest, expiresAt: EpochSeconds) {
    const reference = await kept.keep(KIND, pending, expiresAt)
    return reference.ok ? ok(PREFIX + reference.value) : refuse('unavailable')
  }

  return {
    push: (request, now) => {
      const firstUseBy = now + PUSHED_SECONDS
      const pending = {
        ...request,
        isPushed: true,
        receivedAtMilliseconds: 0,
        firstUseBy,
        rounds: 0,
      }
      return keep(pending, firstUseBy + WAITING_SECONDS)
    },

    keep: (pending, now) => keep(pending, now + WAITING_SECONDS),

    async read(requestUri, { applicationId, now, milliseconds }) {
      const reference = referenceOf(requestUri)
      const read = await kept.read(KIND, reference, now)
      if (!read.ok) return refused(read.refusal.code)
      const { firstUseBy, ...used } = read.value as PendingRequest
      if (used.applicationId !== applicationId)
        return refuse('request_uri_invalid', { check: 'application' })
      if (firstUseBy === undefined) return ok(used)
      if (now >= firstUseBy) return refuse('request_uri_invalid', { check: 'expired' })
      const first = { ...used, receivedAtMilliseconds: milliseconds }
      const change = { seen: read.value, value: first, now }
      const noted = await kept.replace(KIND, reference, change)
      if (noted.ok) return ok(first)
      if (noted.refusal.code !== 'changed_meanwhile') return refused(noted.refusal.code)
      // Another tab was first; what it has noted holds for both.
      const again = await kept.read(KIND, reference, now)
      return again.ok ? ok(again.value as PendingRequest) : refused(again.refusal.code)
    },

    async change(requestUri, { seen, pending, now }) {
      const change = { seen, value: pending, now }
      const changed = await kept.replace(KIND, referenceOf(requestUri), change)
      // Two tabs with one request: each may go on.
      return changed.ok || changed.refusal.code === 'changed_meanwhile'
        ? ok(undefined)
        : refused(changed.refusal.code)
    },

    async take(requestUri, now) {
      const taken = await kept.take(KIND, referenceOf(requestUri), now)
      return taken.ok ? ok(taken.value as PendingRequest) : refused(taken.refusal.code)
    },

    async putBack(requestUri, taken) {
      const expiresAt = Math.floor(taken.receivedAtMilliseconds / 1000) + WAITING_SECONDS
      // Where that fails as well, the person begins again at the application.
      await kept.keep(KIND, taken, expiresAt, referenceOf(requestUri))
    },
  }
}

const referenceOf = (requestUri: string): string =>
  isOurRequestUri(requestUri) ? requestUri.slice(PREFIX.length) : ''

const refused = (code: 'unknown' | 'unavailable' | 'changed_meanwhile') =>
  code === 'unavailable' ? refuse('unavailable') : refuse('request_uri_invalid', { check: code })
