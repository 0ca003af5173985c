/** What an application is to be in service hand-off, as an operator asks for it; everything wrong is named at once. */
import { wireName } from '../../protocol/wire-names.ts'
import type { HandoffService } from './application.ts'
import { isApplicationId } from './application-id.ts'
import { isScopeToken } from './grant-rules.ts'
import type { RegistrationProblem } from './registration-problem.ts'
import { checkNotified, checkRedirectUri } from './uri-rules.ts'
import type { GatewayPlace } from './uri-rules.ts'

/** What is left out has its default. */
export type HandoffRegistration = {
  readonly [Member in keyof HandoffService]?: HandoffService[Member] | undefined
}

/** What a login URL is written with: one that has it already would be read two ways. */
const TICKET_PARAMETERS = ['token', 'state']

const DEFAULT_SCOPE = ['openid', 'profile', 'email']
const MOST_ELEMENTS = 50

/** The capability with its defaults; what is wrong with it is added to `problems`. */
export function judgeHandoff(
  wanted: HandoffRegistration,
  place: GatewayPlace,
  problems: RegistrationProblem[],
): HandoffService {
  const handoff: HandoffService = {
    loginUrl: wanted.loginUrl,
    logoutUrl: wanted.logoutUrl,
    scope: [...new Set(wanted.scope ?? DEFAULT_SCOPE)],
    refreshToken: wanted.refreshToken ?? false,
    mayHandOverTo: [...new Set(wanted.mayHandOverTo)],
    identityProviders: [...new Set(wanted.identityProviders)],
  }
  const report = (
    member: Exclude<keyof HandoffService, 'refreshToken'>,
    detail: string | undefined,
    index?: number,
  ) => {
    if (detail === undefined) return
    const element = index === undefined ? '' : `/${index}`
    problems.push({ pointer: `/handoff/${wireName(member)}${element}`, detail })
  }

  const { loginUrl, logoutUrl } = handoff
  if (loginUrl !== undefined) report('loginUrl', checkLoginUrl(loginUrl, place))
  if (logoutUrl !== undefined) {
    report('logoutUrl', checkNotified(logoutUrl, place))
    if (loginUrl === undefined) report('logoutUrl', 'needs a login_url')
  }
  handoff.scope.forEach((token, i) => {
    if (!isScopeToken(token)) report('scope', `${JSON.stringify(token)} is not a scope`, i)
  })
  handoff.mayHandOverTo.forEach((id, i) => {
    if (!isApplicationId(id)) report('mayHandOverTo', "is not an application's id", i)
  })
  handoff.identityProviders.forEach((id, i) => {
    const isId = /^[a-z][a-z0-9-]{0,31}$/.test(id)
    if (!isId) report('identityProviders', "is not an identity provider's id", i)
  })
  for (const member of ['scope', 'mayHandOverTo', 'identityProviders'] as const) {
    if (handoff[member].length > MOST_ELEMENTS)
      report(member, `has more than ${MOST_ELEMENTS} elements`)
  }
  return handoff
}

function checkLoginUrl(uri: string, place: GatewayPlace): string | undefined {
  const detail = checkRedirectUri(uri, 'web', place)
  if (detail !== undefined) return detail
  const url = new URL(uri)
  if (url.origin === new URL(place.issuer).origin) return "is on the gateway's own origin"
  const taken = [...url.searchParams.keys()].find((name) => TICKET_PARAMETERS.includes(name))
  return taken === undefined
    ? undefined
    : `has the parameter ${taken}, which tickets are brought with`
}
