import { refuse } from '../../platform/refusal.ts'
import type { DeviceRequests } from '../device/device-request.ts'
import type { GrantRequest, Granting, SessionGrantParts } from './grant-request.ts'
import { grantRefused, takeOnce } from './take-once.ts'

/** `grant_type=urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4, §3.5): has the person decided yet? */
export async function redeemDeviceCode(
  parts: SessionGrantParts & { readonly deviceRequests: DeviceRequests },
  request: GrantRequest,
): Granting {
  const { application, parameters, jkt, now } = request
  const deviceCode = parameters.device_code
  if (deviceCode === undefined) return refuse('invalid_request', { missing: 'device_code' })
  const found = await parts.deviceRequests.find(deviceCode, now)
  if (!found.ok) {
    // One that has expired is not told from one that never was: nothing of either is left.
    return found.refusal.code === 'unavailable' ? refuse('unavailable') : refuse('expired_token')
  }
  const { applicationId, decision } = found.value
  if (applicationId !== application.id) return refuse('invalid_grant', { check: 'not_bound' })
  if (decision.state === 'denied') return refuse('access_denied')
  if (decision.state !== 'approved') {
    const noted = await parts.deviceRequests.notePoll({ deviceCode, request: found.value }, now)
    if (!noted.ok) return noted
    return refuse(noted.value.isTooSoon ? 'slow_down' : 'authorization_pending')
  }

  const seen = await parts.grants.peek('device_code', decision.handle, now)
  if (!seen.ok) return grantRefused(seen.refusal)
  return takeOnce(parts, request, {
    kind: 'device_code',
    handle: decision.handle,
    presented: { applicationId: application.id, ...(jkt === undefined ? {} : { jkt }) },
    seen: seen.value,
  })
}
