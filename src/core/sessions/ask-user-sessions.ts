import { askObject } from '../../platform/ask-object.ts'
import { createStorageNames } from '../../platform/digest.ts'
import { placedNear } from '../../platform/location-hint.ts'
import type { Result } from '../../platform/refusal.ts'

type Stub = DurableObjectStub<import('./user-sessions.ts').UserSessions>

interface Asking {
  /** Where the person is, should the object not have been placed yet. */
  readonly continent?: string | undefined
  /** How long an answer is waited for, where that is less than usual. */
  readonly waitMilliseconds?: number
}

const nameOf = createStorageNames('user')

/** Asks a user's object; `unavailable` is never to be read as "no session". */
export const askUserSessions = <Answer>(
  userSessions: Env['USER_SESSIONS'],
  userId: string,
  question: (object: Stub) => Promise<Answer>,
  { continent, waitMilliseconds }: Asking = {},
): Promise<Result<Answer, 'unavailable'>> =>
  askObject(
    { event: 'user_sessions.unavailable', user: userId },
    async () => question(userSessions.getByName(await nameOf(userId), placedNear(continent))),
    waitMilliseconds,
  )
