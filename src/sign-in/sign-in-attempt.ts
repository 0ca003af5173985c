/**
 * One sign-in under way. It is stored nowhere: the browser that began it keeps it in a sealed cookie
 * (attempt-cookies.ts), which is what binds the provider's answer to this browser.
 */
import type { AskedSignIn } from '../core/identity-providers/asked-sign-in.ts'
import type { AttemptSecrets } from '../core/identity-providers/attempt-secrets.ts'
import type { AuthenticationRequest } from '../core/identity-providers/identity-provider.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { sha256Base64url } from '../platform/digest.ts'
import { randomToken } from '../platform/random.ts'
import { newAttemptId } from './attempt-reference.ts'
import type { AttemptStates } from './attempt-state.ts'

/** Who asks for a sign-in, where it is not the person alone. */
export type Asker = AskedSignIn['asker']

export const ATTEMPT_LIFETIME_SECONDS = 600

export interface SignInAttempt {
  readonly id: string
  /** SHA-256 of the `state` that this attempt sent: there is one for each id, and it is compared whole. */
  readonly stateHash: string
  readonly nonce: string
  /** RFC 7636 §4.1: 43 characters, 256 random bits. */
  readonly codeVerifier: string
  readonly providerId: string
  /** An own path or an absolute URL; judged anew when it is used. */
  readonly returnTo: string
  readonly request: AuthenticationRequest
  /** Whose request it is, where an application sent the person. */
  readonly asker?: Asker
  readonly createdAt: EpochSeconds
  /** The same moment, for what happens within one second. Absent from attempts of an earlier release. */
  readonly beganAtMilliseconds?: number
}

/** Makes the secrets of a new attempt. Nothing is stored and nothing is sent yet. */
export async function beginAttempt(
  states: AttemptStates,
  input: {
    readonly providerId: string
    readonly returnTo: string
    readonly request: AuthenticationRequest
    readonly asker?: Asker | undefined
    readonly isRestart: boolean
    readonly browserId: string
    readonly continent: string | undefined
    readonly now: EpochSeconds
    readonly nowMilliseconds: number
  },
): Promise<{ attempt: SignInAttempt; secrets: AttemptSecrets }> {
  const { providerId, returnTo, request, asker, isRestart, browserId, now } = input
  const id = newAttemptId(input.continent)
  const state = await states.seal({
    attemptId: id,
    browserId,
    issuedAt: now,
    isRestart,
    returnTo,
    request,
  })
  const attempt = {
    id,
    stateHash: await sha256Base64url(state),
    nonce: randomToken(),
    codeVerifier: randomToken(),
    providerId,
    returnTo,
    request,
    ...(asker !== undefined && { asker }),
    createdAt: now,
    beganAtMilliseconds: input.nowMilliseconds,
  }
  return { attempt, secrets: secretsOf(attempt, state) }
}

export const secretsOf = (
  { nonce, codeVerifier }: SignInAttempt,
  state: string,
): AttemptSecrets => ({
  state,
  nonce,
  codeVerifier,
})

/** When it began; of an attempt that does not say, the earliest that it can have been. */
export const beganAtMilliseconds = (attempt: SignInAttempt): number =>
  attempt.beganAtMilliseconds ?? attempt.createdAt * 1000

export const expiryOf = ({ createdAt }: { readonly createdAt: EpochSeconds }): EpochSeconds =>
  createdAt + ATTEMPT_LIFETIME_SECONDS
