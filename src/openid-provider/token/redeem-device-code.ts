import { ok, refuse } from '../../platform/refusal.ts'
import type { DeviceRequests } from '../device/device-request.ts'
import { participationIn } from './grant-request.ts'
import type { GrantRequest, Granting, SessionGrantParts } from './grant-request.ts'
import { grantRefused } from './redeem-code.ts'
import { prepareTokens } from './session-tokens.ts'

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
  if (decision.state === 'waiting') {
    const noted = await parts.deviceRequests.notePoll({ deviceCode, request: found.value }, now)
    if (!noted.ok) return noted
    return refuse(noted.value.isTooSoon ? 'slow_down' : 'authorization_pending')
  }

  const seen = await parts.grants.peek('device_code', decision.handle, now)
  if (!seen.ok) return grantRefused(seen.refusal)
  const { content, session, family } = seen.value
  const prepared = await prepareTokens(parts, request, { session, family, content })
  if (!prepared.ok) return prepared

  const { grantTypes, tokenEndpointAuthMethod } = application.oauth
  const refresh = {
    lifetimeSeconds: parts.refreshLifetimeSeconds,
    isKeyBound: jkt !== undefined && tokenEndpointAuthMethod === 'none',
  }
  const taken = await parts.grants.take({
    kind: 'device_code',
    handle: decision.handle,
    presented: { applicationId: application.id, ...(jkt === undefined ? {} : { jkt }) },
    participation: await participationIn(parts.subjects, application, session),
    ...(grantTypes.includes('refresh_token') ? { refresh } : {}),
    now,
  })
  if (!taken.ok) return grantRefused(taken.refusal)
  return ok({
    ...prepared.value,
    refreshToken: taken.value.refreshToken,
    session: taken.value.session,
    family,
  })
}
