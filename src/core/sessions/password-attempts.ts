import { ok } from '../../platform/refusal.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import type { Result } from '../../platform/refusal.ts'
import { toHex } from '../../platform/random.ts'
import { createAuthenticator } from '../../platform/secrets.ts'
import type { RotatingSecret } from '../../platform/secrets.ts'
import { askUserSessions } from './ask-user-sessions.ts'
import type { UserId } from './session.ts'

const utf8 = new TextEncoder()

/** Names of nobody share so many objects: what strangers make up must not fill the storage. */
const DECOYS = 32

export interface PasswordAttempts {
  /**
   * Whether a password may be tried now, which counts as an attempt. Ask before it is checked. For a name
   * that is nobody's the same is done elsewhere, so that the time does not tell. `unavailable` is a no.
   */
  mayTry(
    user: { readonly userId: UserId | undefined; readonly username: string },
    now: EpochSeconds,
  ): Promise<Result<undefined, 'throttled' | 'unavailable'>>
  /** The password was right. */
  forget(userId: UserId): Promise<Result<undefined, 'unavailable'>>
}

export function createPasswordAttempts({
  userSessions,
  handleKey,
}: {
  readonly userSessions: Env['USER_SESSIONS']
  readonly handleKey: RotatingSecret
}): PasswordAttempts {
  const authenticator = createAuthenticator(handleKey, 'password-decoy')

  const sign = (text: string) => authenticator.sign(new Uint8Array(utf8.encode(text)))

  /** An id that no user has: which of them, nobody outside can tell. */
  async function decoyOf(username: string): Promise<UserId> {
    const [first = 0] = await sign(`name:${username.normalize('NFKC').toLowerCase()}`)
    return toHex((await sign(`decoy:${first % DECOYS}`)).slice(0, 16)) as UserId
  }

  return {
    async mayTry({ userId, username }, now) {
      const decoy = await decoyOf(username)
      const asked = userId ?? decoy
      const tried = await askUserSessions(userSessions, asked, async (object) =>
        object.tryPassword({ userId: asked, now }),
      )
      return tried.ok ? tried.value : tried
    },
    async forget(userId) {
      const done = await askUserSessions(userSessions, userId, async (object) =>
        object.forgetPasswordAttempts(),
      )
      return done.ok ? ok(undefined) : done
    },
  }
}
