/**
 * The schema of a user's object, as a list of steps. An object is prepared when the first session opens,
 * not when it is constructed: merely asking an object about a user it does not know leaves it empty, and
 * an empty object costs nothing.
 */
import { consentsTable } from './consents-table.ts'
import { deliveriesTable } from './deliveries-table.ts'
import { grantsTable } from './grants-table.ts'
import { outboxTable } from './outbox.ts'
import { participantsTable } from './participants-table.ts'
import { passwordAttemptsTable } from './password-attempts-table.ts'
import { revokedIdsTable } from './revoked-ids.ts'
import { seenLogoutTokensTable } from './seen-logout-tokens.ts'
import { endedSessionsIndexes, sessionsTable } from './sessions-table.ts'
import { publishedHintColumn, userTable } from './user-table.ts'

/** Append only: a step that has been deployed is never changed. */
const STEPS: readonly string[] = [
  `${userTable} ${sessionsTable} ${outboxTable}`,
  seenLogoutTokensTable,
  endedSessionsIndexes,
  `${grantsTable} ${revokedIdsTable} ${participantsTable} ${consentsTable}`,
  deliveriesTable,
  passwordAttemptsTable,
  publishedHintColumn,
]

/** Whether the object holds a user at all. */
export const isPrepared = (sql: SqlStorage): boolean =>
  // It is the first table: a look at one row, where a scan of all would come with every call.
  sql.exec(`SELECT 1 FROM sqlite_master WHERE name = 'schema_steps' LIMIT 1`).toArray().length > 0

const stepsDone = (sql: SqlStorage): number =>
  sql.exec<{ done: number }>('SELECT COUNT(*) AS done FROM schema_steps').one().done

/** Whether the object holds a user in tables of before. */
export const isOutdated = (sql: SqlStorage): boolean =>
  isPrepared(sql) && stepsDone(sql) < STEPS.length

/** Brings the schema up to date. Call inside a transaction, or where nothing can come between. */
export function prepare(sql: SqlStorage): void {
  if (isPrepared(sql) && !isOutdated(sql)) return
  sql.exec('CREATE TABLE IF NOT EXISTS schema_steps (step INTEGER PRIMARY KEY) STRICT')
  const done = stepsDone(sql)
  const missing = STEPS.slice(done)
  const steps = missing.map((_, index) => `(${done + index})`)
  sql.exec(`${missing.join('\n')} INSERT INTO schema_steps (step) VALUES ${steps.join(', ')}`)
}
