/**
 * Introspection (RFC 7662): what a token is worth at this moment. Asked of the user's object each time, so
 * the answer is as strict as any check here. A token is told about to the application that it was issued to,
 * and to one that is registered for the API it is for (`resources`); everybody else, and of everything else,
 * learns `{"active":false}`.
 */
import type { Config } from '../../config.ts'
import type { OAuthApplication } from '../../core/applications/application.ts'
import type { KnownApplications } from '../../core/applications/known-applications.ts'
import type { Subjects } from '../../core/applications/subject.ts'
import type { Audit } from '../../core/audit/audit.ts'
import type { Revocation } from '../../core/revocation/revocation.ts'
import type { Grants } from '../../core/sessions/grant.ts'
import type {
  ApplicationTokenClaims,
  ApplicationTokens,
} from '../../core/tokens/application-token.ts'
import { userInfoAudience } from '../../core/tokens/application-tokens.ts'
import type { Keys } from '../../core/tokens/keys.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Refusal, Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import { uniqueParameters } from '../../platform/unique-parameters.ts'
import type { ClientCall } from '../client-call.ts'
import {
  UNAVAILABLE,
  clientCallErrors,
  invalidRequest,
  oauthAnswer,
  oauthErrorAnswer,
} from '../oauth-answer.ts'
import { checkApplicationToken, stillRegistered } from './check-application-token.ts'

export interface IntrospectionParts {
  readonly config: Pick<Config, 'issuer'>
  readonly audit: Audit
  readonly keys: Pick<Keys, 'cutOffs'>
  readonly knownApplications: Pick<KnownApplications, 'judge'>
  readonly applicationTokens: Pick<ApplicationTokens, 'verify'>
  readonly revocation: Revocation
  readonly grants: Pick<Grants, 'peek'>
  readonly subjects: Subjects
}

/** The members of an answer about a live token (RFC 7662 §2.2). */
type LiveToken = Readonly<Record<string, unknown>>

export async function answerIntrospection(
  parts: IntrospectionParts,
  { application, form, now }: ClientCall,
  facts: RequestFacts,
): Promise<Response> {
  // RFC 7662 §2.1: whoever asks has to prove who they are; a public client cannot.
  if (application.oauth.tokenEndpointAuthMethod === 'none') {
    const refusal = { code: 'invalid_client', facts: { check: 'public_client' } } as const
    await parts.audit.record(facts, { event: 'introspection.refused', refusal })
    return oauthErrorAnswer(clientCallErrors.invalid_client, facts.requestId)
  }
  // `token_type_hint` is not needed: our tokens say of themselves what they are.
  const read = uniqueParameters(form, ['token'])
  if (!read.ok || !read.value.token) {
    const refusal = { code: 'invalid_request' } as const
    await parts.audit.record(facts, { event: 'introspection.refused', refusal })
    return oauthErrorAnswer(invalidRequest('One token is needed.'), facts.requestId)
  }
  const found = await introspect(parts, application, read.value.token, now)
  const isDown = !found.ok && found.refusal.code === 'unavailable'
  await parts.audit.record(facts, {
    event: isDown ? 'introspection.refused' : 'introspection.answered',
    ...(found.ok ? {} : { refusal: found.refusal }),
    facts: { application: application.id, active: found.ok },
  })
  // A resource server must never take "we could not look" for "no such token".
  if (isDown) return oauthErrorAnswer(UNAVAILABLE, facts.requestId)
  return oauthAnswer(found.ok ? { active: true, ...found.value } : { active: false })
}

async function introspect(
  parts: IntrospectionParts,
  caller: OAuthApplication,
  token: string,
  now: EpochSeconds,
): Promise<Result<LiveToken, 'not_live' | 'not_theirs' | 'unavailable'>> {
  return token.startsWith('r_')
    ? introspectRefreshToken(parts, caller, token, now)
    : introspectAccessToken(parts, caller, token, now)
}

async function introspectAccessToken(
  parts: IntrospectionParts,
  caller: OAuthApplication,
  token: string,
  now: EpochSeconds,
): Promise<Result<LiveToken, 'not_live' | 'not_theirs' | 'unavailable'>> {
  const verified = await parts.applicationTokens.verify(token, now)
  if (!verified.ok) return notLive(verified.refusal)
  const claims = verified.value
  const isTheirs = claims.client_id === caller.id || caller.oauth.resources.includes(claims.aud)
  if (!isTheirs) return refuse('not_theirs')
  const standing = await checkApplicationToken(parts, claims, now)
  if (!standing.ok) return notLive(standing.refusal)
  const { application, scope } = standing.value
  const isForNoApi = [userInfoAudience(parts.config), parts.config.issuer].includes(claims.aud)
  return isForNoApi || application.oauth?.resources.includes(claims.aud) === true
    ? ok(describe(claims, scope))
    : refuse('not_live', { check: 'resource' })
}

const notLive = ({ code, facts }: Refusal) =>
  refuse(code === 'unavailable' ? 'unavailable' : 'not_live', facts)

function describe(claims: ApplicationTokenClaims, scope: readonly string[]): LiveToken {
  const { iss, aud, sub, client_id, iat, exp, jti, user, cnf } = claims
  return {
    iss,
    aud,
    sub,
    client_id,
    iat,
    exp,
    jti,
    ...(scope.length === 0 ? {} : { scope: scope.join(' ') }),
    token_type: cnf === undefined ? 'Bearer' : 'DPoP',
    ...(cnf === undefined ? {} : { cnf }),
    ...(user === undefined ? {} : { auth_time: user.auth_time }),
    ...(user?.acr === undefined ? {} : { acr: user.acr }),
  }
}

async function introspectRefreshToken(
  { grants, subjects, config }: IntrospectionParts,
  caller: OAuthApplication,
  handle: string,
  now: EpochSeconds,
): Promise<Result<LiveToken, 'not_live' | 'not_theirs' | 'unavailable'>> {
  const seen = await grants.peek('refresh_token', handle, now)
  if (!seen.ok) return notLive({ ...seen.refusal, facts: { check: seen.refusal.code } })
  const { binding, content, session, isSpent } = seen.value
  if (binding.applicationId !== caller.id) return refuse('not_theirs')
  if (isSpent || !caller.oauth.grantTypes.includes('refresh_token')) return refuse('not_live')
  return ok({
    iss: config.issuer,
    client_id: caller.id,
    sub: await subjects.subjectFor(caller, session.userId),
    scope: stillRegistered(content.scope, caller).join(' '),
    exp: session.absoluteDeadlineAt,
    ...(binding.jkt === undefined ? {} : { cnf: { jkt: binding.jkt } }),
  })
}
