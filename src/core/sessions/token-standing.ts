/**
 * The question that comes with every request at `strict`, in one query over the few columns that decide it. It says
 * yes to what is plainly so. Whatever else it meets is for `UserRows.readLive`, which ends what has run out and
 * knows the causes.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { isOutlawed } from './session-rules.ts'
import type { Ruled } from './session-rules.ts'
import { deadlineOf } from './session.ts'
import type { SessionId, UserId } from './session.ts'

/** A token, with the ids by which it could have been revoked alone: its own, and its family's. */
export interface HeldToken extends Ruled {
  readonly sid: SessionId
  readonly epoch: number
  readonly ids?: readonly string[]
  readonly now: EpochSeconds
}

/** Throws where there are no tables: nobody has ever had a session here. */
export function plainlyStands(sql: SqlStorage, token: HeldToken): boolean {
  const { sid, epoch, ids = [], now } = token
  const [row] = sql
    .exec<{
      user_id: UserId
      user_epoch: number
      epoch: number
      provider_id: string | null
      application_id: string | null
      idle_deadline_at: number
      absolute_deadline_at: number
      is_revoked: number
    }>(
      `SELECT user.id AS user_id, user.epoch AS user_epoch, sessions.epoch AS epoch,
         authentication ->> 'providerId' AS provider_id, authentication ->> 'applicationId' AS application_id,
         idle_deadline_at, absolute_deadline_at,
         EXISTS (SELECT 1 FROM revoked_ids WHERE revoked_ids.id IN (${ids.map(() => '?').join(', ')})) AS is_revoked
       FROM sessions, user WHERE sid = ? AND end_cause IS NULL`,
      ...ids,
      sid,
    )
    .toArray()
  if (row === undefined || row.is_revoked === 1) return false
  if (row.epoch !== epoch || row.user_epoch !== epoch) return false
  const deadline = deadlineOf({
    idleDeadlineAt: row.idle_deadline_at,
    absoluteDeadlineAt: row.absolute_deadline_at,
  })
  const session = {
    userId: row.user_id,
    sid,
    providerId: row.provider_id ?? undefined,
    applicationId: row.application_id ?? undefined,
  }
  return now < deadline && !isOutlawed(session, token)
}
