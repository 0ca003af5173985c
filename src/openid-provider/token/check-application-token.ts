import type { Applications, OAuthApplication } from '../../core/applications/application.ts'
import type { Revocation } from '../../core/revocation/revocation.ts'
import type { ApplicationTokenClaims } from '../../core/tokens/application-token.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'

/**
 * Whether a verified token still stands, at the strictest level: its application is active, and the user's
 * object has neither ended the session nor revoked the token or its family. A client's own token stands with
 * its application alone.
 */
export async function checkApplicationToken(
  {
    applications,
    revocation,
  }: {
    readonly applications: Pick<Applications, 'findOAuthClient'>
    readonly revocation: Revocation
  },
  { client_id, jti, iat, exp, user }: ApplicationTokenClaims,
  now: EpochSeconds,
): Promise<Result<OAuthApplication, 'revoked' | 'unavailable'>> {
  const found = await applications.findOAuthClient(client_id)
  if (!found.ok) {
    return found.refusal.code === 'unavailable'
      ? refuse('unavailable')
      : refuse('revoked', { check: 'application' })
  }
  if (user === undefined) return ok(found.value)
  const { userId: sub, ...session } = user
  const token = { ...session, sub, client_id, jti, iat, exp }
  const standing = await revocation.check('strict', token, now)
  return standing.ok ? ok(found.value) : standing
}
