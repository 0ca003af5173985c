// Contract; to be implemented by its owner.
import type { IdentityProviderConfig } from '../../config.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'

export type UserStatus = 'active' | 'disabled'

/** Our record of a person, in the directory. */
export interface User {
  readonly id: string
  readonly status: UserStatus
  readonly name: string | undefined
  readonly email: string | undefined
  readonly emailVerified: boolean
  readonly picture: string | undefined
  readonly createdAt: EpochSeconds
}

export type SignInRefusal = 'account_disabled' | 'link_conflict' | 'email_domain_not_allowed' | 'unavailable'

export interface Users {
  /**
   * The user behind an identity: found by (issuer, subject), else linked by verified e-mail where the
   * provider is trusted for it, else created. The profile is kept in step. Two first sign-ins of one
   * identity at the same moment make one user.
   */
  signIn(input: {
    readonly provider: IdentityProviderConfig
    readonly issuer: string
    readonly subject: string
    readonly claims: { readonly name?: unknown; readonly email?: unknown; readonly email_verified?: unknown; readonly picture?: unknown; readonly preferred_username?: unknown }
    readonly now: EpochSeconds
  }): Promise<Result<{ user: User; isNew: boolean }, SignInRefusal>>
  find(id: string): Promise<User | undefined>
  /** Written before the session becomes usable; a logout token with only a `sid` finds the user here. */
  indexUpstreamSession(input: { issuer: string; upstreamSid: string; userId: string; sid: string; expiresAt: EpochSeconds }): Promise<void>
}
