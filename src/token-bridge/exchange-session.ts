import type { Config } from '../config.ts'
import type { Audit } from '../core/audit/audit.ts'
import type { AuditEvent } from '../core/audit/audit-event.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import { deadlineOf } from '../core/sessions/session.ts'
import type { LiveSession } from '../core/sessions/session.ts'
import type { Sessions } from '../core/sessions/sessions.ts'
import type { AccessTokens } from '../core/tokens/access-token.ts'
import type { DpopProofs } from '../core/tokens/dpop-proof.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import type { Doors } from '../platform/doors.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Refusal, Result } from '../platform/refusal.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { findForeignPage } from '../protocol/cors.ts'

export const BRIDGE_PATH = '/auth/sso/token'

export interface BridgeParts {
  readonly config: Pick<Config, 'issuer' | 'isHttps' | 'allowedOrigins'>
  readonly audit: Audit
  readonly doors: Doors
  readonly sessions: Pick<Sessions, 'use'>
  readonly accessTokens: Pick<AccessTokens, 'issue'>
  readonly proofs: DpopProofs
}

/** The headers that the bridge goes by. There is no other input; an `Authorization` header is not looked at. */
export interface BridgeRequest {
  readonly origin: string | undefined
  readonly secFetchSite: string | undefined
  readonly cookie: string | undefined
  readonly dpop: string | undefined
}

export interface BridgedToken {
  readonly token: string
  readonly tokenType: 'Bearer' | 'DPoP'
  readonly expiresIn: number
  readonly session: LiveSession
}

export type BridgeRefusalCode =
  | 'origin_not_allowed'
  | 'rate_limited'
  | 'invalid_dpop_proof'
  | 'no_session'
  | 'unavailable'

/**
 * A live session is exchanged for an access token. The order of the checks, cheapest and least
 * consequential first: who is asking, how often, with which key, for whom. Only the last one but issuing
 * touches the session, so a request refused before it has not even moved the idle deadline. The token names
 * the session's epoch and id, and expires with it at the latest; a logout that overtakes the exchange
 * therefore revokes it.
 */
export async function exchangeSession(
  parts: BridgeParts,
  request: BridgeRequest,
  facts: RequestFacts,
  now: EpochSeconds,
): Promise<Result<BridgedToken, BridgeRefusalCode>> {
  const record = (event: AuditEvent) => parts.audit.record(facts, event)
  const refused = async <Code extends BridgeRefusalCode>(refusal: Refusal<Code>) => {
    const event = refusal.code === 'rate_limited' ? 'rate.limited' : 'token.refused'
    await record({ event, refusal, facts: { door: 'bridge' } })
    return { ok: false, refusal } as const
  }

  const { issuer, allowedOrigins } = parts.config
  const foreign = findForeignPage(request, [issuer, ...allowedOrigins])
  if (foreign !== undefined)
    return refused(refuse('origin_not_allowed', { check: foreign }).refusal)

  const entry = await parts.doors.mayEnter('bridge', facts)
  if (!entry.ok) return refused(entry.refusal)

  const key = await checkKey(parts, request.dpop, now)
  if (!key.ok) return refused(key.refusal)

  const used = await parts.sessions.use(readSessionCookie(request.cookie, parts.config), now)
  if (!used.ok) return refused(used.refusal)
  const session = used.value
  const { userId, sid, epoch, authentication } = session

  const { jkt } = key.value
  const issued = await parts.accessTokens.issue({
    sub: userId,
    sid,
    epoch,
    authTime: authentication.authTime,
    providerId: authentication.providerId,
    ...(authentication.acr === undefined ? {} : { acr: authentication.acr }),
    notAfter: deadlineOf(session),
    ...(jkt === undefined ? {} : { jkt }),
    now,
  })
  if (!issued.ok) {
    const { code, facts: reason } = issued.refusal
    return refused({
      code: code === 'session_over' ? 'no_session' : code,
      ...(reason === undefined ? {} : { facts: reason }),
    })
  }
  const { token, expiresIn, jti } = issued.value
  const tokenType = jkt === undefined ? 'Bearer' : 'DPoP'
  await record({ event: 'token.issued', userId, sid, facts: { jti, token_type: tokenType } })
  return ok({ token, tokenType, expiresIn, session })
}

/** RFC 9449 §5: a request with a proof gets a token bound to the key that made it. */
async function checkKey(
  { config, proofs }: BridgeParts,
  proof: string | undefined,
  now: EpochSeconds,
): Promise<Result<{ readonly jkt?: string }, 'invalid_dpop_proof'>> {
  if (proof === undefined) return ok({})
  const checked = await proofs.check(
    { proof, method: 'GET', url: config.issuer + BRIDGE_PATH },
    now,
  )
  if (checked.ok) return checked
  const { code, facts } = checked.refusal
  return refuse('invalid_dpop_proof', { ...facts, reason: code })
}
