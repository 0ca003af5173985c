import { isJsonObject } from '../../platform/json-object.ts'
import { parseCutOffs } from './cut-off.ts'
import type { CutOff } from './cut-off.ts'

/**
 * What we sign with: ES256 for access tokens (cheap both ways), RS256 for ID tokens (every client has it), and
 * PS256 for the ID tokens of applications that chose it.
 */
export const signingKeyAlgorithms = ['ES256', 'RS256', 'PS256'] as const
export type SigningKeyAlgorithm = (typeof signingKeyAlgorithms)[number]

/** Has keys from the first moment on; the others get theirs when they are first asked for. */
export const isAlwaysKept = (alg: SigningKeyAlgorithm): boolean => alg !== 'PS256'

/**
 * A key's life, in this order: public but not yet signing, signing, public but no longer signing, not
 * public any more. `compromised` may come at any time, is final, and is never public.
 */
export type KeyState = 'announced' | 'active' | 'retiring' | 'gone' | 'compromised'
export type AcceptedKeyState = Extract<KeyState, 'announced' | 'active' | 'retiring'>

/** The public half of a signing key as it is published (RFC 7517 §4): no other member ever stands in it. */
export type PublicJwk = {
  readonly kid: string
  readonly alg: SigningKeyAlgorithm
  readonly use: 'sig'
} & (
  | { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string }
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
)

export interface AcceptedKey {
  readonly state: AcceptedKeyState
  readonly jwk: PublicJwk
}

/**
 * The record of public keys that every check already holds: the keys whose signatures count, and a
 * version that is raised by each change. Readers ignore members they do not know, so that further facts
 * which every check must learn soon can ride in it, as the mass cut-offs do.
 */
export interface PublicKeyRecord {
  readonly version: number
  readonly keys: readonly AcceptedKey[]
  readonly cutOffs: readonly CutOff[]
}

const isAcceptedState = (value: unknown): value is AcceptedKeyState =>
  value === 'announced' || value === 'active' || value === 'retiring'

/** RFC 7638: SHA-256 of a key's required members, base64url. */
export const isThumbprint = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{43}$/.test(value)

/** The public members of a key and nothing else; undefined when it is not a key of ours. */
export function parsePublicJwk(value: unknown): PublicJwk | undefined {
  if (!isJsonObject(value)) return undefined
  const { kid, alg, kty, crv, x, y, n, e } = value
  if (!isThumbprint(kid)) return undefined
  if (alg === 'ES256' && kty === 'EC' && crv === 'P-256') {
    if (typeof x !== 'string' || typeof y !== 'string') return undefined
    return { kid, alg, use: 'sig', kty, crv, x, y }
  }
  if ((alg === 'RS256' || alg === 'PS256') && kty === 'RSA') {
    if (typeof n !== 'string' || typeof e !== 'string') return undefined
    return { kid, alg, use: 'sig', kty, n, e }
  }
  return undefined
}

/** A record as it was written; undefined when any part of it is not what we write. */
export function parsePublicKeyRecord(value: unknown): PublicKeyRecord | undefined {
  if (!isJsonObject(value) || !Array.isArray(value.keys) || value.keys.length === 0)
    return undefined
  if (!Number.isSafeInteger(value.version)) return undefined
  const keys: AcceptedKey[] = []
  for (const entry of value.keys as unknown[]) {
    const jwk = isJsonObject(entry) ? parsePublicJwk(entry.jwk) : undefined
    if (jwk === undefined || !isJsonObject(entry) || !isAcceptedState(entry.state)) return undefined
    keys.push({ state: entry.state, jwk })
  }
  // A record from before there were any has none.
  const cutOffs = parseCutOffs(value.cutOffs ?? [])
  return cutOffs && { version: value.version as number, keys, cutOffs }
}
