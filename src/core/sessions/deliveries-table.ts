/**
 * Who still has to hear of which end: one row for each application that took part in a session, written in the
 * transaction of the session's end. A row says when it is to be tried next, also while an attempt is under
 * way, so that an eviction at any moment only delays it.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { randomId } from '../../platform/random.ts'
import type { Delivery, DeliveryProgress, DeliveryState } from './delivery.ts'
import type { ParticipantProtocol, Participation } from './grant.ts'
import { deleteParticipant, endedParticipants, findParticipant } from './participants-table.ts'
import type { Participant } from './participants-table.ts'
import type { SessionId } from './session.ts'

export const deliveriesTable = `
  CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    sid TEXT NOT NULL,
    application_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    client_sid TEXT NOT NULL,
    protocol TEXT NOT NULL,
    ended_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'due'
      CHECK (state IN ('due', 'told', 'unconcerned', 'unlisted', 'given_up')),
    -- Long ago is at once, whatever the clock of whoever asked (an alarm cannot be set for 0). Of one that is
    -- over: when the row may go.
    due_at INTEGER NOT NULL DEFAULT 1,
    give_up_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    refusals INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    remembered TEXT
  ) STRICT;
  CREATE INDEX deliveries_by_time ON deliveries (due_at);
  CREATE INDEX deliveries_by_session ON deliveries (sid);`

/** From the end of the session, or from a replay: what nobody has taken by then is given up. */
export const GIVE_UP_SECONDS = 24 * 3600
/** How long it can be read what became of a delivery that is over. */
const KEPT_SETTLED_SECONDS = 600
/** The most participants without a session's end that one change takes over. */
const MOST_AT_ONCE = 500

export interface DeliveryRow extends Omit<Delivery, 'userId'> {
  readonly state: DeliveryState
  readonly giveUpAt: EpochSeconds
  readonly refusals: number
}

type Columns = {
  id: string
  sid: SessionId
  application_id: string
  subject: string
  client_sid: string
  protocol: ParticipantProtocol
  ended_at: number
  state: DeliveryState
  give_up_at: number
  attempts: number
  refusals: number
  last_error: string | null
  remembered: string | null
}

const toRow = (columns: Columns): DeliveryRow => ({
  id: columns.id,
  sid: columns.sid,
  applicationId: columns.application_id,
  subject: columns.subject,
  clientSid: columns.client_sid,
  protocol: columns.protocol,
  endedAt: columns.ended_at,
  state: columns.state,
  giveUpAt: columns.give_up_at,
  attempts: columns.attempts,
  refusals: columns.refusals,
  lastError: columns.last_error ?? undefined,
  remembered: columns.remembered ?? undefined,
})

/**
 * Notes, in the transaction of an end, that these participants have to hear of it, at once. They are none any
 * more: whoever comes back begins anew.
 */
export function takeOver(
  sql: SqlStorage,
  participants: readonly Participant[],
  endedAt: EpochSeconds,
  now: EpochSeconds,
): void {
  for (const participant of participants) {
    const { sid, applicationId, subject, clientSid, protocol } = participant
    sql.exec(
      `INSERT INTO deliveries (id, sid, application_id, subject, client_sid, protocol, ended_at, give_up_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      randomId(),
      sid,
      applicationId,
      subject,
      clientSid,
      protocol,
      endedAt,
      now + GIVE_UP_SECONDS,
    )
    deleteParticipant(sql, participant)
  }
}

/** The same for those that were disconnected or removed while their session goes on. */
export function takeOverEnded(sql: SqlStorage, now: EpochSeconds): void {
  for (const participant of endedParticipants(sql, MOST_AT_ONCE)) {
    takeOver(sql, [participant], participant.end?.endedAt ?? now, now)
  }
}

/**
 * An application that is there again goes by the `sid` that it had before: what it has not heard yet of the end of
 * that time must not end this one.
 */
export function forgetDue(
  sql: SqlStorage,
  sid: SessionId,
  { applicationId, protocol = 'openid' }: Pick<Participation, 'applicationId' | 'protocol'>,
): void {
  sql.exec(
    `DELETE FROM deliveries WHERE sid = ? AND application_id = ? AND protocol = ? AND state = 'due'`,
    sid,
    applicationId,
    protocol,
  )
}

/** A delivery that was given up, as it is put back. */
export type Replayed = Omit<Delivery, 'attempts' | 'lastError'>

/**
 * Begins a delivery anew that was given up, unless the application takes part in the session again (`forgetDue`).
 * Doing it again begins it again.
 */
export function putBack(sql: SqlStorage, delivery: Replayed, now: EpochSeconds): void {
  if (findParticipant(sql, delivery) !== undefined) return
  sql.exec(
    `INSERT INTO deliveries
       (id, sid, application_id, subject, client_sid, protocol, ended_at, give_up_at, remembered)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET state = 'due', due_at = 1, give_up_at = excluded.give_up_at,
       attempts = 0, refusals = 0, last_error = NULL`,
    delivery.id,
    delivery.sid,
    delivery.applicationId,
    delivery.subject,
    delivery.clientSid,
    delivery.protocol,
    delivery.endedAt,
    now + GIVE_UP_SECONDS,
    delivery.remembered ?? null,
  )
}

/** The applications with something due, those that have never failed first. */
export const dueApplications = (
  sql: SqlStorage,
  now: EpochSeconds,
): { readonly applicationId: string; readonly hasFailed: boolean }[] =>
  sql
    .exec<{ application_id: string; attempts: number }>(
      `SELECT application_id, MAX(attempts) AS attempts FROM deliveries
       WHERE due_at <= ? AND state IN ('due', 'unlisted')
       GROUP BY application_id ORDER BY MAX(attempts), MIN(due_at)`,
      now,
    )
    .toArray()
    .map((row) => ({ applicationId: row.application_id, hasFailed: row.attempts > 0 }))

/**
 * Takes an application's next due delivery, the one with the fewest attempts, and puts it off until
 * `nextAt`: that is when it is tried again if nothing more is heard of this attempt.
 */
export function beginAttempt(
  sql: SqlStorage,
  applicationId: string,
  now: EpochSeconds,
  nextAt: EpochSeconds,
): DeliveryRow | undefined {
  const [columns] = sql
    .exec<Columns>(
      `UPDATE deliveries SET attempts = attempts + (state = 'due'), due_at = ?1 WHERE id = (
         SELECT id FROM deliveries
         WHERE application_id = ?2 AND due_at <= ?3 AND state IN ('due', 'unlisted')
         ORDER BY attempts, due_at, rowid LIMIT 1)
       RETURNING *`,
      nextAt,
      applicationId,
      now,
    )
    .toArray()
  return columns && toRow(columns)
}

/** Nothing more is to be tried. */
export function settle(
  sql: SqlStorage,
  id: string,
  state: 'told' | 'unconcerned' | 'given_up',
  now: EpochSeconds,
): void {
  sql.exec(
    'UPDATE deliveries SET state = ?, due_at = ? WHERE id = ?',
    state,
    now + KEPT_SETTLED_SECONDS,
    id,
  )
}

export interface FailedAttempt {
  readonly state: 'due' | 'unlisted'
  readonly nextAt: EpochSeconds
  readonly error: string
  readonly isRefusal: boolean
  readonly remember: string | undefined
}

export function recordFailure(sql: SqlStorage, id: string, failed: FailedAttempt): void {
  sql.exec(
    `UPDATE deliveries SET state = ?, due_at = ?, last_error = ?,
       refusals = CASE WHEN ? THEN refusals + 1 ELSE 0 END, remembered = COALESCE(?, remembered)
     WHERE id = ?`,
    failed.state,
    failed.nextAt,
    failed.error,
    failed.isRefusal ? 1 : 0,
    failed.remember ?? null,
    id,
  )
}

/** An attempt that has nothing to do with the application itself. */
export function putOff(sql: SqlStorage, id: string, nextAt: EpochSeconds): void {
  sql.exec('UPDATE deliveries SET due_at = ? WHERE id = ?', nextAt, id)
}

/** What else is due to an application that has just failed waits with it, and has lost no attempt. */
export function putOffOthers(sql: SqlStorage, applicationId: string, nextAt: EpochSeconds): void {
  sql.exec(
    `UPDATE deliveries SET due_at = ?1 WHERE application_id = ?2 AND state = 'due' AND due_at < ?1`,
    nextAt,
    applicationId,
  )
}

/** How far the telling of one session's end has come. */
export const progressOf = (sql: SqlStorage, sid: SessionId): DeliveryProgress[] =>
  sql
    .exec<Columns>('SELECT * FROM deliveries WHERE sid = ? ORDER BY rowid', sid)
    .toArray()
    .map(toRow)
    .map(({ applicationId, protocol, clientSid, state, attempts }) => ({
      applicationId,
      protocol,
      clientSid,
      state,
      attempts,
    }))

export function forgetSettled(sql: SqlStorage, now: EpochSeconds): void {
  sql.exec(`DELETE FROM deliveries WHERE due_at <= ? AND state NOT IN ('due', 'unlisted')`, now)
}

/** When the alarm is next needed here. */
export const nextDeliveryAt = (sql: SqlStorage): EpochSeconds | undefined =>
  sql.exec<{ due_at: number | null }>('SELECT MIN(due_at) AS due_at FROM deliveries').one()
    .due_at ?? undefined
