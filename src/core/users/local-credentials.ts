/**
 * Passwords of ours, for people who sign in through applications with the password grant. Owns the table
 * `local_credentials` (migrations/0006_people.sql). How often one may be tried, the user's object counts; whether
 * the user is disabled, it knows too.
 *
 * A password is compared in its NFC form, a username without regard to ASCII capitals.
 */
import { askDirectory } from '../../platform/ask-directory.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { hasInvisible } from '../../platform/invisible-text.ts'
import { hashPassword, isPassword, passwordBytes } from '../../platform/password-hash.ts'
import { randomId } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { UserId } from '../sessions/session.ts'

/** A username and a password, in the form in which they may be kept. Only `parseNewCredential` makes one. */
export interface NewCredential {
  readonly username: string
  readonly key: string
  readonly passwordHash: string
}

export interface LocalCredential {
  readonly username: string
  readonly createdAt: EpochSeconds
  readonly updatedAt: EpochSeconds
}

export interface LocalCredentials {
  /** Whose username this is; undefined when it is nobody's. Says nothing of a password. */
  findByUsername(username: string): Promise<Result<UserId | undefined, 'unavailable'>>
  /**
   * Whose username and password these are. The same work for an unknown name as for a wrong password. `version`
   * changes whenever the password is set: a session that was opened with it is to be asked about by `isCurrent`
   * before its handle leaves, since the password may have been changed meanwhile.
   */
  check(
    username: string,
    password: string,
  ): Promise<
    Result<
      { readonly userId: UserId; readonly version: string },
      'wrong_credentials' | 'unavailable'
    >
  >
  isCurrent(userId: UserId, version: string): Promise<Result<boolean, 'unavailable'>>
  find(userId: UserId): Promise<LocalCredential | undefined>
  /** The statement that adds a credential; fails where the username is somebody else's. */
  insertion(userId: UserId, credential: NewCredential, now: EpochSeconds): D1PreparedStatement
  /** Sets or replaces a user's credential. */
  set(
    userId: UserId,
    credential: NewCredential,
    now: EpochSeconds,
  ): Promise<Result<undefined, 'username_taken'>>
  /** False when there was none. */
  remove(userId: UserId): Promise<boolean>
}

const SHORTEST_PASSWORD_CHARACTERS = 8
const LONGEST_USERNAME_CHARACTERS = 128

/**
 * What names are compared by; undefined for what is no username: it is taken as it stands or not at all, as an
 * e-mail address is. No blank, control or format character, nothing invisible, nothing that Unicode's NFKC would
 * rewrite.
 */
function usernameKey(username: string): string | undefined {
  if (username.length > LONGEST_USERNAME_CHARACTERS || !username.isWellFormed()) return undefined
  if (!/^[^\s\p{C}]+$/u.test(username) || hasInvisible(username)) return undefined
  if (username.normalize('NFKC') !== username) return undefined
  return username.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** Takes the time of one hash. */
export async function parseNewCredential(
  username: string,
  password: string,
): Promise<Result<NewCredential, 'invalid_username' | 'invalid_password'>> {
  const key = usernameKey(username)
  if (key === undefined) return refuse('invalid_username')
  const bytes = passwordBytes(password)
  const isLong = Array.from(password.normalize('NFC')).length >= SHORTEST_PASSWORD_CHARACTERS
  if (bytes === undefined || !isLong) return refuse('invalid_password')
  return ok({ username, key, passwordHash: await hashPassword(bytes) })
}

/** The statement that removes a user's. */
export const credentialRemoval = (directory: D1Database, id: UserId): D1PreparedStatement =>
  directory.prepare('DELETE FROM local_credentials WHERE user_id = ?1').bind(id)

export function createLocalCredentials(directory: D1Database): LocalCredentials {
  const insertion: LocalCredentials['insertion'] = (userId, credential, now) =>
    directory
      .prepare(
        `INSERT INTO local_credentials (user_id, username_key, username, password_hash, version, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
         ON CONFLICT (user_id) DO UPDATE SET username_key = ?2, username = ?3, password_hash = ?4, version = ?5, updated_at = ?6`,
      )
      .bind(userId, credential.key, credential.username, credential.passwordHash, randomId(), now)

  return {
    findByUsername: (username) =>
      askDirectory(async () => {
        const row = await directory
          .prepare('SELECT user_id FROM local_credentials WHERE username_key = ?1')
          .bind(usernameKey(username) ?? null)
          .first<{ user_id: UserId }>()
        return ok(row?.user_id)
      }),

    async check(username, password) {
      const bytes = passwordBytes(password)
      // No password is like this, whoever asks: nothing is looked up and nothing hashed.
      if (bytes === undefined) return refuse('wrong_credentials')
      return askDirectory(async () => {
        const row = await directory
          .prepare(
            'SELECT user_id, password_hash, version FROM local_credentials WHERE username_key = ?1',
          )
          .bind(usernameKey(username) ?? null)
          .first<{ user_id: UserId; password_hash: string; version: string }>()
        const isRight = await isPassword(bytes, row?.password_hash)
        if (row === null || !isRight) return refuse('wrong_credentials')
        return ok({ userId: row.user_id, version: row.version })
      })
    },

    isCurrent: (userId, version) =>
      askDirectory(async () => {
        const row = await directory
          .prepare('SELECT 1 FROM local_credentials WHERE user_id = ?1 AND version = ?2')
          .bind(userId, version)
          .first()
        return ok(row !== null)
      }),

    async find(userId) {
      const row = await directory
        .prepare(
          `SELECT username, created_at AS createdAt, updated_at AS updatedAt FROM local_credentials WHERE user_id = ?1`,
        )
        .bind(userId)
        .first<LocalCredential>()
      return row ?? undefined
    },

    insertion,

    async set(userId, credential, now) {
      try {
        await insertion(userId, credential, now).run()
        return ok(undefined)
      } catch (thrown) {
        if (!/UNIQUE constraint failed: local_credentials/.test(String(thrown))) throw thrown
        return refuse('username_taken')
      }
    },

    async remove(userId) {
      const { meta } = await directory
        .prepare('DELETE FROM local_credentials WHERE user_id = ?1')
        .bind(userId)
        .run()
      return meta.changes > 0
    },
  }
}
