import type { Config } from '../config.ts'
import type { AuthenticationRequest } from '../core/identity-providers/identity-provider.ts'
import { writeAuthenticationParameters } from './authentication-parameters.ts'
import { withoutOwnOrigin } from './return-to.ts'
import type { SignInTarget } from './sign-in-target.ts'

/** The own path that starts a sign-in. `returnTo` has been through `parseReturnTo`. */
export function startHref(
  config: Config,
  target: {
    readonly providerId: string
    readonly returnTo: string
    readonly request?: AuthenticationRequest
    readonly isRestart?: boolean
    /** An application's request, handed on as it came; it says all the rest. */
    readonly asked?: SignInTarget['asked']
  },
): string {
  const path = `/auth/sso/login/${encodeURIComponent(target.providerId)}`
  if (target.asked !== undefined) return `${path}?asked=${target.asked.sealed}`
  const query = new URLSearchParams({ return_to: withoutOwnOrigin(target.returnTo, config) })
  writeAuthenticationParameters(target.request ?? {}, query)
  if (target.isRestart === true) query.set('restarted', '1')
  return `${path}?${query.toString()}`
}

/** To try again what did not work: as asked, except that a silent try that failed may now show something. */
export const retryHref = (
  config: Config,
  { request, ...target }: { providerId: string } & SignInTarget,
): string => {
  const { prompt, ...rest } = request
  return startHref(config, {
    ...target,
    request: prompt === undefined || prompt === 'none' ? rest : request,
  })
}
