/**
 * One user's sessions: the only authority on what can mint or extend access for that user. A thin face
 * over the tables it keeps (sessions, the user's counters, the outbox): every method reads and writes
 * SQLite in one transaction, and only then speaks to the outside. Methods answer with results; what they
 * throw is a fault of the storage, and nothing of it was kept.
 *
 * Named `storageName('user', userId)`. Created by the first session that opens; asked about a user it does
 * not hold, it answers "no" and stays empty; left with nothing to remember, it deletes itself.
 */
import { DurableObject } from 'cloudflare:workers'
import { systemClock } from '../../platform/clock.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { sha256Base64url } from '../../platform/digest.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { within } from '../../platform/time-limit.ts'
import { HintPublisher, askForHint } from './hint-publisher.ts'
import { findLive, toLiveSession } from './live-session.ts'
import type { SessionQuestion } from './live-session.ts'
import {
  endBefore,
  endEpoch,
  endExpired,
  endOutlawed,
  endSessions,
  isOutlawed,
  makeRoom,
} from './session-ends.ts'
import type { EndBefore } from './session-ends.ts'
import type { SessionRules } from './session-rules.ts'
import type { EndCause, LiveSession, Profile, SessionId, UserId } from './session.ts'
import {
  expiryOf,
  findSession,
  insertSession,
  moveIdleDeadline,
  openSessions,
} from './sessions-table.ts'
import type { NewSession, SessionEnd, SessionRow } from './sessions-table.ts'
import { isForgettable, nextAlarmAt, sweep } from './user-sessions-alarm.ts'
import { isPrepared, prepare } from './user-sessions-schema.ts'
import { allowTokenLifetime, createUser, findUser, setDisabled } from './user-table.ts'
import type { UserRow } from './user-table.ts'

/** A use is written down at most this often, and for short idle times at most ten times in one of them. */
const USE_GRANULARITY_SECONDS = 60

/** How long an end waits for its hint to be published before it is answered. */
const PUBLISH_WAIT_MILLISECONDS = 2000

const ALARM_PUBLISH_WAIT_MILLISECONDS = 10_000
const ALARM_RETRY_SECONDS = 60
const EARLY_ALARM_MILLISECONDS = 1000

/** How long the access tokens live that the caller mints from a session. */
interface Minting {
  readonly tokenLifetimeSeconds: number
}

/** A question by someone who holds the session's handle. */
type HeldSession = SessionQuestion & { readonly secretHash: string }

export class UserSessions extends DurableObject<Env> {
  readonly #sql: SqlStorage
  readonly #publisher: HintPublisher

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#publisher = new HintPublisher(
      this.#sql,
      () => this.env.REVOCATION,
      () => this.#arm(),
    )
    if (isPrepared(this.#sql)) this.#inTransaction(() => prepare(this.#sql))
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
    const opened = this.#inTransaction(() => {
      prepare(this.#sql)
      const known = findUser(this.#sql) ?? createUser(this.#sql, userId, now)
      if (known.isDisabled) return refuse('user_disabled')
      const user = allowTokenLifetime(this.#sql, known, input.tokenLifetimeSeconds)
      ends.push(...makeRoom(this.#sql, user, now))
      const session = insertSession(this.#sql, user, input.session, now)
      askForHint(this.#sql, now, false)
      return ok(toLiveSession(user, session))
    })
    if (opened.ok) this.#afterwards(ends)
    return opened
  }

  /** The live session behind a handle; its idle deadline moves on. */
  useSession(input: HeldSession & Minting): Result<LiveSession, 'no_session'> {
    return this.#withLive(input, (user, session) => {
      allowTokenLifetime(this.#sql, user, input.tokenLifetimeSeconds)
      const gap = Math.min(USE_GRANULARITY_SECONDS, Math.floor(session.idleSeconds / 10))
      const isDue = input.now > session.lastUsedAt && input.now - session.lastUsedAt >= gap
      return toLiveSession(user, isDue ? moveIdleDeadline(this.#sql, session, input.now) : session)
    })
  }

  /** The live session behind a handle; no deadline moves. */
  peekSession(input: HeldSession): Result<LiveSession, 'no_session'> {
    return this.#withLive(input, toLiveSession)
  }

  /** Whether a token of this session, minted in this epoch, still stands: the `strict` check. */
  checkToken(input: SessionQuestion & { readonly epoch: number }): Result<undefined, 'revoked'> {
    const live = this.#withLive(input, (user) => user.epoch)
    return live.ok && live.value === input.epoch ? ok(undefined) : refuse('revoked')
  }

  /** What may be told of the person behind a live session. */
  readProfile(input: SessionQuestion): Result<Profile, 'no_session'> {
    return this.#withLive(input, (_user, session) => session.profile)
  }

  /** The live sessions, newest first. */
  listSessions(input: {
    readonly rules?: SessionRules | undefined
    readonly now: EpochSeconds
  }): LiveSession[] {
    const user = this.#user()
    if (user === undefined) return []
    return openSessions(this.#sql, user)
      .filter((session) => expiryOf(session, input.now) === undefined)
      .filter((session) => !isOutlawed(user, session, input.rules, input.now))
      .map((session) => toLiveSession(user, session))
      .toReversed()
  }

  /** The sealed ID token of a session, also of one that has ended, until its absolute deadline. */
  sealedIdToken(input: { readonly sid: SessionId }): string | undefined {
    return this.#user() && findSession(this.#sql, input.sid)?.sealedIdToken
  }

  /** Ends one session. `ended` is false when it had ended already, or never was. */
  async endSession(input: {
    readonly sid: SessionId
    readonly cause: EndCause
    readonly now: EpochSeconds
  }): Promise<{ ended: boolean }> {
    const { sid, cause, now } = input
    const live = this.#withLive(input, (user) => {
      endSessions(this.#sql, user, [{ sid, cause, endedAt: now }], now)
    })
    await this.#armAndPublish()
    return { ended: live.ok }
  }

  /** Ends all sessions, and with them every token minted before, whether it is known or not. */
  async endAllSessions(input: {
    readonly cause: EndCause
    readonly now: EpochSeconds
  }): Promise<{ ended: number; epoch: number }> {
    const user = this.#user()
    if (user === undefined) return { ended: 0, epoch: 0 }
    const outcome = this.#inTransaction(() => endEpoch(this.#sql, user, input.cause, input.now))
    await this.#armAndPublish()
    return outcome
  }

  /** Ends the sessions that a mass cut-off concerns. Doing it again does nothing. */
  async endSessionsBefore(
    input: EndBefore & { readonly now: EpochSeconds },
  ): Promise<{ ended: number }> {
    const user = this.#user()
    if (user === undefined) return { ended: 0 }
    const done = this.#inTransaction(() => endBefore(this.#sql, user, input, input.now))
    this.#log(done.expired)
    await this.#armAndPublish()
    return { ended: done.ended }
  }

  /** Ends all sessions and lets none open, until `enableUser`. */
  async disableUser(input: {
    readonly userId: UserId
    readonly now: EpochSeconds
  }): Promise<{ ended: number; epoch: number }> {
    const outcome = this.#inTransaction(() => {
      prepare(this.#sql)
      const user = findUser(this.#sql) ?? createUser(this.#sql, input.userId, input.now)
      setDisabled(this.#sql, true)
      return endEpoch(this.#sql, user, 'user_disabled', input.now)
    })
    await this.#armAndPublish()
    return outcome
  }

  /** Lets sessions open again. None comes back. */
  enableUser(): void {
    if (this.#user() === undefined) return
    setDisabled(this.#sql, false)
    this.#arm()
  }

  /**
   * One alarm serves all: sessions that have run out are ended, the hint is published or repeated, and
   * what nobody needs is deleted, in the end the whole object. It catches everything and arms itself.
   */
  override async alarm(alarm?: AlarmInvocationInfo): Promise<void> {
    try {
      if (!isPrepared(this.#sql)) return
      // By our clock it may come a moment before its time: then it waits, rather than spin.
      const isEarly = (alarm?.scheduledTime ?? 0) > systemClock() * 1000
      if (isEarly) await scheduler.wait(EARLY_ALARM_MILLISECONDS)
      const { ends, isHintDue } = this.#inTransaction(() => sweep(this.#sql, systemClock()))
      this.#log(ends)
      if (isHintDue) await within(ALARM_PUBLISH_WAIT_MILLISECONDS, this.#publisher.publish())
      if (isForgettable(this.#sql, systemClock())) await this.ctx.storage.deleteAll()
      else this.#arm()
    } catch (thrown) {
      log('error', { event: 'user_sessions.alarm_failed', error: describeThrown(thrown) })
      await this.ctx.storage.setAlarm((systemClock() + ALARM_RETRY_SECONDS) * 1000)
    }
  }

  /**
   * Every question about one session passes here. One that has run out, or that a rule from outside has
   * ended, is ended on the spot, with its cause, whatever the alarm or the queue has or has not done (C19:
   * at use, not by clean-up).
   */
  #withLive<Value>(
    question: SessionQuestion,
    answer: (user: UserRow, session: SessionRow) => Value,
  ): Result<Value, 'no_session'> {
    const user = this.#user()
    if (user === undefined) return refuse('no_session')
    const { ends, result } = this.#inTransaction(() => {
      const ran = [
        ...endExpired(this.#sql, user, question.now, question.sid),
        ...endOutlawed(this.#sql, user, question),
      ]
      const live = findLive(this.#sql, user, question)
      return { ends: ran, result: live.ok ? ok(answer(user, live.value)) : live }
    })
    if (ends.length > 0) this.#afterwards(ends)
    return result
  }

  /** After the commit of a change that no caller waits for: the alarm, the log, the hint. */
  #afterwards(ends: readonly SessionEnd[]): void {
    this.#arm()
    this.#log(ends)
    this.ctx.waitUntil(this.#publisher.publish())
  }

  /** After the commit of an end: waits for the hint a little, so that the edge usually knows when we answer. */
  async #armAndPublish(): Promise<void> {
    if (this.#user() === undefined) return
    this.#arm()
    await within(PUBLISH_WAIT_MILLISECONDS, this.#publisher.publish())
  }

  /** Sets the alarm in the same commit as the change before it: nothing is awaited in between. */
  #arm(): void {
    const at = nextAlarmAt(this.#sql)
    void (at === undefined ? this.ctx.storage.deleteAlarm() : this.ctx.storage.setAlarm(at * 1000))
  }

  /** Ends that the object itself decided on. Those that someone asked for are audited where they were asked for. */
  #log(ends: readonly SessionEnd[]): void {
    const user = this.#user()?.id
    for (const { sid, cause } of ends) {
      this.ctx.waitUntil(
        sha256Base64url(sid).then((hash) =>
          log('info', { event: 'session.ended', user, sid_hash: hash.slice(0, 16), cause }),
        ),
      )
    }
  }

  #user(): UserRow | undefined {
    return isPrepared(this.#sql) ? findUser(this.#sql) : undefined
  }

  #inTransaction<Value>(change: () => Value): Value {
    return this.ctx.storage.transactionSync(change)
  }
}
