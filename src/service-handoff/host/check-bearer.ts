import type { HandoffApplication } from '../../core/applications/application.ts'
import { parseSessionId, parseUserId } from '../../core/sessions/session.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { userInfoAudience } from '../../core/tokens/application-tokens.ts'
import { parseAuthorization } from '../../protocol/authorization-header.ts'
import type { HostParts } from './host-parts.ts'
import type { Holder } from './open-service.ts'

/**
 * Whose session an application's access token is of, at the strictest level: the user's object says that it
 * stands. A token of another application, for another API, of the bridge, bound to a key or of no user is none.
 */
export async function checkBearer(
  {
    config,
    applicationTokens,
    revocation,
  }: Pick<HostParts, 'config' | 'applicationTokens' | 'revocation'>,
  input: {
    readonly application: HandoffApplication
    readonly authorization: string | undefined
    readonly now: EpochSeconds
  },
): Promise<Result<Holder, 'token_not_valid' | 'unavailable'>> {
  const { application, authorization, now } = input
  const credentials = parseAuthorization(authorization)
  if (credentials.kind !== 'token' || credentials.scheme !== 'Bearer') {
    return refuse('token_not_valid', { check: 'credentials' })
  }
  const verified = await applicationTokens.verify(credentials.token, now)
  if (!verified.ok) {
    const { code, facts } = verified.refusal
    return refuse(code === 'unavailable' ? code : 'token_not_valid', facts)
  }
  const { aud, client_id, user, cnf, jti, iat, exp } = verified.value
  // RFC 9068 §4: one that the application got for somebody else's API has been shown to them.
  if (aud !== userInfoAudience(config)) return refuse('token_not_valid', { check: 'aud' })
  if (client_id !== application.id) return refuse('token_not_valid', { check: 'client_id' })
  const userId = parseUserId(user?.userId)
  const sid = parseSessionId(user?.sid)
  if (user === undefined || userId === undefined || sid === undefined || cnf !== undefined) {
    return refuse('token_not_valid', { check: 'user' })
  }
  const token = { ...user, sub: userId, sid, client_id, jti, iat, exp }
  const standing = await revocation.check('strict', token, now)
  if (standing.ok) return ok({ userId, sid, providerId: user.idp })
  const { code, facts } = standing.refusal
  return refuse(code === 'unavailable' ? code : 'token_not_valid', facts)
}
