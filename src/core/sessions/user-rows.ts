/**
 * The rows of one user's object, and what has to follow every change of them: the alarm, the word to open
 * tabs, the hint, the log. `UserSessions` reaches its tables through here.
 */
import { systemClock } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { within } from '../../platform/time-limit.ts'
import { takeOverEnded } from './deliveries-table.ts'
import { Deliveries } from './deliveries.ts'
import type { DeliveryOutlet } from './delivery.ts'
import { HintPublisher } from './hint-publisher.ts'
import { findEnd, findLive } from './live-session.ts'
import type { SessionQuestion } from './live-session.ts'
import { OpenTabs } from './open-tabs.ts'
import { findTask } from './outbox.ts'
import { endExpired, endOutlawed, logEnd } from './session-ends.ts'
import { isOutlawed, ruled } from './session-rules.ts'
import type { Ruled } from './session-rules.ts'
import type { SessionEnd } from './session-expiry.ts'
import type { SessionRow } from './sessions-table.ts'
import { TokenStanding } from './token-standing.ts'
import type { HeldToken } from './token-standing.ts'
import { nextAlarmAt } from './user-sessions-alarm.ts'
import { isOutdated, isPrepared, prepare } from './user-sessions-schema.ts'
import { findUser } from './user-table.ts'
import type { UserRow } from './user-table.ts'

/** How long an end waits for its hint to be published before it is answered. */
const PUBLISH_WAIT_MILLISECONDS = 2000

export class UserRows {
  readonly sql: SqlStorage
  readonly publisher: HintPublisher
  readonly tabs: OpenTabs
  readonly deliveries: Deliveries
  readonly #ctx: DurableObjectState
  readonly #standing: TokenStanding

  constructor(ctx: DurableObjectState, hints: () => KVNamespace, outlet: () => DeliveryOutlet) {
    this.#ctx = ctx
    this.#standing = new TokenStanding(ctx.storage.sql)
    this.sql = this.#standing.sql
    this.publisher = new HintPublisher(this.sql, hints, () => this.arm())
    this.tabs = new OpenTabs(ctx)
    this.deliveries = new Deliveries({
      sql: this.sql,
      outlet,
      userId: () => this.user()?.id,
      onProgress: () => this.arm(),
    })
    if (isOutdated(this.sql)) this.inTransaction(() => prepare(this.sql))
  }

  /**
   * Every question about one session passes here. One that has run out, or that a rule from outside has
   * ended, is ended on the spot, with its cause, whatever the alarm or the queue has or has not done (C19:
   * at use, not by clean-up).
   */
  withLive<Value>(
    question: SessionQuestion & Ruled,
    answer: (user: UserRow, session: SessionRow) => Value,
  ): Result<Value, 'no_session'> {
    const user = this.user()
    if (user === undefined) return refuse('no_session')
    // Nothing can come between a look and the transaction that follows on it: neither awaits anything.
    const found = findLive(this.sql, user, question)
    if (found.ok && !isOutlawed(ruled(user.id, found.value), question)) {
      return ok(this.inTransaction(() => answer(user, found.value)))
    }
    const { ends, result } = this.inTransaction(() => {
      const ran = [
        ...endExpired(this.sql, user, question.now, question.sid),
        ...endOutlawed(this.sql, user, question),
      ]
      const live = findLive(this.sql, user, question)
      return { ends: ran, result: live.ok ? ok(answer(user, live.value)) : live }
    })
    if (ends.length > 0) this.afterwards(ends)
    return result
  }

  /** As `withLive`, for an answer that writes nothing: where the session is live, no transaction is begun. */
  readLive<Value>(
    question: SessionQuestion & Ruled,
    answer: (user: UserRow, session: SessionRow) => Value,
  ): Result<Value, 'no_session'> {
    const user = this.user()
    if (user === undefined) return refuse('no_session')
    const found = findLive(this.sql, user, question)
    const isLive = found.ok && !isOutlawed(ruled(user.id, found.value), question)
    return isLive ? ok(answer(user, found.value)) : this.withLive(question, answer)
  }

  /** After the commit of a change that no caller waits for: the alarm, the log, the hint. */
  afterwards(ends: readonly SessionEnd[]): void {
    this.arm()
    this.logEnds(ends)
    this.#ctx.waitUntil(this.publisher.publish())
  }

  /** After the commit of a change that revokes something only sometimes. */
  publishIfAsked(): void {
    if (findTask(this.sql, 'publish_hint') !== undefined) this.afterwards([])
  }

  /** After the commit of an end: waits for the hint a little, so that the edge usually knows when we answer. */
  async armAndPublish(): Promise<void> {
    if (this.user() === undefined) return
    this.arm()
    await within(PUBLISH_WAIT_MILLISECONDS, this.publisher.publish())
  }

  /**
   * After every change: sets the alarm in the same commit, since nothing is awaited in between, and begins to
   * tell the tabs and the participants whose session it has ended, by whichever method.
   */
  arm(): void {
    if (!isPrepared(this.sql)) return
    this.tellTabs()
    this.inTransaction(() => takeOverEnded(this.sql, systemClock()))
    this.deliveries.start()
    const at = nextAlarmAt(this.sql)
    void (at === undefined
      ? this.#ctx.storage.deleteAlarm()
      : this.#ctx.storage.setAlarm(at * 1000))
  }

  /** Goes by what the rows say, never by what a caller remembers. */
  tellTabs(): void {
    const user = this.user()
    this.tabs.tell((sid) => findEnd(this.sql, user, { sid, now: systemClock() }))
  }

  /** Ends that the object itself decided on. Those that someone asked for are audited where they were asked for. */
  logEnds(ends: readonly SessionEnd[]): void {
    for (const end of ends) this.#ctx.waitUntil(logEnd(this.user()?.id, end))
  }

  /** Undefined also for an object that has never held anyone: it has no table to look in. */
  user(): UserRow | undefined {
    return this.unlessEmpty(() => findUser(this.sql))
  }

  plainlyStands(token: HeldToken): boolean {
    return this.unlessEmpty(() => this.#standing.isPlain(token)) ?? false
  }

  /** What the tables say; undefined for an object that has none. */
  unlessEmpty<Value>(look: () => Value): Value | undefined {
    try {
      return look()
    } catch (thrown) {
      if (isPrepared(this.sql)) throw thrown
      return undefined
    }
  }

  inTransaction<Value>(change: () => Value): Value {
    return this.#ctx.storage.transactionSync(change)
  }
}
