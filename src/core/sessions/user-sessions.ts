/**
 * One user's sessions: the only authority on what can mint or extend access for that user. A thin face
 * over the tables it keeps (sessions, the user's counters, the outbox, and in user-grants.ts what
 * applications have): every method reads and writes
 * SQLite in one transaction, and only then speaks to the outside. Methods answer with results; what they
 * throw is a fault of the storage, and nothing of it was kept.
 *
 * Named `storageName('user', userId)`. Created by the first session that opens; asked about a user it does
 * not hold, it answers "no" and stays empty; left with nothing to remember, it deletes itself.
 */
import { systemClock } from '../../platform/clock.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { within } from '../../platform/time-limit.ts'
import { answerTab } from './connect-tab.ts'
import { deleteAllConsents } from './consents-table.ts'
import { progressOf, putBack } from './deliveries-table.ts'
import type { Replayed } from './deliveries-table.ts'
import type { DeliveryOutlet, DeliveryProgress } from './delivery.ts'
import { endForProvider } from './end-for-provider.ts'
import type { ProviderLogout, ProviderLogoutOutcome } from './end-for-provider.ts'
import { askForHintUntil } from './hint-tasks.ts'
import { findSignIn, listLive, toLiveSession } from './live-session.ts'
import type { KeptSignIn, SessionQuestion } from './live-session.ts'
import {
  endBefore,
  endEpoch,
  endExpired,
  endOthers,
  endWithOthers,
  makeRoom,
} from './session-ends.ts'
import { deleteParticipant } from './participants-table.ts'
import type { EndBefore, EndOf, EndOfOne } from './session-ends.ts'
import { isAnyRevoked } from './revoked-ids.ts'
import type { Ruled } from './session-rules.ts'
import type { LiveSession, Profile, SessionId, UserId } from './session.ts'
import { findSession, insertSession, keepNoLonger, moveIdleDeadline } from './sessions-table.ts'
import type { SessionEnd } from './session-expiry.ts'
import type { NewSession } from './sessions-table.ts'
import type { HeldToken } from './token-standing.ts'
import { UserGrants } from './user-grants.ts'
import type { UserRows } from './user-rows.ts'
import { alarmTimes, isForgettable, sweep } from './user-sessions-alarm.ts'
import { isPrepared, prepare } from './user-sessions-schema.ts'
import { allowTokenLifetime, createUser, findUser, markErased, setDisabled } from './user-table.ts'
import type { Minting } from './user-table.ts'

/** A question by someone who holds the session's handle. */
type HeldSession = Required<SessionQuestion> & Ruled

export class UserSessions extends UserGrants {
  readonly #rows: UserRows
  readonly #sql: SqlStorage

  /** `outlet`: the way to applications, which lies outside this folder (core/revocation/user-sessions.ts). */
  constructor(ctx: DurableObjectState, env: Env, outlet: () => DeliveryOutlet) {
    super(ctx, env, outlet)
    this.#rows = this.rows
    this.#sql = this.#rows.sql
  }

  /** Opens a session in the present epoch. Nothing is written for a disabled user. */
  openSession(
    input: Minting & {
      readonly userId: UserId
      readonly session: NewSession
      readonly now: EpochSeconds
    },
  ): Result<LiveSession, 'user_disabled'> {
    const { userId, now } = input
    const ends: SessionEnd[] = []
    const opened = this.#rows.inTransaction(() => {
      prepare(this.#sql)
      const known = findUser(this.#sql) ?? createUser(this.#sql, userId, now)
      if (known.isDisabled) return refuse('user_disabled')
      const user = allowTokenLifetime(this.#sql, known, input.tokenLifetimeSeconds)
      ends.push(...makeRoom(this.#sql, user, now))
      const session = insertSession(this.#sql, user, input.session, now)
      askForHintUntil(this.#sql, findUser(this.#sql)!, session.absoluteDeadlineAt, now)
      return ok(toLiveSession(user, session))
    })
    if (opened.ok) this.#rows.afterwards(ends)
    return opened
  }

  /** The live session behind a handle; its idle deadline moves on. */
  useSession(input: HeldSession & Minting): Result<LiveSession, 'no_session'> {
    return this.#rows.withLive(input, (user, session) => {
      allowTokenLifetime(this.#sql, user, input.tokenLifetimeSeconds)
      return toLiveSession(user, moveIdleDeadline(this.#sql, session, input.now))
    })
  }

  /** The live session behind a handle; no deadline moves. */
  peekSession(input: HeldSession): Result<LiveSession, 'no_session'> {
    return this.#rows.readLive(input, toLiveSession)
  }

  /** Whether a token of this session, minted in this epoch, still stands: the `strict` check. */
  checkToken(input: HeldToken): Result<undefined, 'revoked'> {
    if (this.#rows.plainlyStands(input)) return ok(undefined)
    const { epoch, ids = [], ...question } = input
    const live = this.#rows.readLive(question, (user) => user.epoch)
    const stands = live.ok && live.value === epoch && !isAnyRevoked(this.#sql, ids)
    return stands ? ok(undefined) : refuse('revoked')
  }

  /** What may be told of the person behind a live session. */
  readProfile(input: SessionQuestion & Ruled): Result<Profile, 'no_session'> {
    return this.#rows.readLive(input, (_user, session) => session.profile)
  }

  /** The live sessions, newest first. */
  listSessions(input: Ruled & { readonly now: EpochSeconds }): LiveSession[] {
    const user = this.#rows.user()
    return user === undefined ? [] : listLive(this.#sql, user, input)
  }

  /** Whether such a session is there, or was and has left its row. */
  hasSession(input: { readonly sid: SessionId }): boolean {
    return this.#rows.unlessEmpty(() => findSession(this.#sql, input.sid)) !== undefined
  }

  /** How the session behind a handle was signed in, also one that has ended, as long as its row is kept. */
  readSignIn(input: Required<Omit<SessionQuestion, 'now'>>): KeptSignIn | undefined {
    return this.#rows.unlessEmpty(() => findSignIn(this.#sql, input))
  }

  /** Ends one session, and what it takes along: all are named. None when it had ended already, or never was. */
  async endSession({ sid, cause, askedBy, now }: EndOfOne): Promise<{ sids: SessionId[] }> {
    const live = this.#rows.withLive({ sid, now }, (user) => {
      if (askedBy !== undefined) deleteParticipant(this.#sql, { sid, ...askedBy })
      return endWithOthers(this.#sql, user, [{ sid, cause, endedAt: now }], now)
    })
    await this.#rows.armAndPublish()
    return { sids: live.ok ? live.value.map((end) => end.sid) : [] }
  }

  /** Ends every live session but one. Their epoch stays, or the one that is kept would end with them. */
  async endOtherSessions({ sid, cause, now }: EndOf): Promise<{ ended: number }> {
    const user = this.#rows.user()
    if (user === undefined) return { ended: 0 }
    const { expired, ended } = this.#rows.inTransaction(() => ({
      expired: endExpired(this.#sql, user, now),
      ended: endOthers(this.#sql, user, { sid, cause, endedAt: now }),
    }))
    this.#rows.logEnds(expired)
    await this.#rows.armAndPublish()
    return { ended: ended.length }
  }

  /** Ends all sessions, and with them every token minted before, whether it is known or not. */
  async endAllSessions(input: Omit<EndOf, 'sid'>): Promise<{ ended: number; epoch: number }> {
    const user = this.#rows.user()
    if (user === undefined) return { ended: 0, epoch: 0 }
    const outcome = this.#rows.inTransaction(() =>
      endEpoch(this.#sql, user, input.cause, input.now),
    )
    await this.#rows.armAndPublish()
    return outcome
  }

  /** Ends the sessions that a mass cut-off concerns. Doing it again does nothing. */
  async endSessionsBefore(
    input: EndBefore & { readonly now: EpochSeconds },
  ): Promise<{ ended: number }> {
    const user = this.#rows.user()
    if (user === undefined) return { ended: 0 }
    const done = this.#rows.inTransaction(() => endBefore(this.#sql, user, input, input.now))
    this.#rows.logEnds(done.expired)
    await this.#rows.armAndPublish()
    return { ended: done.ended }
  }

  /**
   * Ends what a provider says has ended. A user who has nothing here is created, so that a token that
   * comes again is known again.
   */
  async endForProvider(input: {
    readonly userId: UserId
    readonly logout: ProviderLogout
    readonly now: EpochSeconds
  }): Promise<Result<ProviderLogoutOutcome, 'jti_reused'>> {
    const { userId, logout, now } = input
    const outcome = this.#rows.inTransaction(() => {
      prepare(this.#sql)
      const user = findUser(this.#sql) ?? createUser(this.#sql, userId, now)
      return endForProvider(this.#sql, user, logout, now)
    })
    await this.#rows.armAndPublish()
    return outcome
  }

  /** Ends all sessions and lets none open, until `enableUser`. */
  async disableUser(input: {
    readonly userId: UserId
    readonly now: EpochSeconds
  }): Promise<{ ended: number; epoch: number }> {
    const outcome = this.#rows.inTransaction(() => {
      prepare(this.#sql)
      const user = findUser(this.#sql) ?? createUser(this.#sql, input.userId, input.now)
      setDisabled(this.#sql, true)
      return endEpoch(this.#sql, user, 'user_disabled', input.now)
    })
    await this.#rows.armAndPublish()
    return outcome
  }

  /** Lets sessions open again. None comes back. False, and nothing is done, for who is being erased. */
  enableUser(): boolean {
    const user = this.#rows.user()
    if (user?.isErased === true) return false
    if (user !== undefined) setDisabled(this.#sql, false)
    this.#rows.arm()
    return true
  }

  /**
   * Forgets a disabled user: what is theirs goes as soon as no token of theirs is left, and nothing opens until
   * then. False, and nothing is done, for somebody who is not disabled.
   */
  eraseUser({ now }: { readonly now: EpochSeconds }): boolean {
    if (this.#rows.user()?.isDisabled !== true) return false
    this.#rows.inTransaction(() => {
      markErased(this.#sql, now)
      deleteAllConsents(this.#sql)
      keepNoLonger(this.#sql, now)
    })
    this.#rows.arm()
    return true
  }

  /** How the participants of a session's end are being told, once each was tried or the wait is over. */
  async reportDeliveries(input: {
    readonly sid: SessionId
    readonly waitMilliseconds: number
  }): Promise<DeliveryProgress[]> {
    if (this.#rows.user() === undefined) return []
    const isDone = () => progressOf(this.#sql, input.sid).every(({ state }) => state !== 'due')
    if (!isDone()) await within(input.waitMilliseconds, this.#rows.deliveries.whenTried())
    return progressOf(this.#sql, input.sid)
  }

  /** Tries a delivery again that was given up, as if it had never been tried. */
  putDeliveryBack(input: { readonly delivery: Replayed; readonly now: EpochSeconds }): void {
    const { delivery, now } = input
    this.#rows.inTransaction(() => {
      prepare(this.#sql)
      if (findUser(this.#sql) === undefined) createUser(this.#sql, delivery.userId, now)
      putBack(this.#sql, delivery, now)
    })
    this.#rows.arm()
  }

  /**
   * An open tab's upgrade, from `connectTab`. The session is looked at and the tab taken in one turn, so that
   * no end can come between them and miss it.
   */
  override fetch(request: Request): Response {
    return answerTab(request, (question) => {
      const live = this.#rows.withLive(question, (_user, { sid }) => sid)
      return live.ok ? this.#rows.tabs.accept(live.value) : live
    })
  }

  override webSocketMessage(socket: WebSocket): void {
    this.#rows.tabs.silence(socket)
  }

  /**
   * One alarm serves all: sessions that have run out are ended, the hint is published or repeated, participants
   * are told, and what nobody needs is deleted, in the end the whole object. It catches everything and arms itself.
   */
  override async alarm(alarm?: AlarmInvocationInfo): Promise<void> {
    try {
      if (!isPrepared(this.#sql)) return
      // By our clock it may come a moment before its time: then it waits, rather than spin.
      const isEarly = (alarm?.scheduledTime ?? 0) > systemClock() * 1000
      if (isEarly) await scheduler.wait(alarmTimes.earlyMilliseconds)
      const { ends, isHintDue } = this.#rows.inTransaction(() => sweep(this.#sql, systemClock()))
      this.#rows.tellTabs()
      this.#rows.logEnds(ends)
      const { deliveries, publisher } = this.#rows
      const tried = within(alarmTimes.deliveryWaitMilliseconds, deliveries.whenTried())
      if (isHintDue) await within(alarmTimes.publishWaitMilliseconds, publisher.publish())
      await tried
      if (isForgettable(this.#sql, systemClock())) await this.ctx.storage.deleteAll()
      else this.#rows.arm()
    } catch (thrown) {
      log('error', { event: 'user_sessions.alarm_failed', error: describeThrown(thrown) })
      await this.ctx.storage.setAlarm((systemClock() + alarmTimes.retrySeconds) * 1000)
    }
  }
}
