/**
 * The token in localStorage, where every tab of this origin finds it.
 *
 *   drawbridge:token      the token with what the bridge said of it, as one JSON value, so that no tab ever
 *                         reads half of one token and half of another
 *   drawbridge:sign-outs  a value that changes at every sign-out; other tabs hear of it, and an answer of
 *                         the bridge that was under way meanwhile is known to be out of date
 */
import type { KeyValueStorage } from './page.ts'

export const tokenKey = 'drawbridge:token'
export const signOutsKey = 'drawbridge:sign-outs'

/** Who is signed in, as the bridge says. */
export interface DrawbridgeUser {
  readonly sub?: string
  readonly name?: string
  readonly email?: string
  readonly picture?: string
}

export interface StoredToken {
  /** The JWT. */
  readonly accessToken: string
  readonly tokenType: 'Bearer' | 'DPoP'
  /** Milliseconds by this machine's clock, when the token was asked for. */
  readonly receivedAt: number
  /** Life of the token when it was received, as the bridge says. */
  readonly expiresInSeconds: number
  readonly user?: DrawbridgeUser
}

export interface TokenStore {
  read(): StoredToken | undefined
  write(token: StoredToken): void
  /** Removes this token, unless another tab has put a newer one in its place. */
  drop(accessToken: string): void
  /** Removes whatever token there is and tells the other tabs that nobody is signed in. */
  signOut(): void
  /** Changes with every sign-out, in whichever tab. */
  signOuts(): string
}

export function createTokenStore(storage: KeyValueStorage, randomId: () => string): TokenStore {
  const read = () => parseStoredToken(storage.getItem(tokenKey))
  /** A storage that is full keeps nothing, rather than what was there before. */
  const keep = (key: string, value: string) => {
    try {
      storage.setItem(key, value)
    } catch {
      storage.removeItem(key)
    }
  }
  return {
    read,
    write: (token) => keep(tokenKey, JSON.stringify(token)),
    drop(accessToken) {
      if (read()?.accessToken === accessToken) storage.removeItem(tokenKey)
    },
    signOut() {
      storage.removeItem(tokenKey)
      keep(signOutsKey, randomId())
    },
    signOuts: () => storage.getItem(signOutsKey) ?? '',
  }
}

/** What is in storage may be from an older script, or from anybody: taken only if it has the right shape. */
export function parseStoredToken(text: string | null): StoredToken | undefined {
  if (text === null) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { accessToken, tokenType, receivedAt, expiresInSeconds, user } = value as Record<
    string,
    unknown
  >
  if (typeof accessToken !== 'string' || accessToken === '') return undefined
  if (tokenType !== 'Bearer' && tokenType !== 'DPoP') return undefined
  if (!Number.isFinite(receivedAt) || !Number.isFinite(expiresInSeconds)) return undefined
  return {
    accessToken,
    tokenType,
    receivedAt: receivedAt as number,
    expiresInSeconds: expiresInSeconds as number,
    ...(typeof user === 'object' && user !== null && { user: user as DrawbridgeUser }),
  }
}
