import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'
import type { SigningKeyAlgorithm } from './signing-key.ts'

/**
 * JWTs that applications get from us beside access tokens: ID tokens (`typ: JWT`) and logout tokens
 * (`typ: logout+jwt`, Back-Channel Logout 1.0 §2.4), signed with the algorithm of the application's registration.
 */
export interface SignedClaims {
  sign(input: {
    readonly type: 'JWT' | 'logout+jwt'
    readonly alg: SigningKeyAlgorithm
    readonly claims: Readonly<Record<string, unknown>>
    readonly now: EpochSeconds
  }): Promise<Result<string, 'unavailable'>>
  /**
   * The claims of an ID token that we issued, by its signature and `typ` alone: for `id_token_hint`, which may have
   * expired (RP-Initiated Logout 1.0 §2). Our other tokens, and everybody else's, are `not_ours`.
   */
  readIdToken(
    token: string,
    now: EpochSeconds,
  ): Promise<Result<Readonly<Record<string, unknown>>, 'not_ours' | 'unavailable'>>
}
