/**
 * The question that comes with every request at `strict`, in one query at most over the few columns that decide it. It
 * says yes to what is plainly so. Whatever else it meets is for `UserRows.readLive`, which ends what has run out and
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

type Row = {
  readonly user_id: UserId
  readonly present_epoch: number
  readonly is_revoked: number
  readonly epoch: number
  readonly idle_deadline_at: number
  readonly absolute_deadline_at: number
  readonly provider_id: string | null
  readonly application_id: string | null
}

/**
 * Remembers what the tables said of the last token, for as long as nothing else is asked of them: requests come in
 * bursts with one token, and nobody but this object writes to its tables. Time and rules come with each question.
 */
export class TokenStanding {
  /** For everybody else in this object: whatever is asked through it, this forgets. */
  readonly sql: SqlStorage
  readonly #tables: SqlStorage
  #last: { readonly token: string; readonly row: Row } | undefined

  constructor(tables: SqlStorage) {
    this.#tables = tables
    const exec: SqlStorage['exec'] = (query, ...bindings) => {
      this.#last = undefined
      return tables.exec(query, ...bindings)
    }
    this.sql = { exec } as SqlStorage
  }

  /** Throws where there are no tables: nobody has ever had a session here. */
  isPlain(token: HeldToken): boolean {
    const { sid, ids = [] } = token
    const name = `${sid} ${ids.join(' ')}`
    if (this.#last?.token !== name) {
      const row = readRow(this.#tables, sid, ids)
      this.#last = row && { token: name, row }
    }
    return this.#last !== undefined && plainlyStands(this.#last.row, token)
  }
}

function readRow(sql: SqlStorage, sid: SessionId, ids: readonly string[]): Row | undefined {
  const [row] = sql
    .exec<Row>(
      `SELECT ${USER_ID} AS user_id, ${PRESENT_EPOCH} AS present_epoch,
         ${anyRevokedOf(ids)} AS is_revoked, ${DECIDING_SQL}`,
      ...ids,
      sid,
    )
    .toArray()
  return row
}

function plainlyStands(row: Row, token: HeldToken): boolean {
  const { sid, epoch, now } = token
  if (row.is_revoked === 1) return false
  if (row.epoch !== epoch || row.present_epoch !== epoch) return false
  const deadlines = {
    sid,
    idleDeadlineAt: row.idle_deadline_at,
    absoluteDeadlineAt: row.absolute_deadline_at,
  }
  if (expiryOf(deadlines, now) !== undefined) return false
  const session = {
    userId: row.user_id,
    sid,
    providerId: row.provider_id ?? undefined,
    applicationId: row.application_id ?? undefined,
  }
  return !isOutlawed(session, token)
}
