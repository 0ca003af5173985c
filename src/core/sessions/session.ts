/** A session as the rest of the house sees it: the ids, the words and the facts; nothing is kept here. */
import { epochMilliseconds } from '../../platform/clock.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { randomBytes, randomId, toHex } from '../../platform/random.ts'

/** A user's internal id and the `sub` of our tokens: 32 lower-case hexadecimal digits. Made by `parseUserId` or at creation only. */
export type UserId = string & { readonly brand: 'UserId' }
/** A session's id and the `sid` of our tokens: 32 lower-case hexadecimal digits that tell its start. Never the cookie's value. */
export type SessionId = string & { readonly brand: 'SessionId' }

const ID = /^[0-9a-f]{32}$/

/** The id of a user who is being created. */
export const newUserId = (): UserId => randomId() as UserId

/** A user's id, or undefined for anything else. */
export const parseUserId = (value: unknown): UserId | undefined =>
  typeof value === 'string' && ID.test(value) ? (value as UserId) : undefined

/**
 * The id of a session that is being opened: 48 bits of its start in milliseconds, then 80 random ones, much
 * as in a UUIDv7 (RFC 9562 §5.7). So every token says when its session started without a claim of its own,
 * to the millisecond, and nothing that names a session can be at odds with it. The id is no secret.
 */
export const newSessionId = (startedAt: number = epochMilliseconds()): SessionId =>
  `${startedAt.toString(16).padStart(12, '0')}${toHex(randomBytes(10))}` as SessionId

/** When the session with this id started, in epoch milliseconds. */
export const startOf = (sid: SessionId): number => Number.parseInt(sid.slice(0, 12), 16)

/** A session's id, or undefined for anything else. */
export const parseSessionId = (value: unknown): SessionId | undefined =>
  typeof value === 'string' && ID.test(value) ? (value as SessionId) : undefined

/** What pages and APIs may be told about the person, as of the last sign-in. */
export interface Profile {
  readonly name?: string
  readonly givenName?: string
  readonly familyName?: string
  readonly preferredUsername?: string
  readonly locale?: string
  readonly zoneinfo?: string
  readonly email?: string
  readonly emailVerified?: boolean
  /** An https URL; shown by browsers, never fetched by us. */
  readonly picture?: string
  readonly phoneNumber?: string
  readonly phoneNumberVerified?: boolean
  /** OpenID Connect Core 1.0 §5.1.1, under its own names. */
  readonly address?: Readonly<
    Partial<
      Record<
        'formatted' | 'street_address' | 'locality' | 'region' | 'postal_code' | 'country',
        string
      >
    >
  >
  /** When the directory last changed any of it. */
  readonly updatedAt?: EpochSeconds
}

/** The provider id of sessions that were opened by a local password; no configured provider may have it. */
export const LOCAL_PROVIDER_ID = 'local'

/** How the person was authenticated upstream, as the verified ID token says. */
export interface Authentication {
  readonly providerId: string
  readonly issuer: string
  readonly subject: string
  /** The provider's own session id (`sid` of its ID token), if it sends one. */
  readonly upstreamSid?: string
  readonly authTime: EpochSeconds
  readonly acr?: string
  readonly amr?: readonly string[]
  /** The application that opened the session by itself (password grant, shared session): it ends with the application. */
  readonly applicationId?: string
}

/** Started by a site, for the sites of its company: no browser holds its handle. */
export const isSharedSession = ({
  authentication: { applicationId, providerId },
}: {
  readonly authentication: Authentication
}): boolean => applicationId !== undefined && providerId !== LOCAL_PROVIDER_ID

/** Why a session ended. One word per cause, in storage, logs and tests alike. */
export type EndCause =
  | 'person'
  | 'replaced_by_sign_in'
  /** It was opened and nobody was given it, because what had to follow did not work. */
  | 'sign_in_unfinished'
  | 'provider_back_channel'
  | 'provider_front_channel'
  | 'operator'
  /** A site that shares the session, or the people in it, has asked for it. */
  | 'application'
  | 'idle_deadline'
  | 'absolute_deadline'
  | 'too_many_sessions'
  | 'user_disabled'
  | 'provider_removed'
  | 'application_removed'
  | 'key_compromised'
  | 'password_changed'
  /** A service that the person was handed over to says so. */
  | 'handoff_service'
  /** The host that has handed the person over to us says so. */
  | 'handoff_host'

/** The longest lifetime that the configuration grants an access token. */
export const LONGEST_TOKEN_LIFETIME_SECONDS = 300

export interface LiveSession {
  readonly userId: UserId
  readonly sid: SessionId
  /** The user's epoch now; every token minted from this session carries it. */
  readonly epoch: number
  readonly authentication: Authentication
  readonly profile: Profile
  readonly startedAt: EpochSeconds
  readonly lastUsedAt: EpochSeconds
  readonly idleDeadlineAt: EpochSeconds
  readonly absoluteDeadlineAt: EpochSeconds
  /** A short human label of the browser, e.g. "Firefox on Windows". */
  readonly device: string
}

/** The earlier of the two deadlines: nothing minted from the session may outlive it. */
export const deadlineOf = (
  session: Pick<LiveSession, 'idleDeadlineAt' | 'absoluteDeadlineAt'>,
): EpochSeconds => Math.min(session.idleDeadlineAt, session.absoluteDeadlineAt)
