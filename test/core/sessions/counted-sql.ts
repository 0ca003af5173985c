import { runInDurableObject } from 'cloudflare:test'
import type { UserId } from '../../../src/core/sessions/session.ts'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { objectOf } from './signed-in-user.ts'

/** What a piece of work asks of an object's own database. */
export interface SqlCost {
  readonly statements: number
  readonly rowsRead: number
  readonly rowsWritten: number
}

/** Does the work in the user's object, and counts. */
export const countedSql = async (
  userId: UserId,
  work: (object: UserSessions) => unknown,
): Promise<SqlCost> =>
  runInDurableObject(await objectOf(userId), async (object: UserSessions, { storage }) => {
    const exec = storage.sql.exec.bind(storage.sql)
    const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = []
    Object.defineProperty(storage.sql, 'exec', {
      configurable: true,
      value: (...question: Parameters<typeof exec>) => {
        const cursor = exec(...question)
        cursors.push(cursor)
        return cursor
      },
    })
    await work(object)
    Reflect.deleteProperty(storage.sql, 'exec')
    const sum = (of: 'rowsRead' | 'rowsWritten') =>
      cursors.reduce((total, cursor) => total + cursor[of], 0)
    return {
      statements: cursors.length,
      rowsRead: sum('rowsRead'),
      rowsWritten: sum('rowsWritten'),
    }
  })
