/**
 * A widget token is judged, as the widget's own server would: the secret is chosen by the application and the
 * token's `iss`, the algorithm by nobody. It is made by anybody's library, so little is asked of its form: the
 * user's id is text or a number, there need be neither `iat` nor `sub`, an empty `photoUrl` is none.
 *
 * It says who somebody is in the widget and is good for nothing else: no session opens, nothing is stored.
 */
import { widgetClientId, widgetScopes } from '../core/applications/widget.ts'
import type { WidgetScope, WidgetSecrets } from '../core/applications/widget.ts'
import type { WidgetApplication } from '../core/applications/application.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import { shownOf } from './widget-claims.ts'
import { isSignedUnder, parseWidgetJwt } from './widget-jwt.ts'

export interface WidgetUser {
  readonly id: string
  readonly name: string
  readonly email: string | undefined
  readonly photoUrl: string | undefined
  readonly scope: WidgetScope
}

export interface VerifiedWidgetToken {
  readonly user: WidgetUser
  readonly expiresIn: number
}

export type WidgetTokenRefusalCode =
  | 'malformed_token'
  | 'wrong_algorithm'
  | 'wrong_issuer'
  | 'wrong_signature'
  | 'expired'
  | 'expires_too_late'
  | 'not_valid_yet'
  | 'wrong_audience'
  | 'invalid_claims'

/** The `aud` that the documentation of the format names, where the registration names none. */
const DOCUMENTED_AUDIENCE = 'http://annoto.net'

/** How far the clock of whoever made the token may be ahead of ours. Its end is taken at its word. */
const TOLERANCE_SECONDS = 60

const LONGEST_ID_CHARACTERS = 255

export async function verifyWidgetToken(
  widgetSecrets: WidgetSecrets,
  { application, token }: { readonly application: WidgetApplication; readonly token: string },
  now: EpochSeconds,
): Promise<Result<VerifiedWidgetToken, WidgetTokenRefusalCode | 'unavailable'>> {
  const parsed = parseWidgetJwt(token)
  if (!parsed.ok) return parsed
  const { claims } = parsed.value
  if (claims.iss !== widgetClientId(application)) return refuse('wrong_issuer')
  const secrets = await widgetSecrets.valid(application.id, now)
  if (!secrets.ok) return refuse('unavailable', { check: secrets.refusal.code })
  if (!(await isSignedUnder(token, secrets.value))) return refuse('wrong_signature')
  return judgeClaims(claims, application.widget, now)
}

/** The claims of a token whose signature counts. */
function judgeClaims(
  claims: Readonly<Record<string, unknown>>,
  { acceptedLifetimeSeconds, audience = DOCUMENTED_AUDIENCE }: WidgetApplication['widget'],
  now: EpochSeconds,
): Result<VerifiedWidgetToken, WidgetTokenRefusalCode> {
  const { exp, nbf, iat, aud, jti, scope = 'user' } = claims
  if (!isMoment(exp)) return refuse('invalid_claims', { check: 'exp' })
  if (exp <= now) return refuse('expired')
  if (exp > now + acceptedLifetimeSeconds + TOLERANCE_SECONDS) return refuse('expires_too_late')
  for (const [name, moment] of Object.entries({ nbf, iat })) {
    if (moment === undefined) continue
    if (!isMoment(moment)) return refuse('invalid_claims', { check: name })
    if (moment > now + TOLERANCE_SECONDS) return refuse('not_valid_yet', { check: name })
  }
  // RFC 7519 §4.1.3: it need not say whom it is for, but who is named must be us.
  const isForUs = Array.isArray(aud) ? aud.includes(audience) : aud === audience
  if (aud !== undefined && !isForUs) return refuse('wrong_audience')
  const id = userIdOf(jti)
  if (id === undefined) return refuse('invalid_claims', { check: 'jti' })
  if (!isScope(scope)) return refuse('invalid_claims', { check: 'scope' })
  const { name, email, picture } = shownOf({ ...claims, picture: claims.photoUrl })
  if (name === undefined) return refuse('invalid_claims', { check: 'name' })
  const user = { id, name, email, photoUrl: picture, scope }
  return ok({ user, expiresIn: Math.ceil(exp - now) })
}

const isMoment = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0

const isScope = (value: unknown): value is WidgetScope =>
  widgetScopes.some((scope) => scope === value)

/** Ids are numbers in some systems, and the same in digits in the next: 7 and "7" are one user. */
function userIdOf(jti: unknown): string | undefined {
  if (typeof jti === 'number')
    return Number.isSafeInteger(jti) && jti >= 0 ? String(jti) : undefined
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_ID_CHARACTERS) return undefined
  return jti.isWellFormed() && !/[\p{Cc}\p{Bidi_Control}]/u.test(jti) ? jti : undefined
}
