import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { parseHandle } from './handle.ts'
import type { HandleAuthenticator } from './handle.ts'
import { parseSessionId } from './session.ts'
import type { SessionId, UserId } from './session.ts'

/** What a session cookie names and proves, if it is one of ours; no object is asked. */
export async function parseSessionHandle(
  authenticator: HandleAuthenticator,
  cookie: string | undefined,
): Promise<Result<{ userId: UserId; sid: SessionId; secretHash: string }, 'no_session'>> {
  if (cookie === undefined) return refuse('no_session')
  const handle = await parseHandle(authenticator, 's', cookie)
  if (!handle.ok) return refuse('no_session', { handle: handle.refusal.code })
  const { userId, reference, secretHash } = handle.value
  const sid = parseSessionId(reference)
  return sid === undefined ? refuse('no_session') : ok({ userId, sid, secretHash })
}
