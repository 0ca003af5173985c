/**
 * What the user has agreed that applications may see. A consent outlives every session: it is the one thing
 * that keeps an object which is otherwise asleep.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Consent } from './grant.ts'

export const consentsTable = `
  CREATE TABLE consents (
    application_id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    claims TEXT NOT NULL,
    given_at INTEGER NOT NULL,
    last_used_at INTEGER
  ) STRICT, WITHOUT ROWID;`

/** Before it, a consent was to scope and claims, whatever the API. */
export const consentsByResource = `
  ALTER TABLE consents ADD COLUMN resources TEXT NOT NULL DEFAULT '[]';`

export interface ConsentRow extends Consent {
  /** When the application last got tokens. */
  readonly lastUsedAt: EpochSeconds | undefined
}

type Columns = {
  application_id: string
  scope: string
  claims: string
  resources: string
  given_at: number
  last_used_at: number | null
}

const toRow = (columns: Columns): ConsentRow => ({
  applicationId: columns.application_id,
  scope: JSON.parse(columns.scope) as string[],
  claims: JSON.parse(columns.claims) as string[],
  resources: JSON.parse(columns.resources) as string[],
  givenAt: columns.given_at,
  lastUsedAt: columns.last_used_at ?? undefined,
})

export function findConsent(sql: SqlStorage, applicationId: string): ConsentRow | undefined {
  const [columns] = sql
    .exec<Columns>('SELECT * FROM consents WHERE application_id = ?', applicationId)
    .toArray()
  return columns && toRow(columns)
}

export const allConsents = (sql: SqlStorage): ConsentRow[] =>
  sql.exec<Columns>('SELECT * FROM consents ORDER BY given_at').toArray().map(toRow)

/** Adds to what was given before. */
export function addConsent(
  sql: SqlStorage,
  { applicationId, scope, claims, resources }: Omit<Consent, 'givenAt'>,
  now: EpochSeconds,
): void {
  const known = findConsent(sql, applicationId)
  const union = (before: readonly string[] = [], more: readonly string[]) =>
    JSON.stringify([...new Set([...before, ...more])])
  sql.exec(
    `INSERT INTO consents (application_id, scope, claims, resources, given_at) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (application_id) DO UPDATE SET scope = ?2, claims = ?3, resources = ?4, given_at = ?5`,
    applicationId,
    union(known?.scope, scope),
    union(known?.claims, claims),
    union(known?.resources, resources),
    now,
  )
}

export function noteConsentUsed(sql: SqlStorage, applicationId: string, now: EpochSeconds): void {
  sql.exec('UPDATE consents SET last_used_at = ? WHERE application_id = ?', now, applicationId)
}

/** Whether there was one. */
export const deleteConsent = (sql: SqlStorage, applicationId: string): boolean =>
  sql.exec('DELETE FROM consents WHERE application_id = ?', applicationId).rowsWritten > 0

export function deleteAllConsents(sql: SqlStorage): void {
  sql.exec('DELETE FROM consents')
}

export const hasConsents = (sql: SqlStorage): boolean =>
  sql.exec('SELECT 1 FROM consents LIMIT 1').toArray().length > 0
