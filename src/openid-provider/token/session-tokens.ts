import type { OAuthApplication } from '../../core/applications/application.ts'
import type { GrantContent } from '../../core/sessions/grant.ts'
import { judgeResource } from '../../core/sessions/judge-resource.ts'
import type { LiveSession } from '../../core/sessions/session.ts'
import type { IssuedToken } from '../../core/tokens/application-token.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { claimsOfScope } from '../claims.ts'
import { keptClaimsRequest } from '../claims-request.ts'
import { issueIdToken } from '../id-token.ts'
import { grantedScope, issueUserToken } from '../user-token.ts'
import type { GrantRequest, SessionGrantParts } from './grant-request.ts'

export interface PreparedTokens {
  readonly accessToken: IssuedToken
  readonly idToken: string | undefined
  readonly scope: string
}

/**
 * The tokens of a session grant, made before the grant is taken: so nothing that can fail is left for
 * afterwards, and a code is never used up for an answer that could not be given. They name the session and
 * its epoch as they are now; if the taking then fails, nobody gets to see them.
 */
export async function prepareTokens(
  parts: SessionGrantParts,
  request: Pick<GrantRequest, 'application' | 'jkt' | 'resource' | 'now'>,
  grant: {
    readonly session: LiveSession
    readonly family: string
    readonly content: GrantContent
    readonly isRefresh?: boolean
  },
): Promise<
  Result<PreparedTokens, 'invalid_scope' | 'invalid_target' | 'invalid_grant' | 'unavailable'>
> {
  const { application, jkt, now } = request
  const { session, family } = grant
  const { resource = grant.content.resource } = request
  const { resources } = application.oauth
  const asked = { resource, resources, mayNameResource: application.isFirstParty }
  const wrong = judgeResource(grant.content.resource, asked)
  if (wrong !== undefined) return refuse('invalid_target', { check: wrong })
  const content = narrowed(application, {
    ...grant.content,
    ...(resource === undefined ? {} : { resource }),
  })
  // An answer could not say that nothing is left of it (RFC 6749 §3.3, §5.1).
  const isNothingLeft = content.scope.length === 0 && grant.content.scope.length > 0
  if (isNothingLeft) return refuse('invalid_scope', { check: 'not_registered' })
  const issued = await issueUserToken(parts, { application, session, family, content, jkt, now })
  if (!issued.ok) {
    const { code, facts } = issued.refusal
    return refuse(code === 'unavailable' ? 'unavailable' : 'invalid_grant', facts)
  }
  const idToken = content.isOpenId
    ? await issueIdToken(parts, {
        application,
        session,
        scope: content.scope,
        claims: stillRegistered(application, content),
        nonce: grant.isRefresh === true ? undefined : content.nonce,
        accessToken: issued.value.token,
        now,
      })
    : ok(undefined)
  if (!idToken.ok) return idToken
  return ok({
    accessToken: issued.value,
    idToken: idToken.value,
    scope: content.requestedScope ?? grantedScope(content).join(' '),
  })
}

/**
 * What is left of a grant when the registration has changed since: an application is never given more than
 * it is registered for now.
 */
function narrowed({ oauth }: OAuthApplication, content: GrantContent): GrantContent {
  const scope = content.scope.filter((value) => oauth.scope.includes(value))
  if (scope.length === content.scope.length) return content
  const { requestedScope: _, ...rest } = content
  return {
    ...rest,
    scope,
    isOpenId: content.isOpenId && (scope.includes('openid') || oauth.alwaysIssueIdToken),
  }
}

/** The claims that the ID token was asked for by name, as far as they belong to a registered scope. */
function stillRegistered({ oauth }: OAuthApplication, { claims }: Pick<GrantContent, 'claims'>) {
  const registered = claimsOfScope(oauth.scope)
  const { idToken } = keptClaimsRequest(claims)
  return { idToken: idToken.filter((name) => registered.includes(name)) }
}
