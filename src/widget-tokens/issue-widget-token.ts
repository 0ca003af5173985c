import type { WidgetApplication } from '../core/applications/application.ts'
import type { AccessRefusalCode } from '../core/revocation/check-access.ts'
import { deadlineOf } from '../core/sessions/session.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { identifyPerson } from './identify-person.ts'
import type { KnownPerson, Unidentified, WidgetTokenRequest } from './identify-person.ts'
import { widgetClaimsOf } from './widget-claims.ts'
import { signWidgetJwt } from './widget-jwt.ts'
import type { WidgetTokenParts } from './widget-token-parts.ts'

export interface IssuedWidgetToken {
  /** Empty when nobody is signed in: the widget then knows its visitor as a stranger. */
  readonly token: string
  /** Seconds. */
  readonly expiresIn: number
}

const FOR_A_STRANGER: IssuedWidgetToken = { token: '', expiresIn: 0 }

/**
 * A widget token for whoever is signed in. What stands in it is from the session, the directory and the
 * registration. It ends with the session at the latest; that a session ends earlier does not reach a token that
 * is out already, and is why it is short.
 */
export async function issueWidgetToken(
  parts: WidgetTokenParts,
  application: WidgetApplication,
  request: WidgetTokenRequest,
  facts: RequestFacts,
  now: EpochSeconds,
): Promise<Result<IssuedWidgetToken, AccessRefusalCode | 'origin_not_allowed'>> {
  const withoutToken = async ({ refusal, whose }: Unidentified) => {
    // Not as `userId`, which would store a row for every request with a stolen token.
    const holder = whose === undefined ? {} : { sid: whose.sid }
    const event = 'widget_token.refused'
    await parts.audit.record(facts, {
      event,
      refusal,
      ...holder,
      facts: { application: application.id, token_user: whose?.sub },
    })
    const { code, facts: more } = refusal
    return code === 'no_session' ? ok(FOR_A_STRANGER) : refuse(code, more)
  }

  const person = await identifyPerson(parts, application, request, now)
  if (!person.ok) return withoutToken(person)
  const made = await make(parts, application, person.value, now)
  if (!made.ok) return withoutToken(made)
  const { userId, sid } = person.value
  await parts.audit.record(facts, {
    event: 'widget_token.issued',
    userId,
    sid,
    facts: { application: application.id, scope: made.value.scope },
  })
  return ok(made.value)
}

/**
 * The user's object has the last word, after everything else is known: nothing is issued from a session that has
 * ended, from the moment that it has.
 */
async function make(
  { sessions, widgetSecrets, userRoles, subjects }: WidgetTokenParts,
  application: WidgetApplication,
  { userId, sid, mayTellEmail, whenOver }: KnownPerson,
  now: EpochSeconds,
): Promise<Result<IssuedWidgetToken & { readonly scope: string }, never> | Unidentified> {
  const [secrets, roles] = await Promise.all([
    widgetSecrets.valid(application.id, now),
    userRoles.of(userId),
  ])
  if (!secrets.ok) return refuse('unavailable', { check: secrets.refusal.code })
  if (!roles.ok) return roles
  const subject = await subjects.subjectFor(application, userId)
  const live = await sessions.list(userId, now)
  if (!live.ok) return live
  const session = live.value.find((one) => one.sid === sid)
  if (session === undefined) return whenOver
  const exp = Math.min(now + application.widget.tokenLifetimeSeconds, deadlineOf(session))
  const { profile } = session
  const claims = widgetClaimsOf(
    application,
    { subject, profile, mayTellEmail, roles: roles.value },
    exp,
  )
  const token = await signWidgetJwt(claims, secrets.value[0])
  return ok({ token, expiresIn: exp - now, scope: claims.scope })
}
