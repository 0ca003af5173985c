/**
 * UserInfo (OpenID Connect Core 1.0 §5.3): what may be told of the person behind an access token. The token
 * is checked at the strictest level, and the profile is read where the session lives: after a sign-out there
 * is nothing to read. Pages of any origin may ask with a token of theirs; no cookie has a part in this.
 */
import type { KnownApplications } from '../../core/applications/known-applications.ts'
import type { Config } from '../../config.ts'
import type { Audit } from '../../core/audit/audit.ts'
import { accessAnswer } from '../../core/revocation/access-answer.ts'
import type { AccessRefusalCode } from '../../core/revocation/check-access.ts'
import type { Revocation } from '../../core/revocation/revocation.ts'
import { parseSessionId, parseUserId } from '../../core/sessions/session.ts'
import type { Sessions } from '../../core/sessions/sessions.ts'
import type {
  ApplicationTokenClaims,
  ApplicationTokens,
} from '../../core/tokens/application-token.ts'
import { userInfoAudience } from '../../core/tokens/application-tokens.ts'
import type { DpopProofs } from '../../core/tokens/dpop-proof.ts'
import type { Keys } from '../../core/tokens/keys.ts'
import type { Clock, EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import { claimsAbout, claimsOfScope, rebelMouseNames } from '../claims.ts'
import { UNCACHED } from '../oauth-answer.ts'
import { checkApplicationToken } from './check-application-token.ts'
import { readPresentedToken } from './presented-token.ts'
import type { PresentedToken } from './presented-token.ts'

export interface UserInfoParts {
  readonly config: Pick<Config, 'issuer'>
  readonly clock: Clock
  readonly audit: Audit
  readonly keys: Pick<Keys, 'cutOffs'>
  readonly knownApplications: Pick<KnownApplications, 'judge'>
  readonly applicationTokens: Pick<ApplicationTokens, 'verify'>
  readonly revocation: Revocation
  readonly sessions: Pick<Sessions, 'readProfile'>
  readonly proofs: DpopProofs
}

/** A token is all that counts, and a browser adds none by itself: so any page may ask and read. */
export const USERINFO_CORS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'GET, POST',
  'Access-Control-Allow-Headers': 'Authorization, DPoP, Content-Type',
  'Access-Control-Expose-Headers': 'WWW-Authenticate, Date, Retry-After, X-Request-Id',
  'Access-Control-Max-Age': '600',
} as const

export async function answerUserInfo(
  parts: UserInfoParts,
  request: Request,
  facts: RequestFacts,
): Promise<Response> {
  const told = await tellUserInfo(parts, request)
  const headers = new Headers({ ...UNCACHED, ...USERINFO_CORS })
  if (told.ok) {
    const { claims, body } = told.value
    const { user, client_id: application } = claims
    await parts.audit.record(facts, {
      event: 'userinfo.told',
      ...(user === undefined ? {} : { userId: user.userId, sid: user.sid }),
      facts: { application },
    })
    return Response.json(body, { headers })
  }
  const { refusal } = told
  await parts.audit.record(facts, { event: 'userinfo.refused', refusal })
  const { status, error, challenges, retryAfterSeconds } = accessAnswer(refusal.code, {
    authorization: request.headers.get('authorization') ?? undefined,
    scope: refusal.code === 'insufficient_scope' ? 'openid' : undefined,
  })
  for (const challenge of challenges) headers.append('WWW-Authenticate', challenge)
  if (retryAfterSeconds !== undefined) headers.set('Retry-After', String(retryAfterSeconds))
  return Response.json({ error, request_id: facts.requestId }, { status, headers })
}

type UserInfoRefusalCode = AccessRefusalCode

async function tellUserInfo(
  parts: UserInfoParts,
  request: Request,
): Promise<
  Result<
    { readonly claims: ApplicationTokenClaims; readonly body: Readonly<Record<string, unknown>> },
    UserInfoRefusalCode
  >
> {
  const presented = await readPresentedToken(request)
  if (!presented.ok) return presented
  const now = parts.clock()
  const verified = await parts.applicationTokens.verify(presented.value.token, now)
  if (!verified.ok) return verified
  const claims = verified.value
  if (claims.aud !== userInfoAudience(parts.config))
    return refuse('invalid_token', { check: 'aud' })
  const key = await checkKey(parts, request, presented.value, claims, now)
  if (!key.ok) return key
  const standing = await checkApplicationToken(parts, claims, now)
  if (!standing.ok) return standing
  const { application, scope } = standing.value
  const { oauth } = application
  if (presented.value.place === 'query' && oauth?.userinfoQueryToken !== true) {
    return refuse('malformed_credentials', { check: 'query' })
  }
  const userId = parseUserId(claims.user?.userId)
  const sid = parseSessionId(claims.user?.sid)
  if (userId === undefined || sid === undefined || !scope.includes('openid')) {
    return refuse('insufficient_scope', { missing: 'openid' })
  }
  const profile = await parts.sessions.readProfile(userId, sid, now)
  if (!profile.ok) {
    return refuse(profile.refusal.code === 'unavailable' ? 'unavailable' : 'revoked')
  }
  const registered: readonly string[] = claimsOfScope(oauth?.scope ?? [])
  const names = (claims.claims ?? []).filter((name) => registered.includes(name))
  const body = { ...claimsAbout(profile.value, { scope, names }), sub: claims.sub }
  return ok({ claims, body: { ...body, ...rebelMouseNames(body) } })
}

/** RFC 9449 §7: a bound token needs its key, and nothing but the header `Authorization: DPoP` shows it. */
async function checkKey(
  { config, proofs }: UserInfoParts,
  request: Request,
  { scheme, token: value }: PresentedToken,
  { cnf }: ApplicationTokenClaims,
  now: EpochSeconds,
): Promise<Result<undefined, 'invalid_token' | 'invalid_dpop_proof'>> {
  if (scheme === 'Bearer') {
    return cnf === undefined
      ? ok(undefined)
      : refuse('invalid_token', { check: 'bound_token_as_bearer' })
  }
  if (cnf === undefined) return refuse('invalid_token', { check: 'token_not_bound' })
  const proof = request.headers.get('dpop') ?? undefined
  const target = { method: request.method, url: userInfoAudience(config) }
  const checked = await proofs.check({ proof, ...target, token: { value, jkt: cnf.jkt } }, now)
  if (checked.ok) return ok(undefined)
  const { code, facts } = checked.refusal
  return refuse(code === 'wrong_dpop_key' ? 'invalid_token' : code, facts)
}
