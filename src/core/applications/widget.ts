/**
 * What an application is as an embedded widget: its pages get a token that says who is signed in, and its server
 * takes such tokens (Annoto's single sign-on: a JWT under a secret that both sides know).
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'

/** What a person may do in the widget, from the least to the most. */
export const widgetScopes = ['user', 'moderator', 'super-mod'] as const
export type WidgetScope = (typeof widgetScopes)[number]

/** The most that a token of ours may live (THREATS C26), and the default. */
export const LONGEST_WIDGET_TOKEN_SECONDS = 1200

export interface Widget {
  /** The tokens' `iss`; undefined: the application's id. */
  readonly clientId: string | undefined
  /** The tokens' `aud`; undefined: they have none. */
  readonly audience: string | undefined
  readonly tokenLifetimeSeconds: number
  /** How far ahead a token that is presented here may expire; some makers of tokens give them an hour. */
  readonly acceptedLifetimeSeconds: number
  /** Origins whose pages get tokens by the session cookie, besides our own. */
  readonly allowedOrigins: readonly string[]
  /** What a user's roles amount to here. A role that is not in it amounts to nothing. */
  readonly roles: Readonly<Record<string, WidgetScope>>
}

/** What the rest of the house asks of the secrets of widgets. */
export interface WidgetSecrets {
  /** All secrets that count now, the newest first: tokens are signed with that one, and verified under any. */
  valid(
    applicationId: string,
    now: EpochSeconds,
  ): Promise<Result<readonly [string, ...string[]], 'no_secret' | 'unavailable'>>
}

export const widgetClientId = ({ id, widget }: { id: string; widget: Widget }): string =>
  widget.clientId ?? id

/** The application as a widget, if it is one now. */
export function asWidget<
  Kind extends { readonly status: string; readonly widget?: Widget | undefined },
>(application: Kind): Result<Kind & { readonly widget: Widget }, 'unknown_application'> {
  const { status, widget } = application
  if (status !== 'active' || widget === undefined) return refuse('unknown_application')
  return ok({ ...application, widget })
}

/** The most that any of the roles amounts to; `user` where none amounts to anything. */
export function widgetScopeOf(
  { roles }: Pick<Widget, 'roles'>,
  held: readonly string[],
): WidgetScope {
  const scopes = held.flatMap((role) => (Object.hasOwn(roles, role) ? [roles[role]!] : []))
  return widgetScopes.findLast((scope) => scopes.includes(scope)) ?? 'user'
}
