/**
 * What a device has asked for, while it waits for a person (RFC 8628). It is kept under the device code, which
 * is stored nowhere; the user code leads to it. Once a person has said yes, it holds the handle of the grant
 * that was minted in their object, under their session: all that follows lives and dies with that.
 */
import type { GrantContent } from '../../core/sessions/grant.ts'
import type { UserId } from '../../core/sessions/session.ts'
import type { KeptValues } from '../../core/references/kept-value.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { isJsonObject } from '../../platform/json-object.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { newUserCode } from './user-code.ts'

export const DEVICE_SECONDS = 600
/** RFC 8628 §3.2: so long a device waits between two questions, and this much longer after each too many. */
export const POLL_SECONDS = 5

export type DeviceDecision =
  | { readonly state: 'waiting' }
  /** This user has said yes, and the grant is being made: nobody else's word counts any more. */
  | { readonly state: 'approving'; readonly userId: UserId }
  | { readonly state: 'denied' }
  | { readonly state: 'approved'; readonly handle: string }

export const isDecided = ({ state }: DeviceDecision): boolean =>
  state === 'approved' || state === 'denied'

export interface DeviceRequest {
  readonly applicationId: string
  readonly content: GrantContent
  readonly expiresAt: EpochSeconds
  readonly decision: DeviceDecision
  readonly polledAt: EpochSeconds
  readonly intervalSeconds: number
}

/** A device request that was found, as it was then. */
export interface FoundDeviceRequest {
  readonly deviceCode: string
  readonly request: DeviceRequest
}

export interface DeviceRequests {
  open(
    input: Pick<DeviceRequest, 'applicationId' | 'content'>,
    now: EpochSeconds,
  ): Promise<Result<{ readonly deviceCode: string; readonly userCode: string }, 'unavailable'>>
  find(
    deviceCode: string,
    now: EpochSeconds,
  ): Promise<Result<DeviceRequest, 'unknown' | 'unavailable'>>
  findByUserCode(
    userCode: string,
    now: EpochSeconds,
  ): Promise<Result<FoundDeviceRequest, 'unknown' | 'unavailable'>>
  /**
   * Writes a person's decision in the place of the one `before`, once: `decided` when somebody was faster. With the
   * last word the user code is worth nothing any more.
   */
  decide(
    input: { readonly userCode: string; readonly deviceCode: string },
    decision: DeviceDecision,
    now: EpochSeconds,
    before?: DeviceDecision,
  ): Promise<Result<undefined, 'unknown' | 'decided' | 'unavailable'>>
  /** Notes that the device has asked; `tooSoon` lengthens its interval. */
  notePoll(
    found: FoundDeviceRequest,
    now: EpochSeconds,
  ): Promise<Result<{ readonly isTooSoon: boolean }, 'unavailable'>>
}

/** How often a user code is made anew because it is in use, and a change because the device asked meanwhile. */
const TRIES = 5

export function createDeviceRequests(keptValues: KeptValues): DeviceRequests {
  const find: DeviceRequests['find'] = async (deviceCode, now) => {
    const kept = await keptValues.read('device_authorization', deviceCode, now)
    if (!kept.ok) return kept
    return isJsonObject(kept.value) ? ok(kept.value as unknown as DeviceRequest) : refuse('unknown')
  }

  return {
    async open({ applicationId, content }, now) {
      const expiresAt = now + DEVICE_SECONDS
      const request: DeviceRequest = {
        applicationId,
        content,
        expiresAt,
        decision: { state: 'waiting' },
        // The first question may come at once.
        polledAt: now - POLL_SECONDS,
        intervalSeconds: POLL_SECONDS,
      }
      const kept = await keptValues.keep('device_authorization', request, expiresAt)
      if (!kept.ok) return refuse('unavailable')
      const deviceCode = kept.value
      for (let tries = 0; tries < TRIES; tries += 1) {
        const userCode = newUserCode()
        const named = await keptValues.keep('user_code', { deviceCode }, expiresAt, userCode)
        if (named.ok) return ok({ deviceCode, userCode })
        if (named.refusal.code === 'unavailable') return refuse('unavailable')
      }
      return refuse('unavailable')
    },

    find,

    async findByUserCode(userCode, now) {
      const kept = await keptValues.read('user_code', userCode, now)
      if (!kept.ok) return kept
      const deviceCode = isJsonObject(kept.value) ? kept.value.deviceCode : undefined
      if (typeof deviceCode !== 'string') return refuse('unknown')
      const request = await find(deviceCode, now)
      return request.ok ? ok({ deviceCode, request: request.value }) : request
    },

    async decide({ userCode, deviceCode }, decision, now, before = { state: 'waiting' }) {
      for (let tries = 0; tries < TRIES; tries += 1) {
        const found = await find(deviceCode, now)
        if (!found.ok) return found
        // It may be this very one, whose answer was lost on the way.
        if (isSame(found.value.decision, decision)) return ok(undefined)
        if (!isSame(found.value.decision, before)) return refuse('decided')
        const value = { ...found.value, decision }
        const change = { seen: found.value, value, now }
        const written = await keptValues.replace('device_authorization', deviceCode, change)
        if (written.ok) {
          if (isDecided(decision)) await keptValues.take('user_code', userCode, now)
          return ok(undefined)
        }
        if (written.refusal.code === 'unknown') return refuse('unknown')
      }
      return refuse('unavailable')
    },

    async notePoll({ deviceCode, request }, now) {
      const isTooSoon = now < request.polledAt + request.intervalSeconds
      const value: DeviceRequest = {
        ...request,
        polledAt: now,
        intervalSeconds: request.intervalSeconds + (isTooSoon ? POLL_SECONDS : 0),
      }
      const change = { seen: request, value, now }
      const written = await keptValues.replace('device_authorization', deviceCode, change)
      if (written.ok) return ok({ isTooSoon })
      // Somebody asked, or decided, at the same time: the next question finds out.
      return written.refusal.code === 'unavailable'
        ? refuse('unavailable')
        : ok({ isTooSoon: true })
    },
  }
}

const isSame = (one: DeviceDecision, other: DeviceDecision): boolean =>
  JSON.stringify(one) === JSON.stringify(other)
