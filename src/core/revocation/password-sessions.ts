/**
 * Sessions that an application opens with a person's own username and password. Unknown names, wrong passwords,
 * disabled users and too many attempts are one answer, after the same work.
 */
import type { Config } from '../../config.ts'
import { askDirectory } from '../../platform/ask-directory.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import type { PasswordAttempts } from '../sessions/password-attempts.ts'
import { LOCAL_PROVIDER_ID, newSessionId } from '../sessions/session.ts'
import type { LiveSession } from '../sessions/session.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { LocalCredentials } from '../users/local-credentials.ts'
import { profileOf } from '../users/user-profile.ts'
import type { Users } from '../users/user.ts'
import type { EndSession } from './end-session.ts'
import { endUnheard } from './end-unheard.ts'

export interface PasswordSession {
  readonly session: LiveSession
  /** Of the password that has opened it. */
  readonly version: string
}

export interface PasswordSessions {
  /** The attempt counts before the password is looked at. The session ends with the application. */
  open(
    facts: RequestFacts,
    input: {
      readonly applicationId: string
      readonly username: string
      readonly password: string
      readonly userAgent: string | undefined
      readonly now: EpochSeconds
    },
  ): Promise<Result<PasswordSession, 'wrong_credentials' | 'unavailable'>>
  /**
   * To be asked last, before anybody is told of the session: a password that was changed meanwhile has opened it too
   * late, and then it ends.
   */
  confirm(
    facts: RequestFacts,
    opened: PasswordSession,
    now: EpochSeconds,
  ): Promise<Result<undefined, 'wrong_credentials' | 'unavailable'>>
  /** Nobody has been told of the session, and nobody will be. */
  discard(facts: RequestFacts, opened: PasswordSession, now: EpochSeconds): Promise<void>
}

export function createPasswordSessions(parts: {
  readonly config: Pick<Config, 'issuer'>
  readonly localCredentials: Pick<LocalCredentials, 'findByUsername' | 'check' | 'isCurrent'>
  readonly passwordAttempts: PasswordAttempts
  readonly users: Pick<Users, 'find'>
  readonly sessions: Pick<Sessions, 'open'>
  readonly ends: Pick<EndSession, 'endSession'>
}): PasswordSessions {
  const { config, localCredentials, passwordAttempts, users, sessions, ends } = parts
  const wrong = (check: string) => refuse('wrong_credentials', { check })

  return {
    async discard(facts, { session: { userId, sid } }, now) {
      await ends.endSession(facts, { userId, sid, cause: 'sign_in_unfinished', now })
    },

    async open(facts, { applicationId, username, password, userAgent, now }) {
      const holder = await localCredentials.findByUsername(username)
      if (!holder.ok) return holder
      const mayTry = await passwordAttempts.mayTry({ userId: holder.value, username }, now)
      if (!mayTry.ok && mayTry.refusal.code === 'unavailable') return refuse('unavailable')
      // Also when there were too many attempts: a quick no would tell names that are somebody's from all others.
      const checked = await localCredentials.check(username, password)
      if (!mayTry.ok) return wrong('throttled')
      if (!checked.ok) {
        return checked.refusal.code === 'unavailable' ? refuse('unavailable') : wrong('password')
      }
      const { userId, version } = checked.value
      // The name changed hands between the two looks: what was counted was counted for somebody else.
      if (userId !== holder.value) return wrong('changed_meanwhile')
      const found = await askDirectory(async () => ok(await users.find(userId)))
      if (!found.ok) return found
      const user = found.value
      if (user === undefined || user.status === 'disabled') return wrong('user_disabled')
      const sid = newSessionId()
      const opened = await sessions.open({
        userId,
        sid,
        authentication: {
          providerId: LOCAL_PROVIDER_ID,
          issuer: config.issuer,
          subject: userId,
          authTime: now,
          amr: ['pwd'],
          applicationId,
        },
        profile: profileOf(user),
        userAgent,
        continent: facts.continent,
        now,
      })
      if (!opened.ok) {
        const { code } = opened.refusal
        if (code !== 'unavailable') return wrong(code)
        endUnheard(ends, facts, { userId, sid, now })
        return refuse(code)
      }
      await passwordAttempts.forget(userId)
      return ok({ session: opened.value.session, version })
    },

    async confirm(facts, { session: { userId, sid }, version }, now) {
      const isCurrent = await localCredentials.isCurrent(userId, version)
      if (isCurrent.ok && isCurrent.value) return ok(undefined)
      const cause = isCurrent.ok ? 'password_changed' : 'sign_in_unfinished'
      await ends.endSession(facts, { userId, sid, cause, now })
      return isCurrent.ok ? wrong(cause) : refuse('unavailable')
    },
  }
}
