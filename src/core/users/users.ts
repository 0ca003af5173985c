import type { Users } from './user.ts'
export function createUsers(_directory: D1Database): Users {
  return {} as Users
}
