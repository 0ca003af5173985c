/**
 * The logout tokens that this user's object has obeyed: a provider that did not hear our answer sends the
 * same one again, and it must not end the session that was opened meanwhile (Back-Channel Logout 1.0 §2.6).
 */
import type { EpochSeconds } from '../../platform/clock.ts'

export const seenLogoutTokensTable = `
  CREATE TABLE seen_logout_tokens (
    -- Of issuer and jti together: each provider has its own.
    jti_hash TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX seen_logout_tokens_by_time ON seen_logout_tokens (until);`

export interface LogoutTokenIdentity {
  /** SHA-256 of issuer and `jti`. */
  readonly jtiHash: string
  /** SHA-256 of the whole token. */
  readonly tokenHash: string
  /** No earlier than the moment from which the token is refused for its age. */
  readonly rememberUntil: EpochSeconds
}

/**
 * Takes a logout token, inside the transaction of its effect: `taken` for the first time only. `jti_reused`
 * is another token under an identifier that one has had already.
 */
export function takeLogoutToken(
  sql: SqlStorage,
  { jtiHash, tokenHash, rememberUntil }: LogoutTokenIdentity,
  now: EpochSeconds,
): 'taken' | 'seen' | 'jti_reused' {
  forgetSeenLogoutTokens(sql, now)
  const [seen] = sql
    .exec<{ token_hash: string }>(
      'SELECT token_hash FROM seen_logout_tokens WHERE jti_hash = ?',
      jtiHash,
    )
    .toArray()
  if (seen !== undefined) return seen.token_hash === tokenHash ? 'seen' : 'jti_reused'
  sql.exec(
    'INSERT INTO seen_logout_tokens (jti_hash, token_hash, until) VALUES (?, ?, ?)',
    jtiHash,
    tokenHash,
    rememberUntil,
  )
  return 'taken'
}

export function forgetSeenLogoutTokens(sql: SqlStorage, now: EpochSeconds): void {
  sql.exec('DELETE FROM seen_logout_tokens WHERE until <= ?', now)
}

/** When the first of them may be forgotten; undefined when there is none. */
export const nextSeenLogoutTokenAt = (sql: SqlStorage): EpochSeconds | undefined =>
  sql.exec<{ at: number | null }>('SELECT MIN(until) AS at FROM seen_logout_tokens').one().at ??
  undefined
