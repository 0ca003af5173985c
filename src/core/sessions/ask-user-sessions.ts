import { askObject } from '../../platform/ask-object.ts'
import { createStorageNames } from '../../platform/digest.ts'
import { placedNear } from '../../platform/location-hint.ts'
import type { Result } from '../../platform/refusal.ts'

type Stub = DurableObjectStub<import('./user-sessions.ts').UserSessions>

const nameOf = createStorageNames('user')

/** Asks a user's object; `unavailable` is never to be read as "no session". */
export const askUserSessions = <Answer>(
  userSessions: Env['USER_SESSIONS'],
  userId: string,
  question: (object: Stub) => Promise<Answer>,
  continent?: string,
): Promise<Result<Answer, 'unavailable'>> =>
  askObject({ event: 'user_sessions.unavailable', user: userId }, async () =>
    question(userSessions.getByName(await nameOf(userId), placedNear(continent))),
  )
