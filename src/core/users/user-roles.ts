/**
 * What operators say that a person is: `admin`, `editor`. Only the management API sets roles; no provider, no
 * application and no request does. What a role amounts to is for each application to say. Owns the table
 * `user_roles` (migrations/0009_widgets.sql).
 */
import { askDirectory } from '../../platform/ask-directory.ts'
import { ok } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'

export interface UserRoles {
  /** In alphabetical order. Read from the directory each time: a change holds for whatever is issued next. */
  of(userId: string): Promise<Result<readonly string[], 'unavailable'>>
  /** Puts these in place of all before them. False where there is no such user. */
  replace(userId: string, roles: readonly string[]): Promise<boolean>
}

export function createUserRoles(directory: D1Database): UserRoles {
  return {
    of: (userId) =>
      askDirectory(async () => {
        const { results } = await directory
          .prepare('SELECT role FROM user_roles WHERE user_id = ?1 ORDER BY role')
          .bind(userId)
          .all<{ role: string }>()
        return ok(results.map(({ role }) => role))
      }),

    async replace(userId, roles) {
      const forget = directory.prepare('DELETE FROM user_roles WHERE user_id = ?1').bind(userId)
      const insert = directory.prepare('INSERT INTO user_roles (user_id, role) VALUES (?1, ?2)')
      try {
        await directory.batch([
          forget,
          ...[...new Set(roles)].map((role) => insert.bind(userId, role)),
        ])
        return true
      } catch (thrown) {
        if (/FOREIGN KEY constraint/.test(String(thrown))) return false
        throw thrown
      }
    },
  }
}
