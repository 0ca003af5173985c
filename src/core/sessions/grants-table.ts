/**
 * The grants of one user. A row is a whole line of descent: a code or device code, then the refresh tokens
 * that follow from it, one after the other. Each is a generation of the row, and only the present one can be
 * taken. So whatever else was ever handed out for the row is known to have been taken, without a row of its own.
 *
 * A grant is live only as long as its session, and nothing here is written when that ends: whoever takes one
 * asks for the session first. What is left of dead ones is deleted later.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { GrantBinding, GrantKind } from './grant.ts'
import type { SessionId } from './session.ts'

export const grantsTable = `
  CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    family TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN
      ('authorization_code', 'refresh_token', 'device_code', 'handoff_ticket', 'connection_token')),
    sid TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    application_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    -- Of the present generation; null when it was taken and nothing follows from it.
    secret_hash TEXT,
    -- Of the generation before, and the present one, sealed, for whoever asks for it again in time.
    previous_hash TEXT,
    sealed_successor TEXT,
    taken_at INTEGER,
    binding TEXT NOT NULL,
    content TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- When the last access token that came from it has expired.
    tokens_until INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX grants_by_application ON grants (application_id, sid, created_at);
  CREATE INDEX grants_by_family ON grants (family);`

/** Of one application in one session; one more, and what `surplusGrants` says gives way. */
export const MOST_GRANTS = 50
/** Of those, codes and tickets that nobody has taken yet and that do not give way to what is in use. */
export const UNTAKEN_KEPT = 10

export interface GrantRow {
  /** 24 lower-case hexadecimal digits. */
  readonly id: string
  readonly family: string
  /** What the present generation is. */
  readonly kind: GrantKind
  readonly sid: SessionId
  readonly epoch: number
  readonly applicationId: string
  readonly generation: number
  readonly secretHash: string | undefined
  readonly previousHash: string | undefined
  readonly sealedSuccessor: string | undefined
  readonly takenAt: EpochSeconds | undefined
  readonly binding: GrantBinding
  /** JSON, never looked into here. */
  readonly content: string
  readonly createdAt: EpochSeconds
  readonly expiresAt: EpochSeconds
  readonly tokensUntil: EpochSeconds
}

/** A grant that is being minted: its first generation. */
export type NewGrantRow = Pick<
  GrantRow,
  'id' | 'family' | 'kind' | 'sid' | 'epoch' | 'binding' | 'content' | 'createdAt' | 'expiresAt'
> & { readonly secretHash: string; readonly tokensUntil: EpochSeconds }

/** What follows from a generation that is taken. */
export interface NextGeneration {
  readonly takenAt: EpochSeconds
  readonly tokensUntil: EpochSeconds
  /** The refresh token; without one, nothing follows. */
  readonly successor?: {
    readonly secretHash: string
    readonly sealed: string | undefined
    readonly binding: GrantBinding
    readonly expiresAt: EpochSeconds
  }
}

type Columns = {
  id: string
  family: string
  kind: GrantKind
  sid: SessionId
  epoch: number
  application_id: string
  generation: number
  secret_hash: string | null
  previous_hash: string | null
  sealed_successor: string | null
  taken_at: number | null
  binding: string
  content: string
  created_at: number
  expires_at: number
  tokens_until: number
}

const toRow = (columns: Columns): GrantRow => ({
  id: columns.id,
  family: columns.family,
  kind: columns.kind,
  sid: columns.sid,
  epoch: columns.epoch,
  applicationId: columns.application_id,
  generation: columns.generation,
  secretHash: columns.secret_hash ?? undefined,
  previousHash: columns.previous_hash ?? undefined,
  sealedSuccessor: columns.sealed_successor ?? undefined,
  takenAt: columns.taken_at ?? undefined,
  binding: JSON.parse(columns.binding) as GrantBinding,
  content: columns.content,
  createdAt: columns.created_at,
  expiresAt: columns.expires_at,
  tokensUntil: columns.tokens_until,
})

export function insertGrant(sql: SqlStorage, grant: NewGrantRow): void {
  sql.exec(
    `INSERT INTO grants (id, family, kind, sid, epoch, application_id, generation, secret_hash, binding, content,
       created_at, expires_at, tokens_until)
     VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?)`,
    grant.id,
    grant.family,
    grant.kind,
    grant.sid,
    grant.epoch,
    grant.binding.applicationId,
    grant.secretHash,
    JSON.stringify(grant.binding),
    grant.content,
    grant.createdAt,
    grant.expiresAt,
    grant.tokensUntil,
  )
}

export function findGrant(sql: SqlStorage, id: string): GrantRow | undefined {
  const [columns] = sql.exec<Columns>('SELECT * FROM grants WHERE id = ?', id).toArray()
  return columns && toRow(columns)
}

/** All of an application, whatever their session. */
export const grantsOf = (sql: SqlStorage, applicationId: string): GrantRow[] =>
  sql
    .exec<Columns>('SELECT * FROM grants WHERE application_id = ?', applicationId)
    .toArray()
    .map(toRow)

/**
 * Those of an application in a session that must go so that one more fits: what gives nothing any more, which the
 * alarm may not come by for hours to delete; then what nobody has taken, but for the newest few; then the oldest.
 * Any page can send the browser for as many codes and tickets as it likes, and none of them has signed anybody in.
 * But a session that is full of applications in use still lets several sign in at once.
 */
export const surplusGrants = (
  sql: SqlStorage,
  applicationId: string,
  sid: SessionId,
  now: EpochSeconds,
): GrantRow[] =>
  sql
    .exec<Columns>(
      `SELECT * FROM grants WHERE application_id = ?1 AND sid = ?2
         AND (SELECT COUNT(*) FROM grants WHERE application_id = ?1 AND sid = ?2) > ?4
       ORDER BY MAX(expires_at, tokens_until) > ?3 DESC,
         kind <> 'refresh_token' AND ROW_NUMBER() OVER (
           PARTITION BY kind <> 'refresh_token' ORDER BY created_at DESC, rowid DESC) > ?5,
         created_at DESC, rowid DESC
       LIMIT -1 OFFSET ?4`,
      applicationId,
      sid,
      now,
      MOST_GRANTS - 1,
      UNTAKEN_KEPT - 1,
    )
    .toArray()
    .map(toRow)

/** Marks the present generation as taken; what follows from it is the present one from here on. */
export function advanceGrant(
  sql: SqlStorage,
  grant: GrantRow,
  { takenAt, tokensUntil, successor }: NextGeneration,
): void {
  sql.exec(
    `UPDATE grants SET generation = generation + 1, kind = 'refresh_token', previous_hash = secret_hash,
       secret_hash = ?, sealed_successor = ?, binding = ?, expires_at = ?, taken_at = ?, tokens_until = ?
     WHERE id = ?`,
    successor?.secretHash ?? null,
    successor?.sealed ?? null,
    JSON.stringify(successor?.binding ?? grant.binding),
    successor?.expiresAt ?? grant.expiresAt,
    takenAt,
    Math.max(grant.tokensUntil, tokensUntil),
    grant.id,
  )
}

/** Tokens come from a grant that was taken before: the same successor was handed out again. */
export function extendTokensOf(sql: SqlStorage, id: string, until: EpochSeconds): void {
  sql.exec('UPDATE grants SET tokens_until = MAX(tokens_until, ?) WHERE id = ?', until, id)
}

/** Deletes a family. When the last access token that came from it has expired; 0 where none came. */
export function deleteFamily(sql: SqlStorage, family: string): EpochSeconds {
  const rows = sql
    .exec<{ tokens_until: number }>(
      'DELETE FROM grants WHERE family = ? RETURNING tokens_until',
      family,
    )
    .toArray()
  return Math.max(0, ...rows.map(({ tokens_until: until }) => until))
}

/** Deletes what can neither be taken any more nor has tokens that could be revoked by it. */
export function purgeGrants(
  sql: SqlStorage,
  live: { readonly epoch: number; readonly sids: readonly SessionId[] },
  now: EpochSeconds,
): void {
  sql.exec(
    `DELETE FROM grants WHERE MAX(expires_at, tokens_until) <= ?
       OR epoch <> ? OR sid NOT IN (SELECT value FROM json_each(?))`,
    now,
    live.epoch,
    JSON.stringify(live.sids),
  )
}
