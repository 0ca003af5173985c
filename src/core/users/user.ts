import type { IdentityProviderConfig } from '../../config.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'
import type { SessionId, UserId } from '../sessions/session.ts'
import type { ProfileClaims, UntrustedClaims } from './profile-claims.ts'
import type { ProfileDetails } from './profile-details.ts'
import type { SiteUser } from './site-user.ts'

export type UserStatus = 'active' | 'disabled'

/** Our record of a person, in the directory. */
export interface User {
  readonly id: UserId
  readonly status: UserStatus
  readonly name: string | undefined
  readonly email: string | undefined
  readonly emailVerified: boolean
  readonly picture: string | undefined
  /** What else is said of the person. */
  readonly details: ProfileDetails
  /** When any of what is said of the person changed last. */
  readonly profileUpdatedAt: EpochSeconds | undefined
  readonly createdAt: EpochSeconds
}

/** Whoever says who a person is: an identity provider, or a host that hands them over to us. */
export type Voucher = Pick<
  IdentityProviderConfig,
  'id' | 'linkByVerifiedEmail' | 'authoritativeEmailDomains' | 'allowedEmailDomains'
>

/** What a verified ID token, or a host's verified answer, says of who signed in, and whoever says it. */
export interface SignInIdentity {
  readonly provider: Voucher
  readonly issuer: string
  readonly subject: string
  readonly claims: UntrustedClaims
  /** Where the provider names its session: the index of them says whose it is before ours is usable. */
  readonly upstreamSession?: UpstreamSession | undefined
  readonly now: EpochSeconds
}

/** A session there, and ours that is about to open from it. */
export interface UpstreamSession {
  readonly upstreamSid: string
  readonly sid: SessionId
  /** When ours is over at the latest. */
  readonly expiresAt: EpochSeconds
}

export type SignInRefusal =
  | 'account_disabled'
  | 'link_conflict' // the address is another account's, and the conditions for linking do not hold
  | 'email_domain_not_allowed'
  | 'unavailable'

export interface Users {
  /**
   * The user behind an identity: found by (issuer, subject), else linked by verified e-mail where the
   * provider is trusted for it, else created. The profile is kept in step. Two first sign-ins of one
   * identity at the same moment make one user. Their upstream session is indexed in the same transaction: a
   * logout token with only a `sid` finds the user by it. `isLinked`: by this sign-in.
   */
  signIn(
    identity: SignInIdentity,
  ): Promise<Result<{ user: User; isNew: boolean; isLinked: boolean }, SignInRefusal>>
  /**
   * As `signIn`, but an identity that nobody has becomes this user's. `link_conflict` where it is somebody
   * else's, or the user has another one of that provider; `unknown_user` where the company has removed them, or is
   * about to.
   */
  attach(
    identity: Omit<SignInIdentity, 'upstreamSession'>,
    user: Pick<SiteUser, 'userId' | 'userToken'>,
  ): Promise<Result<{ user: User }, SignInRefusal | 'unknown_user'>>
  find(id: string): Promise<User | undefined>
  /**
   * Somebody whom no provider knows, with a credential of ours, in one transaction: `credential` makes the
   * statement that adds it (local-credentials.ts).
   */
  create(
    input: {
      readonly profile: ProfileClaims
      readonly credential: (id: UserId) => D1PreparedStatement
    },
    now: EpochSeconds,
  ): Promise<Result<UserId, 'username_taken' | 'email_taken'>>
  /** Rows of upstream sessions that are over, whether anybody signs in or not. */
  forgetUpstreamSessions(now: EpochSeconds): Promise<void>
  /**
   * From here on no sign-in gets through; in the same statement it is noted that the user's object is still
   * to be told. False when there is no such user.
   */
  disable(id: UserId, now: EpochSeconds): Promise<boolean>
  /** The user's object knows. False when somebody has enabled the user meanwhile. */
  confirmDisabled(id: UserId): Promise<boolean>
  /** False when a disabling has come in between, whose object is still to be told. */
  enable(id: UserId, now: EpochSeconds): Promise<boolean>
  /** Removes a user whose object has forgotten them, with every row that tells of them. False where there is none. */
  erase(id: UserId): Promise<boolean>
  /**
   * Whom a provider means: the holder of the identity (issuer, subject), or, where it names no subject, the
   * users who have sessions from that upstream session. Most often one; none is no failure.
   */
  findSignedOut(logout: {
    readonly issuer: string
    readonly subject: string | undefined
    readonly upstreamSid: string | undefined
    readonly now: EpochSeconds
  }): Promise<Result<readonly UserId[], 'unavailable'>>
}
