/**
 * The question that comes with every request at `strict`, in one query over the few columns that decide it. It says
 * yes to what is plainly so. Whatever else it meets is for `UserRows.readLive`, which ends what has run out and
 * knows the causes.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { anyRevokedOf } from './revoked-ids.ts'
import { isOutlawed } from './session-rules.ts'
import type { Ruled } from './session-rules.ts'
import { expiryOf } from './session-expiry.ts'
import type { SessionId, UserId } from './session.ts'
import { DECIDING_SQL } from './sessions-table.ts'
import { PRESENT_EPOCH, USER_ID } from './user-table.ts'

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
      present_epoch: number
      is_revoked: number
      epoch: number
      provider_id: string | null
      application_id: string | null
      idle_deadline_at: number
      absolute_deadline_at: number
    }>(
      `SELECT ${USER_ID} AS user_id, ${PRESENT_EPOCH} AS present_epoch, ${anyRevokedOf(ids)} AS is_revoked,
         ${DECIDING_SQL.columns} ${DECIDING_SQL.fromOne}`,
      ...ids,
      sid,
    )
    .toArray()
  if (row === undefined || row.is_revoked === 1) return false
  if (row.epoch !== epoch || row.present_epoch !== epoch) return false
  const deadlines = {
    sid,
    idleDeadlineAt: row.idle_deadline_at,
    absoluteDeadlineAt: row.absolute_deadline_at,
  }
  const session = {
    userId: row.user_id,
    sid,
    providerId: row.provider_id ?? undefined,
    applicationId: row.application_id ?? undefined,
  }
  return expiryOf(deadlines, now) === undefined && !isOutlawed(session, token)
}
