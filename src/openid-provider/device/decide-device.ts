/**
 * The person's side of a device grant (RFC 8628 §3.3): who types a user code is told what asks for what, and
 * says yes or no. Only somebody signed in gets that far, and every code that is tried counts at a door.
 */
import type { Applications, OAuthApplication } from '../../core/applications/application.ts'
import type { Consents, Grants } from '../../core/sessions/grant.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { DEVICE_GRANT } from './ask-device-code.ts'
import { isDecided } from './device-request.ts'
import type { DeviceDecision, DeviceRequests, FoundDeviceRequest } from './device-request.ts'
import { parseUserCode } from './user-code.ts'

export interface DeciderParts {
  readonly deviceRequests: DeviceRequests
  readonly applications: Pick<Applications, 'findOAuthClient'>
  readonly grants: Pick<Grants, 'mint'>
  readonly consents: Pick<Consents, 'give'>
}

/** A device that waits for this person's word. */
export interface WaitingDevice extends FoundDeviceRequest {
  readonly userCode: string
  readonly application: OAuthApplication
}

/** The device that a user code stands for, as long as it waits and its application may have this grant. */
export async function findWaitingDevice(
  { deviceRequests, applications }: Pick<DeciderParts, 'deviceRequests' | 'applications'>,
  typed: string | undefined,
  now: EpochSeconds,
): Promise<Result<WaitingDevice, 'unknown_code' | 'unavailable'>> {
  const userCode = parseUserCode(typed)
  if (userCode === undefined) return refuse('unknown_code', { check: 'form' })
  const found = await deviceRequests.findByUserCode(userCode, now)
  if (!found.ok) {
    return found.refusal.code === 'unavailable' ? refuse('unavailable') : refuse('unknown_code')
  }
  const { request, deviceCode } = found.value
  if (isDecided(request.decision)) return refuse('unknown_code', { check: 'decided' })
  const application = await applications.findOAuthClient(request.applicationId)
  if (!application.ok) {
    const isDown = application.refusal.code === 'unavailable'
    return isDown ? refuse('unavailable') : refuse('unknown_code', { check: 'application' })
  }
  if (!application.value.oauth.grantTypes.includes(DEVICE_GRANT))
    return refuse('unknown_code', { check: 'grant' })
  return ok({ userCode, deviceCode, request, application: application.value })
}

/**
 * The person says yes: a grant is minted under their session, and the device finds it when it asks next. Of
 * two people who decide at the same time one is too late, and nothing comes of their word: not even a consent.
 */
export async function approveDevice(
  parts: DeciderParts,
  device: WaitingDevice,
  session: LiveSession,
  now: EpochSeconds,
): Promise<Result<undefined, 'unknown_code' | 'no_session' | 'unavailable'>> {
  const { deviceRequests } = parts
  const approving = { state: 'approving', userId: session.userId } as const
  const claimed = await deviceRequests.decide(device, approving, now)
  if (!claimed.ok) return tooLate(claimed.refusal.code)
  const minted = await mintGrant(parts, device, session, now)
  const decision: DeviceDecision = minted.ok
    ? { state: 'approved', handle: minted.value.handle }
    : { state: 'waiting' }
  const decided = await deviceRequests.decide(device, decision, now, approving)
  if (!minted.ok) {
    const { code } = minted.refusal
    // Disconnected in that very moment: what this rests on was taken back.
    return refuse(code === 'no_consent' ? 'unknown_code' : code)
  }
  return decided.ok ? ok(undefined) : tooLate(decided.refusal.code)
}

async function mintGrant(
  { grants, consents }: Pick<DeciderParts, 'grants' | 'consents'>,
  { request: { content, expiresAt }, application }: WaitingDevice,
  { userId, sid }: LiveSession,
  now: EpochSeconds,
) {
  const applicationId = application.id
  const { scope, resource } = content
  const consent = { scope, claims: [], resources: resource === undefined ? [] : [resource] }
  const needsConsent = application.isFirstParty ? undefined : consent
  if (needsConsent !== undefined) {
    const given = await consents.give({ userId, sid, consent: { applicationId, ...consent }, now })
    if (!given.ok) return given
  }
  return grants.mint({
    userId,
    sid,
    grant: {
      kind: 'device_code',
      binding: { applicationId },
      content,
      lifetimeSeconds: Math.max(1, expiresAt - now),
      needsConsent,
    },
    now,
  })
}

export async function denyDevice(
  { deviceRequests }: Pick<DeciderParts, 'deviceRequests'>,
  device: WaitingDevice,
  now: EpochSeconds,
): Promise<Result<undefined, 'unknown_code' | 'unavailable'>> {
  const decided = await deviceRequests.decide(device, { state: 'denied' }, now)
  return decided.ok ? ok(undefined) : tooLate(decided.refusal.code)
}

const tooLate = (code: 'unknown' | 'decided' | 'unavailable') =>
  code === 'unavailable' ? refuse('unavailable') : refuse('unknown_code', { check: code })
