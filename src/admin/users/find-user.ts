import { parseUserId } from '../../core/sessions/session.ts'
import type { ListedUser, UserDirectory } from '../../core/users/user-directory.ts'

/** Whom an id in a path names. Any that is nobody's is answered 404, whatever is wrong with it (C35). */
export const createFindUser =
  (people: Pick<UserDirectory, 'find'>) =>
  async (text: string): Promise<ListedUser | undefined> => {
    const id = parseUserId(text)
    return id && people.find(id)
  }
