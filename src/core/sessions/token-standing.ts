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

type Standing = {
  readonly present_epoch: number
  readonly is_revoked: number
  readonly epoch: number
  readonly idle_deadline_at: number
  readonly absolute_deadline_at: number
}
/** What rules look at besides. */
type Ruling = {
  readonly user_id: UserId
  readonly provider_id: string | null
  readonly application_id: string | null
}

/** Throws where there are no tables: nobody has ever had a session here. */
export function plainlyStands(sql: SqlStorage, token: HeldToken): boolean {
  const { sid, epoch, ids = [], rules, now } = token
  const ruling = rules === undefined ? '' : `, ${USER_ID} AS user_id, ${DECIDING_SQL.ruling}`
  const [row] = sql
    .exec<Standing & Partial<Ruling>>(
      `SELECT ${PRESENT_EPOCH} AS present_epoch, ${anyRevokedOf(ids)} AS is_revoked,
         ${DECIDING_SQL.standing}${ruling} ${DECIDING_SQL.fromOne}`,
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
  if (expiryOf(deadlines, now) !== undefined) return false
  if (row.user_id === undefined) return rules === undefined
  const session = {
    userId: row.user_id,
    sid,
    providerId: row.provider_id ?? undefined,
    applicationId: row.application_id ?? undefined,
  }
  return !isOutlawed(session, token)
}
