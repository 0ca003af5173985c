import { createStorageNames } from '../../platform/digest.ts'
import { placedNear } from '../../platform/location-hint.ts'
import { describeThrown, log } from '../../platform/log.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { OBJECT_WAIT_MILLISECONDS, within } from '../../platform/time-limit.ts'

type Stub = DurableObjectStub<import('./user-sessions.ts').UserSessions>

const nameOf = createStorageNames('user')

/** The object's own answer, or that there was none. */
export const flatten = <Value, Code extends string>(
  asked: Result<Result<Value, Code>, 'unavailable'>,
): Result<Value, Code | 'unavailable'> => (asked.ok ? asked.value : asked)

/**
 * Asks a user's object. An object that cannot be reached, fails or does not answer in time is
 * `unavailable`, which is never to be read as "no session". The stub is new each time, because one that
 * has failed stays broken.
 */
export async function askUserSessions<Answer>(
  userSessions: Env['USER_SESSIONS'],
  userId: string,
  question: (object: Stub) => Promise<Answer>,
  continent?: string,
): Promise<Result<Answer, 'unavailable'>> {
  const name = await nameOf(userId)
  try {
    const object = userSessions.getByName(name, placedNear(continent))
    const answer = await within(OBJECT_WAIT_MILLISECONDS, question(object))
    if (!answer.isLate) return ok(answer.value)
    log('error', { event: 'user_sessions.unavailable', user: userId, error: 'late' })
  } catch (thrown) {
    log('error', {
      event: 'user_sessions.unavailable',
      user: userId,
      error: describeThrown(thrown),
    })
  }
  return refuse('unavailable')
}
