import { base64url, importJWK } from 'jose'
import type { JWK } from 'jose'
import { isJsonObject } from '../../platform/json-object.ts'
import { toHex } from '../../platform/random.ts'
import { SIGNING_ALGORITHM_KEYS, SIGNING_ALGORITHMS } from '../../protocol/signing-algorithms.ts'
import type { SigningAlgorithm } from '../../protocol/signing-algorithms.ts'

/** A public key of a provider that signatures may be checked with. */
export interface ProviderKey {
  readonly keyId: string | undefined
  /** The algorithms that this key may be used with. */
  readonly algorithms: readonly SigningAlgorithm[]
  /** Public members only. The same object for as long as the set is held: imports are remembered by it. */
  readonly jwk: JWK
}

/** The usable keys of a provider; never empty. */
export type KeySet = readonly ProviderKey[]

/** More keys than this are not looked at: no provider needs them, and the work must have an end. */
const MAXIMUM_KEYS = 50

/** A token without a key id, or under one that several keys carry, is tried with so many keys. */
const MAXIMUM_CANDIDATES = 4

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/**
 * A key id that may be looked up: RFC 7515 §4.1.4 leaves the form open, but no provider uses more than
 * this, and what cannot be an id costs nobody a look at the provider's keys.
 */
export const isKeyId = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x20-\x7e]{1,256}$/.test(value)

/**
 * The usable keys of a JWK set (RFC 7517 §5); undefined if there is none. One broken key does not sink
 * the set. Left out are keys that are private or symmetric, meant for something else than checking
 * signatures, of unknown type or curve, off their curve, or too weak (RFC 7518 §3.3: RSA of 2048 bits).
 */
export async function parseKeySet(
  document: Readonly<Record<string, unknown>>,
): Promise<KeySet | undefined> {
  if (!Array.isArray(document.keys)) return undefined
  const candidates = (document.keys as unknown[]).slice(0, MAXIMUM_KEYS)
  const keys = (await Promise.all(candidates.map(parseKey))).filter((key) => key !== undefined)
  return keys.length === 0 ? undefined : keys
}

/** The wire form of a key set again, with nothing in it but what `parseKeySet` looked at. */
export const formatKeySet = (keys: KeySet): { readonly keys: readonly JWK[] } => ({
  keys: keys.map(({ jwk }) => jwk),
})

/** The keys that a token under `algorithm` and `keyId` may have been signed with, at most four. */
export const candidateKeys = (
  keys: KeySet,
  algorithm: SigningAlgorithm,
  keyId: string | undefined,
): readonly ProviderKey[] =>
  keys
    .filter(
      (key) => key.algorithms.includes(algorithm) && (keyId === undefined || key.keyId === keyId),
    )
    .slice(0, MAXIMUM_CANDIDATES)

async function parseKey(key: unknown): Promise<ProviderKey | undefined> {
  if (!isJsonObject(key)) return undefined
  const { kty, crv, kid, use, key_ops: operations, alg } = key
  if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(key, member))) return undefined
  if (use !== undefined && use !== 'sig') return undefined
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return undefined
  }
  if (kid !== undefined && !isKeyId(kid)) return undefined
  const algorithms = SIGNING_ALGORITHMS.filter((each) => {
    const fitting: { kty: string; crv?: string } = SIGNING_ALGORITHM_KEYS[each]
    return fitting.kty === kty && fitting.crv === crv && (alg === undefined || alg === each)
  })
  const [algorithm] = algorithms
  if (algorithm === undefined) return undefined
  if (kty === 'RSA' && !isSoundRsaKey(key.n, key.e)) return undefined
  const members = kty === 'RSA' ? { n: key.n, e: key.e } : { crv, x: key.x, y: key.y }
  const jwk = withoutUndefined({ kty, kid, alg, ...members }) as JWK
  try {
    // The runtime's own import is the judge of points and encodings.
    await importJWK(jwk, algorithm)
  } catch {
    return undefined
  }
  return { keyId: kid, algorithms, jwk }
}

/** 2048 to 8192 bits, odd, with an odd public exponent of 3 or more in at most 32 bits. */
function isSoundRsaKey(modulus: unknown, exponent: unknown): boolean {
  const n = unsignedInteger(modulus, 8192)
  const e = unsignedInteger(exponent, 32)
  if (n === undefined || e === undefined) return false
  return n >= 1n << 2047n && n % 2n === 1n && e >= 3n && e % 2n === 1n
}

/** A Base64urlUInt (RFC 7518 §2) of at most so many bits. */
function unsignedInteger(value: unknown, maximumBits: number): bigint | undefined {
  if (typeof value !== 'string' || value.length > maximumBits) return undefined
  try {
    const integer = BigInt(`0x0${toHex(base64url.decode(value))}`)
    return integer < 1n << BigInt(maximumBits) ? integer : undefined
  } catch {
    return undefined
  }
}

const withoutUndefined = (members: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
