import type { Handler } from './internet.ts'
import type { Misanswer } from './misanswers.ts'
import type { ProviderKeyPair } from './provider-keys.ts'

export type Members = Record<string, unknown>

/** Members to set (`undefined` removes one), or a function from the right value to the wrong one. */
export type Change = Members | ((right: Members) => unknown)

/** What an honest ID token would be made of. */
export interface IdTokenParts {
  readonly header: Members
  readonly claims: Members
  readonly key: ProviderKeyPair
  /** The token, signed as it should be. */
  readonly token: string
  readonly clientSecret: string | undefined
}

/** Every misbehaviour is a switch; an empty object is an honest provider. Tests set members at any time. */
export interface Behaviour {
  discovery?: Change | undefined
  keySet?: Change | undefined
  /** Changes the parameters of the authorization response in place. */
  authorizationResponse?: ((parameters: URLSearchParams) => void) | undefined
  /** Says no instead of giving a code (RFC 6749 §4.1.2.1). */
  authorizationError?: string | undefined
  tokenResponse?: Change | undefined
  /** Answers 400 with this error code instead of tokens (RFC 6749 §5.2). */
  tokenError?: string | undefined
  /** Header and claims are changed before the token is signed. */
  idTokenHeader?: Change | undefined
  idTokenClaims?: Change | undefined
  /** Signs with another key than the one published. */
  signingKey?: ProviderKeyPair | undefined
  /** Replaces the finished ID token; see `forgeries.ts`. */
  idToken?: ((parts: IdTokenParts) => unknown) | undefined
  userInfo?: Change | undefined
  introspection?: Change | undefined
  /** How an endpoint answers instead of properly. */
  answers?: Partial<Record<Endpoint, Misanswer | Handler>> | undefined
}

export type Endpoint = 'discovery' | 'keys' | 'token' | 'userinfo' | 'introspection'

export function changed(right: Members, change: Change | undefined): unknown {
  if (change === undefined) return right
  if (typeof change === 'function') return change(structuredClone(right))
  return Object.fromEntries(
    Object.entries({ ...right, ...change }).filter(([, value]) => value !== undefined),
  )
}
