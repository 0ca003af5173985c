/** The device authorization request (RFC 8628 §3.1): an application on a device asks for its two codes. */
import type { Config } from '../../config.ts'
import { adaptRequest } from '../../core/applications/adapt-request.ts'
import type { GrantContent } from '../../core/sessions/grant.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { uniqueParameters } from '../../platform/unique-parameters.ts'
import { readResource } from '../authorization/resource.ts'
import { askedScope, reduceScope, spelledScope } from '../authorization/scope.ts'
import type { ClientCall } from '../client-call.ts'
import { DEVICE_SECONDS, POLL_SECONDS } from './device-request.ts'
import type { DeviceRequests } from './device-request.ts'
import { shownUserCode } from './user-code.ts'

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
export const DEVICE_PATH = '/oauth/device'

export type DeviceRefusalCode =
  | 'invalid_request'
  | 'invalid_scope'
  | 'invalid_target'
  | 'unauthorized_client'
  | 'unavailable'

/** RFC 8628 §3.2, under the names of the wire. */
export interface DeviceCodes {
  readonly device_code: string
  readonly user_code: string
  readonly verification_uri: string
  readonly verification_uri_complete: string
  readonly expires_in: number
  readonly interval: number
}

export async function askDeviceCode(
  {
    config,
    deviceRequests,
  }: { readonly config: Pick<Config, 'issuer'>; readonly deviceRequests: DeviceRequests },
  { application, form, now }: ClientCall,
): Promise<Result<DeviceCodes, DeviceRefusalCode>> {
  const { oauth } = application
  if (!oauth.grantTypes.includes(DEVICE_GRANT)) return refuse('unauthorized_client')
  const sent = uniqueParameters(form, ['scope'])
  if (!sent.ok) return refuse('invalid_request', sent.refusal.facts)
  const adapted = adaptRequest(oauth.requestAdapter, form)
  const asked = askedScope(adapted)
  const scope = reduceScope(asked, oauth)
  if (!scope.ok) return scope
  const resource = readResource(adapted.parameters, oauth)
  if (!resource.ok) return resource
  const requestedScope = spelledScope(adapted.requestedScope, asked, scope.value)
  const content: GrantContent = {
    scope: scope.value,
    isOpenId: scope.value.includes('openid') || oauth.alwaysIssueIdToken,
    ...(resource.value === undefined ? {} : { resource: resource.value }),
    ...(requestedScope === undefined ? {} : { requestedScope }),
  }
  const opened = await deviceRequests.open({ applicationId: application.id, content }, now)
  if (!opened.ok) return opened
  const { deviceCode, userCode } = opened.value
  const verification_uri = config.issuer + DEVICE_PATH
  const user_code = shownUserCode(userCode)
  return ok({
    device_code: deviceCode,
    user_code,
    verification_uri,
    verification_uri_complete: `${verification_uri}?user_code=${user_code}`,
    expires_in: DEVICE_SECONDS,
    interval: POLL_SECONDS,
  })
}
