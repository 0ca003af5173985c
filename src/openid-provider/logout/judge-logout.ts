import type { Subjects } from '../../core/applications/subject.ts'
import type { Sessions } from '../../core/sessions/sessions.ts'
import type { SessionId, UserId } from '../../core/sessions/session.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { LogoutRequest } from './logout-request.ts'

/**
 * What is to be done: `end` the session of this browser; `ask` the person first; or there is nobody to sign out,
 * so `pass`.
 */
export type LogoutVerdict = 'end' | 'ask' | 'pass'

export interface JudgingParts {
  readonly sessions: Pick<Sessions, 'peek' | 'readSignIn'>
  readonly subjects: Subjects
}

/**
 * C21: a request ends a session at once only with a hint of that very session, since anybody can send anybody here
 * (RP-Initiated Logout 1.0 §6). The same goes for a session that has ended here, and may be open at the provider.
 */
export async function judgeLogout(
  { sessions, subjects }: JudgingParts,
  request: Pick<LogoutRequest, 'application' | 'hint'>,
  cookie: string | undefined,
  now: EpochSeconds,
): Promise<Result<LogoutVerdict, 'unavailable'>> {
  const live = await sessions.peek(cookie, now)
  if (live.ok) return ok((await isNamed(subjects, request, live.value)) ? 'end' : 'ask')
  if (live.refusal.code === 'unavailable') return { ok: false, refusal: { code: 'unavailable' } }
  const kept = await sessions.readSignIn(cookie)
  return ok(kept.ok && (await isNamed(subjects, request, kept.value)) ? 'end' : 'pass')
}

async function isNamed(
  subjects: Subjects,
  { application, hint }: Pick<LogoutRequest, 'application' | 'hint'>,
  { userId, sid }: { readonly userId: UserId; readonly sid: SessionId },
): Promise<boolean> {
  if (application === undefined || hint === undefined) return false
  return (
    hint.clientSid === (await subjects.sessionIdFor(application, sid)) &&
    hint.subject === (await subjects.subjectFor(application, userId))
  )
}
