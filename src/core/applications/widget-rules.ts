/** Judges what an application is to be as a widget; everything that could not work is named at once. */
import { hostKind } from '../../platform/host-kind.ts'
import { isRole } from '../../protocol/role.ts'
import { wireName } from '../../protocol/wire-names.ts'
import type { RegistrationProblem } from './registration-problem.ts'
import { checkRedirectUri } from './uri-rules.ts'
import type { GatewayPlace } from './uri-rules.ts'
import { LONGEST_WIDGET_TOKEN_SECONDS, widgetScopes } from './widget.ts'
import type { Widget } from './widget.ts'

/** What an operator asks for. What is left out has its default. */
export type WidgetRegistration = {
  readonly [Member in keyof Omit<Widget, 'roles'>]?: Widget[Member] | undefined
} & { readonly roles?: Readonly<Record<string, string>> | undefined }

const SHORTEST_LIFETIME_SECONDS = 60
const LONGEST_ACCEPTED_SECONDS = 3600
const MOST_ELEMENTS = 50

/** Ids at widget makers are long and opaque, some of them JWTs themselves. */
const VISIBLE = /^[\x21-\x7e]{1,1024}$/

/** The widget with its defaults. What is wrong with it is added to `problems`; it then must not be used. */
export function judgeWidget(
  registration: WidgetRegistration,
  place: GatewayPlace,
  problems: RegistrationProblem[],
): Widget {
  const report = (member: keyof Widget, detail: string, element?: number | string) => {
    const rest = element === undefined ? '' : `/${element}`
    problems.push({ pointer: `/widget/${wireName(member)}${rest}`, detail })
  }
  const widget = {
    clientId: registration.clientId,
    audience: registration.audience,
    tokenLifetimeSeconds: registration.tokenLifetimeSeconds ?? LONGEST_WIDGET_TOKEN_SECONDS,
    acceptedLifetimeSeconds: registration.acceptedLifetimeSeconds ?? LONGEST_WIDGET_TOKEN_SECONDS,
    allowedOrigins: [...new Set(registration.allowedOrigins)],
    roles: (registration.roles ?? {}) as Widget['roles'],
  }
  for (const member of ['clientId', 'audience'] as const) {
    const value = widget[member]
    if (value !== undefined && !VISIBLE.test(value)) {
      report(member, 'is not 1 to 1024 visible ASCII characters')
    }
  }
  for (const [member, longest] of [
    ['tokenLifetimeSeconds', LONGEST_WIDGET_TOKEN_SECONDS],
    ['acceptedLifetimeSeconds', LONGEST_ACCEPTED_SECONDS],
  ] as const) {
    const seconds = widget[member]
    if (
      !Number.isSafeInteger(seconds) ||
      seconds < SHORTEST_LIFETIME_SECONDS ||
      seconds > longest
    ) {
      report(member, `is not ${SHORTEST_LIFETIME_SECONDS} to ${longest} seconds`)
    }
  }
  if (widget.acceptedLifetimeSeconds < widget.tokenLifetimeSeconds) {
    report('acceptedLifetimeSeconds', 'is less than token_lifetime_seconds')
  }
  const roles = Object.entries(widget.roles)
  if (widget.allowedOrigins.length > MOST_ELEMENTS) {
    report('allowedOrigins', `has more than ${MOST_ELEMENTS} elements`)
  }
  if (roles.length > MOST_ELEMENTS) report('roles', `has more than ${MOST_ELEMENTS} members`)
  widget.allowedOrigins.forEach((origin, i) => {
    const detail = checkPageOrigin(origin, place)
    if (detail !== undefined) report('allowedOrigins', detail, i)
  })
  for (const [role, scope] of roles) {
    // RFC 6901 §3.
    const element = role.replaceAll('~', '~0').replaceAll('/', '~1')
    if (!isRole(role))
      report('roles', 'is not a role: 1 to 64 letters, digits and . _ : / -', element)
    else if (!widgetScopes.includes(scope)) {
      report('roles', `is none of ${widgetScopes.join(', ')}`, element)
    }
  }
  return widget
}

/** The pages that a widget is on: https, or on this very machine where the gateway is too. */
function checkPageOrigin(origin: string, place: GatewayPlace): string | undefined {
  const problem = checkRedirectUri(origin, 'web', place)
  if (problem !== undefined) return problem
  const url = new URL(origin)
  if (url.origin !== origin) return 'is not an origin: it has a path, or a slash at its end'
  const isLeftover = place.issuer.startsWith('https:') && hostKind(url.hostname) === 'loopback'
  return isLeftover ? 'is a loopback host, but the gateway is not on one' : undefined
}

/** What stands in templates and examples: whoever has read those could make tokens. */
const TEMPLATE_WORDS = /change.?me|place.?holder|replace.?me|your.?256|a-string-secret/i

/**
 * What is wrong with a secret that is brought along, or undefined. RFC 7518 §3.2: HS256 needs 256 bits. Makers
 * of widgets have handed out secrets of 24 characters: those are refused here, on purpose.
 */
export function checkWidgetSecret(secret: string): string | undefined {
  if (!/^[\x21-\x7e]{32,512}$/.test(secret)) {
    return 'is not 32 to 512 visible ASCII characters; HS256 needs 256 bits'
  }
  const isRepetition = `${secret}${secret}`.indexOf(secret, 1) < secret.length
  return isRepetition || new Set(secret).size < 10 || TEMPLATE_WORDS.test(secret)
    ? 'is not random; make one with "openssl rand -base64 32"'
    : undefined
}
