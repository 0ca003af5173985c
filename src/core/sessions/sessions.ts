// Contract; to be implemented by its owner (createSessions and all behind it).
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'
import type { Authentication, EndCause, LiveSession, Profile, SessionId, UserId } from './session.ts'

export interface OpenSession {
  readonly userId: UserId
  readonly authentication: Authentication
  readonly profile: Profile
  /** The raw ID token, byte for byte; kept sealed, for `id_token_hint`. */
  readonly idToken: string
  readonly userAgent: string | undefined
  readonly continent: string | undefined
  readonly now: EpochSeconds
  /** Called with the new session's id before the session becomes usable (the directory's index of upstream sessions is written here). */
  readonly beforeUsable?: (sid: SessionId) => Promise<void>
}

export interface Sessions {
  /** Opens a session. `cookie` is the session cookie's value: the only copy of the secret. */
  open(input: OpenSession): Promise<Result<{ cookie: string; session: LiveSession }, 'user_disabled' | 'unavailable'>>
  /**
   * The live session behind a cookie value. A forged, foreign or malformed value is refused without
   * touching any object. Using a session moves its idle deadline.
   */
  use(cookie: string | undefined, now: EpochSeconds): Promise<Result<LiveSession, 'no_session' | 'unavailable'>>
  /** As `use`, but moves no deadline (for requests that are not the person's own doing). */
  peek(cookie: string | undefined, now: EpochSeconds): Promise<Result<LiveSession, 'no_session' | 'unavailable'>>
  list(userId: UserId, now: EpochSeconds): Promise<Result<readonly LiveSession[], 'unavailable'>>
  end(userId: UserId, sid: SessionId, cause: EndCause, now: EpochSeconds): Promise<Result<{ ended: boolean }, 'unavailable'>>
  endAll(userId: UserId, cause: EndCause, now: EpochSeconds): Promise<Result<{ ended: number; epoch: number }, 'unavailable'>>
}

export function createSessions(_parts: {
  userSessions: Env['USER_SESSIONS']
  handleKey: import('../../platform/secrets.ts').RotatingSecret
  deadlines: { readonly idleSeconds: number; readonly absoluteSeconds: number }
}): Sessions {
  throw new Error('not there yet')
}
