/**
 * The half of a user's object that deals with applications: their grants, the revocation of single tokens,
 * who takes part in which session, and what the user has agreed to. As in the other half (user-sessions.ts),
 * every method is one transaction, and only then speaks to the outside.
 */
import { DurableObject } from 'cloudflare:workers'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { listConnections, listHandoffs } from './connections.ts'
import { addConsent, deleteConsent, findConsent } from './consents-table.ts'
import type { DeliveryOutlet } from './delivery.ts'
import { endForApplication, revokeToken } from './grant-ends.ts'
import type { ApplicationEnded, EndOfApplication } from './grant-ends.ts'
import type {
  Connection,
  Consent,
  GrantRefusal,
  Handoff,
  NeededConsent,
  Participation,
  PeekedGrant,
} from './grant.ts'
import { findGrant } from './grants-table.ts'
import { findLive, toLiveSession } from './live-session.ts'
import { countPasswordAttempt, forgetPasswordAttempts } from './password-attempts-table.ts'
import { isConsentOver, isOutlawed, ruled } from './session-rules.ts'
import type { Ruled } from './session-rules.ts'
import type { LiveSession, SessionId, UserId } from './session.ts'
import { moveIdleDeadline } from './sessions-table.ts'
import {
  findGrantEnd,
  isConsentMissing,
  mintGrant,
  standingOf,
  takeGrant,
  takePart,
} from './take-grant.ts'
import type { MintedGrant, PresentedGrant, Taken, Taking } from './take-grant.ts'
import { prepare } from './user-sessions-schema.ts'
import { UserRows } from './user-rows.ts'
import { allowTokenLifetime, createUser, findUser } from './user-table.ts'
import type { Minting } from './user-table.ts'

interface InSession extends Ruled {
  readonly sid: SessionId
  readonly now: EpochSeconds
}

/** What a refused taking has cost the grant. */
const HAS_ENDED: ReadonlySet<GrantRefusal> = new Set(['reused', 'wrong_proof'])

export class UserGrants extends DurableObject<Env> {
  protected readonly rows: UserRows

  constructor(ctx: DurableObjectState, env: Env, outlet: () => DeliveryOutlet) {
    super(ctx, env)
    this.rows = new UserRows(ctx, () => this.env.REVOCATION, outlet)
  }

  /** Counts an attempt at the user's password; refused once there were too many. */
  tryPassword(input: {
    readonly userId: UserId
    readonly now: EpochSeconds
  }): Result<undefined, 'throttled'> {
    const { sql } = this.rows
    const counted = this.rows.inTransaction(() => {
      prepare(sql)
      if (findUser(sql) === undefined) createUser(sql, input.userId, input.now)
      return countPasswordAttempt(sql, input.now)
    })
    this.rows.arm()
    return counted
  }

  forgetPasswordAttempts(): void {
    if (this.rows.user() === undefined) return
    forgetPasswordAttempts(this.rows.sql)
    this.rows.arm()
  }

  /** Mints a grant under a live session, in its epoch. */
  mintGrant({
    tokenLifetimeSeconds,
    minted,
    ...question
  }: InSession & Minting & { readonly minted: MintedGrant }): Result<
    undefined,
    'no_session' | 'no_consent'
  > {
    const { sql } = this.rows
    const live = this.rows.withLive(question, (found, session) => {
      const user = allowTokenLifetime(sql, found, tokenLifetimeSeconds)
      return mintGrant(sql, user, session, minted, question)
    })
    this.rows.publishIfAsked()
    return live.ok ? live.value : live
  }

  /** The live session behind a handle, and a grant under it in the same transaction, if nothing stands against one. */
  mintBehind({
    isUse,
    tokenLifetimeSeconds,
    minted,
    ...question
  }: InSession &
    Minting & {
      readonly secretHash: string
      readonly isUse: boolean
      readonly minted: MintedGrant
    }): Result<
    {
      readonly session: LiveSession
      readonly minted: Result<undefined, 'no_session' | 'no_consent'>
    },
    'no_session'
  > {
    const { sql } = this.rows
    const live = this.rows.withLive(question, (found, session) => {
      const user = allowTokenLifetime(sql, found, tokenLifetimeSeconds)
      const used = isUse ? moveIdleDeadline(sql, session, question.now) : session
      return {
        session: toLiveSession(user, used),
        minted: mintGrant(sql, user, used, minted, question),
      }
    })
    this.rows.publishIfAsked()
    return live
  }

  /** What a grant would give. Nothing is written. */
  peekGrant({
    presented,
    ...question
  }: Ruled & { readonly presented: PresentedGrant; readonly now: EpochSeconds }): Result<
    Omit<PeekedGrant, 'content'> & { readonly content: string },
    'unknown' | 'no_session' | 'expired'
  > {
    const { sql } = this.rows
    const user = this.rows.user()
    const grant = user && findGrant(sql, presented.grantId)
    const standing = standingOf(grant, presented, question.now)
    if (user === undefined || grant === undefined || !standing.ok) return refuse('unknown')
    const live = findLive(sql, user, { sid: grant.sid, now: question.now })
    if (!live.ok) return live
    const isOver =
      isOutlawed(ruled(user.id, live.value), question) ||
      findGrantEnd(user, live.value, grant, question) !== undefined
    if (isOver) return refuse('no_session')
    const isSpent = standing.value === 'reused'
    if (!isSpent && question.now >= grant.expiresAt) return refuse('expired')
    const { family, binding, content } = grant
    return ok({ family, binding, content, session: toLiveSession(user, live.value), isSpent })
  }

  /** Takes a grant, once; a refresh token gives way to its successor. Reuse ends the family. */
  async takeGrant(
    input: Taking & Minting,
  ): Promise<Result<Taken & { readonly session: LiveSession }, GrantRefusal>> {
    const { presented, by, now } = input
    const { sql } = this.rows
    const grant = this.rows.unlessEmpty(() => findGrant(sql, presented.grantId))
    const standing = standingOf(grant, presented, now)
    if (grant === undefined || !standing.ok) return refuse('unknown')
    if (grant.applicationId !== by.applicationId) {
      return refuse('not_bound', { check: 'application' })
    }
    const question = { sid: grant.sid, rules: input.rules, now }
    const live = this.rows.withLive(question, (found, session) => {
      const user = allowTokenLifetime(sql, found, input.tokenLifetimeSeconds)
      const taken = takeGrant(sql, user, session, grant, input)
      if (!taken.ok) return taken
      const isRefresh = presented.kind === 'refresh_token'
      const used = isRefresh ? moveIdleDeadline(sql, session, now) : session
      return ok({ ...taken.value, session: toLiveSession(user, used) })
    })
    if (!live.ok) return live
    if (!live.value.ok && HAS_ENDED.has(live.value.refusal.code)) await this.rows.armAndPublish()
    return live.value
  }

  /** Ends the family of a grant, for the application that it is of. */
  async revokeGrant(input: {
    readonly presented: PresentedGrant
    readonly applicationId: string
    readonly now: EpochSeconds
  }): Promise<Result<undefined, 'unknown' | 'other_application'>> {
    const { presented, applicationId, now } = input
    const { sql } = this.rows
    const user = this.rows.user()
    const grant = user && findGrant(sql, presented.grantId)
    const standing = standingOf(grant, presented, now)
    if (user === undefined || grant === undefined || !standing.ok) return refuse('unknown')
    if (grant.applicationId !== applicationId) return refuse('other_application')
    this.rows.inTransaction(() => revokeToken(sql, user, grant.family, now))
    await this.rows.armAndPublish()
    return ok(undefined)
  }

  /** Revokes an access token by its `jti`, or a family by its `gid`. */
  async revokeToken(input: { readonly id: string; readonly now: EpochSeconds }): Promise<void> {
    const user = this.rows.user()
    if (user === undefined) return
    this.rows.inTransaction(() => revokeToken(this.rows.sql, user, input.id, input.now))
    await this.rows.armAndPublish()
  }

  /** Notes that an application takes part in a live session. The family is that of what it gets without a grant. */
  participate(
    input: InSession &
      Minting & {
        readonly participation: Participation
        readonly scope: readonly string[]
        readonly needsConsent?: NeededConsent | undefined
      },
  ): Result<{ readonly family: string }, 'no_session' | 'no_consent'> {
    const { sql } = this.rows
    const { participation, scope, needsConsent, now } = input
    const { applicationId } = participation
    const live = this.rows.withLive(
      { sid: input.sid, rules: input.rules, now },
      (user, session) => {
        const cause = findGrantEnd(user, session, { applicationId, createdAt: now }, input)
        if (cause !== undefined) return refuse('no_session', { cause })
        const isMissing = isConsentMissing(sql, applicationId, needsConsent, input)
        if (isMissing) return refuse('no_consent')
        allowTokenLifetime(sql, user, input.tokenLifetimeSeconds)
        return ok({ family: takePart(sql, input.sid, participation, { scope, now }).family })
      },
    )
    return live.ok ? live.value : live
  }

  readConsent({
    applicationId,
    rules,
  }: Ruled & { readonly applicationId: string }): Consent | undefined {
    const consent = this.rows.unlessEmpty(() => findConsent(this.rows.sql, applicationId))
    if (consent === undefined || isConsentOver(consent, rules)) return undefined
    const { lastUsedAt: _, ...given } = consent
    return given
  }

  /** Under a live session only; adds to what was given before. */
  giveConsent(
    input: InSession & { readonly consent: Omit<Consent, 'givenAt'> },
  ): Result<undefined, 'no_session'> {
    const { sql } = this.rows
    const { consent, sid, rules, now } = input
    return this.rows.withLive({ sid, rules, now }, () => {
      const known = findConsent(sql, consent.applicationId)
      if (known !== undefined && isConsentOver(known, rules))
        deleteConsent(sql, consent.applicationId)
      addConsent(sql, consent, now)
      return undefined
    })
  }

  listConnections(input: Ruled & { readonly now: EpochSeconds }): Connection[] {
    const user = this.rows.user()
    return user === undefined ? [] : listConnections(this.rows.sql, user, input)
  }

  listHandoffs(input: Ruled & { readonly now: EpochSeconds }): Handoff[] {
    const user = this.rows.user()
    return user === undefined ? [] : listHandoffs(this.rows.sql, user, input)
  }

  /** Ends everything that an application has of the user. Doing it again does nothing. */
  async endForApplication(
    input: EndOfApplication & { readonly now: EpochSeconds },
  ): Promise<ApplicationEnded> {
    const user = this.rows.user()
    if (user === undefined) return { ended: 0, grants: 0, isChanged: false }
    const ended = this.rows.inTransaction(() =>
      endForApplication(this.rows.sql, user, input, input.now),
    )
    await this.rows.armAndPublish()
    return ended
  }
}
