/**
 * Who asks for a widget token: the person behind the access token that came with the request, or, where none
 * came, behind the session cookie.
 */
import type { WidgetApplication } from '../core/applications/application.ts'
import { readSessionCookie } from '../core/sessions/session-cookie.ts'
import { parseUserId } from '../core/sessions/session.ts'
import type { UserId } from '../core/sessions/session.ts'
import type { AccessRefusalCode } from '../core/revocation/check-access.ts'
import { BRIDGE_CLIENT_ID } from '../core/tokens/access-token.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Refusal, Result } from '../platform/refusal.ts'
import { findForeignPage } from '../protocol/cors.ts'
import type { CallingPage } from '../protocol/cors.ts'
import { originsOf } from './widget-token-parts.ts'
import type { WidgetTokenParts } from './widget-token-parts.ts'

/** The headers that a request is judged by. Nothing in its query or body says who anybody is. */
export interface WidgetTokenRequest extends CallingPage {
  readonly authorization: string | undefined
  readonly dpop: string | undefined
  readonly cookie: string | undefined
  /** The absolute URL that it is served under: for the proof's `htu`. */
  readonly url: string
  /** A page renews its token ahead, and nobody did anything: that is no use of the session. */
  readonly isRenewal: boolean
}

export interface KnownPerson {
  readonly userId: UserId
  readonly sid: string
  /** Whether the caller may learn the address of the person. */
  readonly mayTellEmail: boolean
  /** What to say where the session is over by the time that the token is made. */
  readonly whenOver: Unidentified
}

/** `whose`: who a refused but genuine access token names; for the audit trail only. */
export interface Unidentified {
  readonly ok: false
  readonly refusal: Refusal<AccessRefusalCode | 'origin_not_allowed' | 'no_session'>
  readonly whose?: { readonly sub: string; readonly sid: string }
}

export async function identifyPerson(
  parts: WidgetTokenParts,
  application: WidgetApplication,
  request: WidgetTokenRequest,
  now: EpochSeconds,
): Promise<Result<KnownPerson, never> | Unidentified> {
  if (request.authorization !== undefined) return byAccessToken(parts, application, request, now)
  const foreign = findForeignPage(request, originsOf(parts, application))
  if (foreign !== undefined) return refuse('origin_not_allowed', { check: foreign })
  const { sessions, config } = parts
  const cookie = readSessionCookie(request.cookie, config)
  const session = await (request.isRenewal ? sessions.peek(cookie, now) : sessions.use(cookie, now))
  if (!session.ok) return session
  const { userId, sid } = session.value
  return ok({ userId, sid, mayTellEmail: true, whenOver: refuse('no_session') })
}

/** A header speaks for itself, whatever page it comes from; a cookie that came along is not looked at. */
async function byAccessToken(
  { accessChecks }: WidgetTokenParts,
  application: WidgetApplication,
  { authorization, dpop, url }: WidgetTokenRequest,
  now: EpochSeconds,
): Promise<Result<KnownPerson, never> | Unidentified> {
  // What this gives outlives the access token: that one was revoked has to be known, not soon but now.
  const decision = await accessChecks.check(
    { authorization, dpop, method: 'GET', url, level: 'strict' },
    now,
  )
  if (!decision.ok) return decision
  const { sub, sid, client_id: clientId, scope = '' } = decision.value
  const refuseHolder = (code: AccessRefusalCode, check: string): Unidentified => ({
    ok: false,
    refusal: { code, facts: { check } },
    whose: { sub, sid },
  })
  const isOurPages = clientId === BRIDGE_CLIENT_ID
  // What one application was given does not make tokens for another's widget.
  if (!isOurPages && clientId !== application.id) {
    return refuseHolder('insufficient_scope', 'client')
  }
  const scopes = scope.split(' ')
  if (!isOurPages && !scopes.includes('profile')) {
    return refuseHolder('insufficient_scope', 'profile')
  }
  const userId = parseUserId(sub)
  if (userId === undefined) return refuseHolder('invalid_token', 'sub')
  const mayTellEmail = isOurPages || scopes.includes('email')
  return ok({ userId, sid, mayTellEmail, whenOver: refuseHolder('revoked', 'session') })
}
