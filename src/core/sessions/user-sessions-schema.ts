/**
 * The schema of a user's object, as a list of steps. An object is prepared when the first session opens,
 * not when it is constructed: merely asking an object about a user it does not know leaves it empty, and
 * an empty object costs nothing.
 */
import { consentsByResource, consentsTable } from './consents-table.ts'
import { deliveriesTable } from './deliveries-table.ts'
import { grantsTable } from './grants-table.ts'
import { outboxTable } from './outbox.ts'
import { participantsTable } from './participants-table.ts'
import { passwordAttemptsTable } from './password-attempts-table.ts'
import { revokedIdsTable } from './revoked-ids.ts'
import { seenLogoutTokensTable } from './seen-logout-tokens.ts'
import { sessionsTable } from './sessions-table.ts'
import { userTable } from './user-table.ts'

/** Append only: a step that has been deployed is never changed. */
const STEPS: readonly string[] = [
  [
    userTable,
    sessionsTable,
    outboxTable,
    seenLogoutTokensTable,
    grantsTable,
    revokedIdsTable,
    participantsTable,
    consentsTable,
    deliveriesTable,
    passwordAttemptsTable,
  ].join('\n'),
  consentsByResource,
]

/** The number of the first: what was before version 0.1 went into it. */
const FIRST = 6

/** Whether the object holds a user at all. */
export const isPrepared = (sql: SqlStorage): boolean =>
  // It is the first table: a look at one row, where a scan of all would come with every call.
  sql.exec(`SELECT 1 FROM sqlite_master WHERE name = 'schema_steps' LIMIT 1`).toArray().length > 0

/** The steps that are still to be taken by an object that holds a user. */
function missingSteps(sql: SqlStorage): readonly string[] {
  const { last } = sql.exec<{ last: number }>('SELECT MAX(step) AS last FROM schema_steps').one()
  return STEPS.filter((_, index) => FIRST + index > last)
}

/** Whether the object holds a user in tables of before. */
export const isOutdated = (sql: SqlStorage): boolean =>
  isPrepared(sql) && missingSteps(sql).length > 0

/** Brings the schema up to date. Call inside a transaction, or where nothing can come between. */
export function prepare(sql: SqlStorage): void {
  const isNew = !isPrepared(sql)
  const missing = isNew ? STEPS : missingSteps(sql)
  if (missing.length === 0) return
  sql.exec(`
    ${isNew ? 'CREATE TABLE schema_steps (step INTEGER PRIMARY KEY) STRICT;' : ''}
    ${missing.join('\n')}
    INSERT INTO schema_steps (step) VALUES (${FIRST + STEPS.length - 1});`)
}
