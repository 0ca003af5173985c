import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'
import type { LiveSession, SessionId, UserId } from './session.ts'

/**
 * A grant is anything minted from a session that can later be taken for access. One table in the user's
 * object, one way to mint (only under a live session, in its epoch), one way to take (once, in the transaction
 * of its effect); all of a session's grants die with it.
 */
export type GrantKind =
  | 'authorization_code'
  | 'refresh_token'
  | 'device_code'
  | 'handoff_ticket'
  | 'connection_token'

/**
 * What whoever takes a grant must present again. A wrong application or redirect URI consumes nothing, so
 * that the rightful one can still take it; a wrong PKCE verifier or DPoP key kills an authorization code.
 */
export interface GrantBinding {
  readonly applicationId: string
  readonly redirectUri?: string
  /** RFC 7636 S256 challenge; the presenter's is computed from the verifier. */
  readonly codeChallenge?: string
  /** RFC 7638 thumbprint of the DPoP key. */
  readonly jkt?: string
}

/** What the grant gives. The object keeps it as it is, and never looks into it. */
export interface GrantContent {
  readonly scope: readonly string[]
  readonly nonce?: string
  /** The `claims` parameter (OpenID Connect Core 1.0 §5.5), as checked. */
  readonly claims?: unknown
  /** RFC 8707 audience; UserInfo when undefined. */
  readonly resource?: string
  /** Whether an ID token goes with the tokens. */
  readonly isOpenId: boolean
  /** As the request spelled it, for the answer's `scope` where an adapter has rewritten it. */
  readonly requestedScope?: string
}

/**
 * How a participant is told that a session is over: by a logout token, as a service that a person was handed over
 * to, or as the host that has handed the person over to us (which is then no application, but a configured host).
 */
export type ParticipantProtocol = 'openid' | 'handoff' | 'handoff_host'

/** An application that took part in a session, and so must hear when it ends. */
export interface Participation {
  readonly applicationId: string
  /** The user's `sub` as this application knows it. */
  readonly subject: string
  /** The `sid` as this application knows it. */
  readonly clientSid: string
  /** `openid` when left out. An application may take part by each of them. */
  readonly protocol?: ParticipantProtocol
}

/** What a taker wants of the content; never more than it has. */
export interface AskedContent {
  /** All of it when undefined. */
  readonly scope: readonly string[] | undefined
  /** What the application is registered for now: some of the scope has to be left. */
  readonly scopes: readonly string[]
  /** The grant's own when undefined. */
  readonly resource: string | undefined
  /** The APIs that the application may have tokens for now. */
  readonly resources: readonly string[]
  /** Whether it may name one where the grant names none: where nobody has to have agreed to that. */
  readonly mayNameResource: boolean
}

export interface NewGrant {
  readonly kind: GrantKind
  readonly binding: GrantBinding
  readonly content: GrantContent
  /** Never later than the session's absolute deadline, whatever is asked for. */
  readonly lifetimeSeconds: number
  /** When the application's registration was read: it counts as given then, for a cut-off of the application. */
  readonly asOf?: EpochSeconds
  /** What it rests on; undefined for an application that needs no consent. */
  readonly needsConsent?: NeededConsent | undefined
}

/**
 * What a person has to have agreed to at the moment of the minting: whoever reads a consent and then mints
 * would not notice that it was withdrawn in between.
 */
export type NeededConsent = Pick<Consent, 'scope' | 'claims' | 'resources'>

export interface TakenGrant {
  /**
   * What hangs together: a code, the refresh tokens that follow from it, and all of their access tokens (claim
   * `gid`): 32 lower-case hexadecimal digits.
   */
  readonly family: string
  readonly binding: GrantBinding
  readonly content: GrantContent
  readonly session: LiveSession
  /** The refresh token, where one was asked for. */
  readonly refreshToken?: string
}

export type PeekedGrant = Pick<TakenGrant, 'family' | 'binding' | 'content' | 'session'> & {
  readonly isSpent: boolean
}

export type GrantRefusal =
  | 'malformed' // not the shape of a handle of this kind, or not made by us: no object was asked
  | 'unknown' // no such grant (any more), or a wrong secret: nothing has changed
  | 'not_bound' // presented by another application, or with another redirect URI: nothing has changed
  | 'wrong_proof' // wrong or missing PKCE verifier, or DPoP key; a code is dead now
  | 'expired'
  | 'not_granted' // asked for more than it gives: nothing has changed
  | 'reused' // taken before: the whole family has been revoked by now
  | 'no_session' // the session or its epoch is over
  | 'unavailable'

/** What the session that was asked for is, and what came of the grant that was to be minted under it. */
export interface MintedBehind {
  readonly session: LiveSession
  readonly minted: Result<
    { readonly handle: string; readonly family: string },
    'no_session' | 'no_consent'
  >
}

export interface Grants {
  /** Mints a grant. `family` joins it to a family; without one it begins a new one. */
  mint(input: {
    readonly userId: UserId
    readonly sid: SessionId
    readonly grant: NewGrant
    readonly family?: string
    readonly participation?: Participation
    readonly now: EpochSeconds
  }): Promise<
    Result<
      { readonly handle: string; readonly family: string },
      'no_session' | 'no_consent' | 'unavailable'
    >
  >
  /**
   * The live session behind a session cookie, and a grant under it if nothing stands against one, in one
   * transaction. `isUse`: it is the person's own doing, and moves the session's idle deadline.
   */
  mintBehind(input: {
    readonly cookie: string | undefined
    readonly isUse: boolean
    readonly grant: NewGrant
    readonly now: EpochSeconds
  }): Promise<Result<MintedBehind, 'no_session' | 'unavailable'>>
  /**
   * What a grant would give to whom, without taking it: who is to be asked for which proof. No object write.
   * `isSpent`: it was taken before, and gives nothing. Nothing has come of that yet: whoever wanted to take it
   * goes on and does, so that its family is revoked.
   */
  peek(
    kind: GrantKind,
    handle: string,
    now: EpochSeconds,
  ): Promise<
    Result<
      PeekedGrant,
      Exclude<GrantRefusal, 'reused' | 'not_bound' | 'wrong_proof' | 'not_granted'>
    >
  >
  /**
   * Takes a code, a device code or a ticket, once, however many ask. In the same transaction the participation is
   * noted and, if asked for, the first refresh token of the family is minted. Taking it again revokes the family
   * (C14), but for a ticket: a browser that reloads the page it was brought to takes nothing from anybody.
   */
  take(input: {
    readonly kind: Exclude<GrantKind, 'refresh_token'>
    readonly handle: string
    readonly presented: GrantBinding
    /** How the application knows the grant's session; left out where it takes part only when it says so. */
    readonly participation?: Participation
    /** Mints a refresh token with it: its lifetime, and whether it is bound to `presented.jkt`. */
    readonly refresh?: { readonly lifetimeSeconds: number; readonly isKeyBound: boolean }
    readonly now: EpochSeconds
  }): Promise<Result<TakenGrant, GrantRefusal>>
  /**
   * Rotates a refresh token (C15): one successor per token, ever. The same token again within 10 s gives the
   * *same* successor; later it revokes the family. A use of the session: its idle deadline moves on. Where more
   * is asked for than was granted, nothing has changed.
   */
  rotate(input: {
    readonly handle: string
    readonly presented: Pick<GrantBinding, 'applicationId' | 'jkt'>
    readonly asked?: AskedContent
    readonly lifetimeSeconds: number
    readonly now: EpochSeconds
  }): Promise<Result<TakenGrant & { readonly refreshToken: string }, GrantRefusal>>
  /**
   * Revokes the family of a refresh token or code, with every access token of it; `other_application` leaves
   * everything as it is.
   */
  revoke(input: {
    readonly kind: GrantKind
    readonly handle: string
    readonly applicationId: string
    readonly now: EpochSeconds
  }): Promise<Result<undefined, 'unknown' | 'other_application' | 'unavailable'>>
  /** Revokes one access token (its `jti`) or a family (its `gid`): at once at `strict`, within the bound elsewhere. */
  revokeTokens(input: {
    readonly userId: UserId
    readonly id: string
    readonly now: EpochSeconds
  }): Promise<Result<undefined, 'unavailable'>>
  /**
   * Notes that an application takes part in a live session (implicit answers mint no grant). `family` is for
   * the access tokens that it gets without one: they end with it when the application is disconnected.
   */
  participate(input: {
    readonly userId: UserId
    readonly sid: SessionId
    readonly participation: Participation
    /** For the list of connections. */
    readonly scope?: readonly string[]
    readonly needsConsent?: NeededConsent | undefined
    readonly now: EpochSeconds
  }): Promise<Result<{ readonly family: string }, 'no_session' | 'no_consent' | 'unavailable'>>
  /** The services that a person was handed over to, and is signed in to. */
  handoffs(userId: UserId, now: EpochSeconds): Promise<Result<readonly Handoff[], 'unavailable'>>
}

/** A service that has acknowledged a hand-off, and has not been told yet that it is over. */
export interface Handoff {
  readonly applicationId: string
  /** Of the last time that the person went there. */
  readonly lastAt: EpochSeconds
  readonly sids: readonly SessionId[]
}

/** What a person has agreed that an application may see. */
export interface Consent {
  readonly applicationId: string
  readonly scope: readonly string[]
  /** Names of claims that were asked for one by one. */
  readonly claims: readonly string[]
  /** The APIs that it may have tokens for (RFC 8707). */
  readonly resources: readonly string[]
  readonly givenAt: EpochSeconds
}

/** An application that is connected to a user: by consent, or by taking part in a live session. */
export interface Connection {
  readonly applicationId: string
  readonly consent: Consent | undefined
  readonly scope: readonly string[]
  /** When it last took a grant. */
  readonly lastUsedAt: EpochSeconds | undefined
  readonly sids: readonly SessionId[]
}

export interface Consents {
  read(
    userId: UserId,
    applicationId: string,
    now?: EpochSeconds,
  ): Promise<Result<Consent | undefined, 'unavailable'>>
  /** Under a live session only; adds to what was given before. */
  give(input: {
    readonly userId: UserId
    readonly sid: SessionId
    readonly consent: Omit<Consent, 'givenAt'>
    readonly now: EpochSeconds
  }): Promise<Result<undefined, 'no_session' | 'unavailable'>>
  connections(
    userId: UserId,
    now: EpochSeconds,
  ): Promise<Result<readonly Connection[], 'unavailable'>>
}
