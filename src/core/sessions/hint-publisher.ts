/**
 * Publishes the revocation hint of one user's object, from the outbox. What is written is always what
 * SQLite says at that moment, never what a caller remembers; and there is never more than one write under
 * way, so an older state cannot overtake a newer one. A failure is left to the alarm, with back-off.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { systemClock } from '../../platform/clock.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { within } from '../../platform/time-limit.ts'
import { findTask, putOff, settle } from './outbox.ts'
import {
  MOST_REVOKED_IN_HINT,
  revocationHintKey,
  serializeRevocationHint,
} from './revocation-hint.ts'
import { revokedIds } from './revoked-ids.ts'
import { endedSids, lastDeadlineAt } from './sessions-table.ts'
import { CLOCK_MARGIN_SECONDS, findUser, noteHint } from './user-table.ts'

const LONGEST_BACK_OFF_SECONDS = 60
/** A write that has not been answered by then is counted as failed. */
const WRITE_LIMIT_MILLISECONDS = 30_000
/** The shortest life that KV accepts for a record. */
const SHORTEST_TTL_SECONDS = 60

export class HintPublisher {
  readonly #sql: SqlStorage
  readonly #hints: () => KVNamespace
  readonly #onProgress: () => void
  #underWay: Promise<void> | undefined

  /** `onProgress` is called when the outbox has changed: the alarm is needed at another time. */
  constructor(sql: SqlStorage, hints: () => KVNamespace, onProgress: () => void) {
    this.#sql = sql
    this.#hints = hints
    this.#onProgress = onProgress
  }

  /**
   * Resolves when everything asked for so far was written, or a write has failed. Never rejects. Callers
   * that come while a write is under way share the one after it.
   */
  async publish(): Promise<void> {
    if (this.#hasTask()) this.#underWay ??= this.#writeUntilSettled()
    await this.#underWay
  }

  async #writeUntilSettled(): Promise<void> {
    try {
      while (this.#hasTask() && (await this.#write())) {}
    } finally {
      this.#underWay = undefined
    }
  }

  #hasTask(): boolean {
    return findTask(this.#sql, 'publish_hint') !== undefined
  }

  /** One write of the present state. */
  async #write(): Promise<boolean> {
    let failure: string
    try {
      const user = findUser(this.#sql)
      if (user === undefined) return false
      const key = await revocationHintKey(user.id)
      const now = systemClock()
      const { version, record, expirationTtl, isBare } = this.#readHint(now)
      const put = await within(
        WRITE_LIMIT_MILLISECONDS,
        this.#hints().put(key, record, { expirationTtl }),
      )
      if (!put.isLate) {
        settle(this.#sql, 'publish_hint', version)
        // One that lists anything is written anew at the next occasion: its list will be shorter.
        if (isBare) noteHint(this.#sql, version, now + expirationTtl - CLOCK_MARGIN_SECONDS)
        this.#onProgress()
        return true
      }
      failure = 'late'
    } catch (thrown) {
      failure = describeThrown(thrown)
    }
    log('warn', { event: 'revocation.hint_not_published', error: failure })
    const attempts = findTask(this.#sql, 'publish_hint')?.attempts ?? 0
    const backOffSeconds = Math.min(2 ** attempts, LONGEST_BACK_OFF_SECONDS)
    putOff(this.#sql, 'publish_hint', systemClock() + backOffSeconds)
    this.#onProgress()
    return false
  }

  /**
   * The state as it is now, and how long its record is kept: twice as long as any token could be alive, so that a
   * session that opens before half of it is over finds a record that will do (`askForHint`).
   */
  #readHint(now: EpochSeconds) {
    const user = findUser(this.#sql)!
    const most = MOST_REVOKED_IN_HINT + 1
    const revoked = [
      ...endedSids(this.#sql, user, most, now).map(({ sid: id, until }) => ({ id, until })),
      ...revokedIds(this.#sql, user, most, now),
    ]
    const neededUntil = Math.max(lastDeadlineAt(this.#sql, user), user.revokedUntil)
    return {
      version: user.version,
      isBare: revoked.length === 0,
      record: serializeRevocationHint({
        version: user.version,
        epoch: user.epoch,
        revoked: revoked.length > MOST_REVOKED_IN_HINT ? undefined : revoked,
      }),
      expirationTtl: Math.max(2 * (neededUntil - now) + CLOCK_MARGIN_SECONDS, SHORTEST_TTL_SECONDS),
    }
  }
}
