import { widgetClientId, widgetScopeOf } from '../core/applications/widget.ts'
import type { WidgetScope } from '../core/applications/widget.ts'
import type { WidgetApplication } from '../core/applications/application.ts'
import type { Profile } from '../core/sessions/session.ts'
import { parseProfileClaims } from '../core/users/profile-claims.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { hostKind } from '../platform/host-kind.ts'

/** The claims of a widget token, as makers of widgets document them (Annoto, "Single sign-on"). */
export interface WidgetClaims {
  /** The widget's client id. */
  readonly iss: string
  readonly exp: EpochSeconds
  /** The user's id: what `sub` is elsewhere. */
  readonly jti: string
  readonly name: string
  readonly email?: string
  readonly photoUrl?: string
  readonly scope: WidgetScope
  readonly aud?: string
}

export interface WidgetPerson {
  /** The user's id, as the application knows it. */
  readonly subject: string
  readonly profile: Profile
  readonly mayTellEmail: boolean
  /** What operators say that the person is. */
  readonly roles: readonly string[]
}

/** A widget wants a name for everybody. It says nothing of who it is. */
const NAMELESS = 'User'

/** What a widget is told of a person: this, and nothing else. All of it is from the directory and the registration. */
export function widgetClaimsOf(
  application: WidgetApplication,
  { subject, profile, mayTellEmail, roles }: WidgetPerson,
  exp: EpochSeconds,
): WidgetClaims {
  const { audience } = application.widget
  const { name, email, picture } = shownOf({
    ...profile,
    name: profile.name ?? fullName(profile) ?? profile.preferredUsername,
  })
  return {
    iss: widgetClientId(application),
    exp,
    jti: subject,
    name: name ?? NAMELESS,
    ...(email === undefined || !mayTellEmail ? {} : { email }),
    ...(picture === undefined ? {} : { photoUrl: picture }),
    scope: widgetScopeOf(application.widget, roles),
    ...(audience === undefined ? {} : { aud: audience }),
  }
}

/**
 * Of a name, an address and a picture, what may be shown to others: clean and short text, an address that is
 * one, and an https URL on the public internet.
 */
export function shownOf(claims: {
  readonly name?: unknown
  readonly email?: unknown
  readonly picture?: unknown
}): { name: string | undefined; email: string | undefined; picture: string | undefined } {
  const { name, email, picture } = parseProfileClaims({
    name: claims.name,
    email: claims.email,
    picture: claims.picture,
  })
  const isPublic = picture !== undefined && hostKind(new URL(picture).hostname) === 'public'
  return { name, email: email?.text, picture: isPublic ? picture : undefined }
}

function fullName({ givenName, familyName }: Profile): string | undefined {
  const names = [givenName, familyName].filter((name) => name !== undefined)
  return names.length === 0 ? undefined : names.join(' ')
}
