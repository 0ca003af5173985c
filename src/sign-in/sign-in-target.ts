import type { AuthenticationRequest } from '../core/identity-providers/identity-provider.ts'
import { parseReturnTo } from './return-to.ts'
import type { Asker } from './sign-in-attempt.ts'
import type { SignInParts } from './sign-in-parts.ts'

/** What a sign-in is for: where the person goes afterwards, and what the provider is asked. */
export interface SignInTarget {
  /** Absolute, by `parseReturnTo`. */
  readonly returnTo: string
  readonly request: AuthenticationRequest
  /** An application's request, that the sign-in pages hand on as it came. */
  readonly asked?:
    | {
        readonly sealed: string
        readonly asker: Asker
        /** Whether the session that is there may do. */
        readonly mayContinue: boolean
      }
    | undefined
}

/** Reads `asked`, or else `return_to`. A request that is too old leaves a plain sign-in. */
export async function readTarget(
  { config, clock, askedSignIns }: Pick<SignInParts, 'config' | 'clock' | 'askedSignIns'>,
  query: {
    readonly asked: string | undefined
    readonly return_to: string | undefined
  },
): Promise<SignInTarget> {
  const asked = await askedSignIns.unseal(query.asked, clock())
  if (asked === undefined || query.asked === undefined) {
    return { returnTo: parseReturnTo(query.return_to, config), request: {} }
  }
  const { request, returnTo, asker, mayContinue } = asked
  return {
    returnTo: parseReturnTo(returnTo, config),
    request,
    asked: { sealed: query.asked, asker, mayContinue },
  }
}
