/** People as the sites of one company know them: what is kept of them, and what can be asked. */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'
import type { UserId } from '../sessions/session.ts'
import type { ProfileClaims } from './profile-claims.ts'

/** A user under the token that the sites of one company have for them; another company has another one. */
export interface SiteUser {
  /** A UUID. Names the user to sites, and gives nothing by itself. */
  readonly userToken: string
  readonly company: string
  readonly userId: UserId
  readonly externalId: string
  readonly login: string | undefined
  readonly hasPassword: boolean
  readonly loginCount: number
  readonly lastLoginAt: EpochSeconds | undefined
  readonly createdAt: EpochSeconds
  readonly updatedAt: EpochSeconds
}

/** One identity of such a user, with what is told of it. */
export interface SiteIdentity {
  readonly identityToken: string
  readonly userToken: string
  readonly company: string
  /** `storage` for what sites have pushed, else the identity provider's id. */
  readonly providerId: string
  readonly issuer: string
  readonly subject: string
  readonly content: IdentityContent
  readonly version: number
  readonly createdAt: EpochSeconds
  readonly updatedAt: EpochSeconds
}

/** What is told of an identity, in OneAll's names; judged by whoever writes it. */
export type IdentityContent = Readonly<Record<string, unknown>>

export interface KnownUser {
  readonly user: SiteUser
  readonly identities: readonly SiteIdentity[]
}

/** An identity in a list: that it is there, without what is told of it. */
export type ListedSiteIdentity = Pick<SiteIdentity, 'identityToken' | 'userToken' | 'providerId'>

/** A user in a list. */
export interface ListedSiteUser {
  readonly user: SiteUser
  readonly identities: readonly ListedSiteIdentity[]
}

/** A person who has come by an identity provider. */
export interface ConnectedPerson {
  readonly user: SiteUser
  readonly identity: SiteIdentity
  readonly isNew: boolean
}

/** At least one; all that are given must be true of the user. */
export interface UserCriteria {
  readonly userToken?: string | undefined
  readonly externalId?: string | undefined
  readonly login?: string | undefined
  readonly userId?: string | undefined
}

/** What a site pushes of the account itself. */
export interface PushedAccount {
  readonly externalId?: string | undefined
  /** `null` removes it. */
  readonly login?: string | null | undefined
  readonly password?: string | undefined
}

/** How an identity's content is made from the one before, and what the directory is to hold of it. */
export interface ContentChange {
  /** Undefined where that would be more than is kept. */
  readonly merge: (before: IdentityContent) => IdentityContent | undefined
  readonly profileOf: (content: IdentityContent) => ProfileClaims
}

/** A page of a list, and how many there are in all. */
export interface Listed<Entry> {
  readonly entries: readonly Entry[]
  readonly total: number
}

export interface PageOf {
  readonly limit: number
  readonly offset: number
  readonly isDescending: boolean
}

/** Seconds, exclusive bounds. */
export interface UserFilter {
  readonly createdAfter?: number | undefined
  readonly createdBefore?: number | undefined
  readonly loginAfter?: number | undefined
  readonly loginBefore?: number | undefined
}

/** Whoever is named here belongs to `company`; somebody else's user is as unknown as nobody. Throws where the directory does not answer. */
export interface SiteUsers {
  /**
   * A new user with a storage identity. `taken`: the external id or login is another user's. `too_large`: there is more
   * of the identity than is kept.
   */
  create(
    company: string,
    pushed: PushedAccount & { readonly change: ContentChange },
    now: EpochSeconds,
  ): Promise<Result<KnownUser, 'taken' | 'too_large'>>
  /** Changes what is given. `isIdentityNew`: the user had no storage identity before. */
  update(
    company: string,
    userToken: string,
    pushed: PushedAccount & { readonly change: ContentChange | undefined },
    now: EpochSeconds,
  ): Promise<
    Result<
      KnownUser & { readonly isIdentityNew: boolean },
      'unknown_user' | 'taken' | 'too_large' | 'changed_meanwhile'
    >
  >
  find(company: string, criteria: UserCriteria): Promise<SiteUser | undefined>
  /** A person, as each company knows them. */
  ofAllCompanies(userId: UserId): Promise<readonly KnownUser[]>
  identitiesOf(user: SiteUser): Promise<readonly SiteIdentity[]>
  findIdentity(company: string, identityToken: string): Promise<SiteIdentity | undefined>
  /** `throttled`: too many wrong ones in a row; `retry_after_seconds` among the facts. `user_disabled`: it is right. */
  checkPassword(
    user: SiteUser,
    password: string,
    now: EpochSeconds,
  ): Promise<Result<undefined, 'wrong_password' | 'throttled' | 'user_disabled'>>
  noteLogin(user: SiteUser, now: EpochSeconds): Promise<void>
  list(company: string, page: PageOf, filter: UserFilter): Promise<Listed<ListedSiteUser>>
  listIdentities(company: string, page: PageOf): Promise<Listed<ListedSiteIdentity>>
  /**
   * The user and identity of a person who signed in with a provider; made on their first way to the company.
   * Undefined while that user is being removed, or where the identity is another user's by now. `isNew`: the
   * company did not know the identity.
   */
  connect(
    company: string,
    person: {
      readonly userId: UserId
      readonly issuer: string
      readonly subject: string
      readonly providerId: string
      readonly content: IdentityContent
      /** The company's user that they are, where it has to be that one. */
      readonly userToken?: string
    },
    now: EpochSeconds,
  ): Promise<ConnectedPerson | undefined>
  /** The identity of this (issuer, subject), as the company knows it. */
  findByIdentity(
    company: string,
    issuer: string,
    subject: string,
  ): Promise<SiteIdentity | undefined>
  /**
   * Whether an identity may become another user's. `not_theirs`: one of the two people is known to other companies
   * as well, who are not to be moved by this one, or is disabled; or the user has a storage identity already.
   */
  checkLink(identity: SiteIdentity, user: SiteUser): Promise<Result<undefined, 'not_theirs'>>
  /** Makes an identity another user's, in the directory too. */
  link(
    identity: SiteIdentity,
    user: SiteUser,
    now: EpochSeconds,
  ): Promise<Result<undefined, 'not_theirs'>>
  removeIdentity(identity: SiteIdentity): Promise<void>
  /** Nobody finds the user any more, except by `findLeaving`, for who has to finish the removal. */
  leave(user: SiteUser): Promise<void>
  findLeaving(company: string, userToken: string): Promise<SiteUser | undefined>
  /** Users of all companies whose removal is under way, or has broken off. */
  listLeaving(limit: number): Promise<readonly SiteUser[]>
  /** Whether another company knows this person too. */
  isOfOthers(user: SiteUser): Promise<boolean>
  /** Whether there is more to this person than what this company's sites have pushed. */
  isKnownElsewhere(user: SiteUser): Promise<boolean>
  /** Removes a user who has left, with all that was pushed of them. */
  remove(user: SiteUser): Promise<void>
}
