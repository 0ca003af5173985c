import { isApplicationId, isTakenName } from './application-id.ts'
import type { RegistrationProblem } from './registration-problem.ts'
import type { Registration } from './registration.ts'
import { checkWidgetSecret } from './widget-rules.ts'
/** An application that moves here from another provider keeps the credentials that it has there. */
export interface BroughtCredentials {
  readonly clientId?: string | undefined
  readonly clientSecret?: string | undefined
  readonly widgetSecret?: string | undefined
}

/** What is wrong with what an operator brings along: names that are ours, secrets that are too weak for a plain hash. */
export function judgeCredentials(
  { clientId, clientSecret, widgetSecret }: BroughtCredentials,
  { oauth, widget }: Registration,
): readonly RegistrationProblem[] {
  const problems: RegistrationProblem[] = []
  const weakness = widgetSecret === undefined ? undefined : checkWidgetSecret(widgetSecret)
  if (weakness !== undefined) problems.push({ pointer: '/widget/secret', detail: weakness })
  else if (widgetSecret !== undefined && widget === undefined) {
    problems.push({ pointer: '/widget/secret', detail: 'is not used by this application' })
  }
  if (clientId !== undefined && !isApplicationId(clientId)) {
    problems.push({ pointer: '/client_id', detail: 'is not 1 to 128 of A-Z a-z 0-9 . _ ~ -' })
  }
  if (clientId !== undefined && isTakenName(clientId)) {
    problems.push({ pointer: '/client_id', detail: 'is of the shape of a name of ours' })
  }
  if (clientSecret === undefined) return problems
  const report = (detail: string) => problems.push({ pointer: '/client_secret', detail })
  const method = oauth?.tokenEndpointAuthMethod ?? 'client_secret_basic'
  if (oauth === undefined || !method.startsWith('client_secret_')) {
    report('is not used by this application')
  } else if (!/^[\x21-\x7e]{32,256}$/.test(clientSecret) || new Set(clientSecret).size < 10) {
    report('is not 32 to 256 visible ASCII characters, 10 different ones among them')
  }
  return problems
}
