/**
 * The applications that took part in a session: they got tokens from it, and must hear when it ends. A row
 * stays until whoever tells them (the deliveries) has taken it over.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { randomId } from '../../platform/random.ts'
import type { ParticipantProtocol, Participation } from './grant.ts'
import type { EndCause, SessionId } from './session.ts'

export const participantsTable = `
  CREATE TABLE participants (
    sid TEXT NOT NULL,
    application_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    client_sid TEXT NOT NULL,
    protocol TEXT NOT NULL CHECK (protocol IN ('openid', 'handoff', 'handoff_host')),
    -- Of the access tokens that it got without a grant.
    family TEXT NOT NULL,
    scope TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    -- It takes part no more, though the session may go on.
    ended_at INTEGER,
    end_cause TEXT,
    PRIMARY KEY (sid, application_id, protocol),
    CHECK ((ended_at IS NULL) = (end_cause IS NULL))
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX participants_ended ON participants (ended_at) WHERE ended_at IS NOT NULL;
  CREATE INDEX participants_by_application ON participants (application_id);`

export interface Participant extends Participation {
  readonly protocol: ParticipantProtocol
  readonly sid: SessionId
  readonly family: string
  readonly scope: readonly string[]
  readonly firstAt: EpochSeconds
  readonly lastAt: EpochSeconds
  /** Set when it was disconnected or removed; otherwise it takes part as long as the session lives. */
  readonly end: { readonly cause: EndCause; readonly endedAt: EpochSeconds } | undefined
}

type Columns = {
  sid: SessionId
  application_id: string
  subject: string
  client_sid: string
  protocol: ParticipantProtocol
  family: string
  scope: string
  first_at: number
  last_at: number
  ended_at: number | null
  end_cause: EndCause | null
}

const toParticipant = (columns: Columns): Participant => ({
  sid: columns.sid,
  applicationId: columns.application_id,
  subject: columns.subject,
  clientSid: columns.client_sid,
  protocol: columns.protocol,
  family: columns.family,
  scope: columns.scope.split(' ').filter((value) => value !== ''),
  firstAt: columns.first_at,
  lastAt: columns.last_at,
  end:
    columns.end_cause === null || columns.ended_at === null
      ? undefined
      : { cause: columns.end_cause, endedAt: columns.ended_at },
})

/** Notes that an application takes part, now, with these scopes. One that had ended begins anew. */
export function noteParticipant(
  sql: SqlStorage,
  sid: SessionId,
  { applicationId, subject, clientSid, protocol = 'openid' }: Participation,
  { scope, now }: { readonly scope: readonly string[]; readonly now: EpochSeconds },
): Participant {
  const known = findParticipant(sql, { sid, applicationId, protocol })
  const present = known?.end === undefined ? known : undefined
  const columns = sql
    .exec<Columns>(
      `INSERT OR REPLACE INTO participants
         (sid, application_id, subject, client_sid, protocol, family, scope, first_at, last_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *`,
      sid,
      applicationId,
      subject,
      clientSid,
      protocol,
      present?.family ?? randomId(),
      [...new Set([...(present?.scope ?? []), ...scope])].join(' '),
      present?.firstAt ?? now,
      now,
    )
    .one()
  return toParticipant(columns)
}

/** Tokens were handed out again, by a grant that it had before. */
export function noteParticipantUsed(
  sql: SqlStorage,
  sid: SessionId,
  applicationId: string,
  now: EpochSeconds,
): void {
  sql.exec(
    'UPDATE participants SET last_at = ? WHERE sid = ? AND application_id = ? AND ended_at IS NULL',
    now,
    sid,
    applicationId,
  )
}

export function findParticipant(
  sql: SqlStorage,
  { sid, applicationId, protocol }: Pick<Participant, 'sid' | 'applicationId' | 'protocol'>,
): Participant | undefined {
  const [columns] = sql
    .exec<Columns>(
      'SELECT * FROM participants WHERE sid = ? AND application_id = ? AND protocol = ?',
      sid,
      applicationId,
      protocol,
    )
    .toArray()
  return columns && toParticipant(columns)
}

/** Who takes, or took, part in a session. */
export const participantsOf = (sql: SqlStorage, sid: SessionId): Participant[] =>
  sql
    .exec<Columns>('SELECT * FROM participants WHERE sid = ? ORDER BY first_at', sid)
    .toArray()
    .map(toParticipant)

/** The sessions that have come of the same session at a host as this one, itself among them; none, if it came of none. */
export const handedOverWith = (sql: SqlStorage, sid: SessionId): SessionId[] =>
  sql
    .exec<{ sid: SessionId }>(
      `SELECT other.sid FROM participants mine JOIN participants other USING (application_id, client_sid, protocol)
       WHERE mine.sid = ? AND protocol = 'handoff_host'`,
      sid,
    )
    .toArray()
    .map((row) => row.sid)

/** All rows of an application, or of all applications; a host that has handed a person over to us is none. */
export const participations = (sql: SqlStorage, applicationId?: string): Participant[] =>
  sql
    .exec<Columns>(
      `SELECT * FROM participants
       WHERE (?1 IS NULL OR application_id = ?1) AND protocol <> 'handoff_host' ORDER BY first_at`,
      applicationId ?? null,
    )
    .toArray()
    .map(toParticipant)

/** The sessions that anybody takes, or took, part in: whether they have ended is for their own table to say. */
export const participatedSids = (sql: SqlStorage): SessionId[] =>
  sql
    .exec<{ sid: SessionId }>('SELECT DISTINCT sid FROM participants')
    .toArray()
    .map(({ sid }) => sid)

/** Up to `limit` rows of applications that were disconnected or removed, whatever has become of the session. */
export const endedParticipants = (sql: SqlStorage, limit: number): Participant[] =>
  sql
    .exec<Columns>('SELECT * FROM participants WHERE ended_at IS NOT NULL LIMIT ?', limit)
    .toArray()
    .map(toParticipant)

/** An application takes part in this session no more. The first end is the one that counts. */
export function endParticipant(
  sql: SqlStorage,
  { sid, applicationId, protocol }: Pick<Participant, 'sid' | 'applicationId' | 'protocol'>,
  { cause, endedAt }: NonNullable<Participant['end']>,
): void {
  sql.exec(
    `UPDATE participants SET ended_at = ?, end_cause = ?
     WHERE sid = ? AND application_id = ? AND protocol = ? AND ended_at IS NULL`,
    endedAt,
    cause,
    sid,
    applicationId,
    protocol,
  )
}

/** For whoever has taken over what must be told of it. */
export function deleteParticipant(
  sql: SqlStorage,
  { sid, applicationId, protocol }: Pick<Participant, 'sid' | 'applicationId' | 'protocol'>,
): void {
  sql.exec(
    'DELETE FROM participants WHERE sid = ? AND application_id = ? AND protocol = ?',
    sid,
    applicationId,
    protocol,
  )
}
