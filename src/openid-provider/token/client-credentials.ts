import type { Config } from '../../config.ts'
import type { ApplicationTokens } from '../../core/tokens/application-token.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import { CLAIMS_OF_SCOPE } from '../claims.ts'
import type { GrantRequest, Granting } from './grant-request.ts'

/** Scope values that are about a person, which nobody is here. */
const PERSONAL = ['openid', 'offline_access', ...Object.keys(CLAIMS_OF_SCOPE)]

/**
 * `grant_type=client_credentials` (RFC 6749 §4.4): a token by which the application acts for itself. Without
 * `resource` it is for the first API of its registration (RFC 9068 §3).
 */
export async function grantClientCredentials(
  parts: {
    readonly config: Pick<Config, 'issuer'>
    readonly applicationTokens: Pick<ApplicationTokens, 'issueForClient'>
  },
  { application, scope: asked, requestedScope, resource, jkt, now }: GrantRequest,
): Granting {
  const { oauth } = application
  const available = oauth.scope.filter((value) => !PERSONAL.includes(value))
  const scope = asked ?? available
  const beyond = scope.some((value) => !available.includes(value))
  if (beyond || asked?.length === 0) return refuse('invalid_scope', { check: 'not_registered' })
  const issued = await parts.applicationTokens.issueForClient({
    clientId: application.id,
    scope,
    audience: resource ?? oauth.resources[0] ?? parts.config.issuer,
    ...(jkt === undefined ? {} : { jkt }),
    now,
  })
  if (!issued.ok) return issued
  return ok({ accessToken: issued.value, scope: requestedScope ?? scope.join(' ') })
}
