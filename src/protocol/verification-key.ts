import { base64url, importJWK } from 'jose'
import type { JWK } from 'jose'
import { isJsonObject, withoutUndefined } from '../platform/json-object.ts'
import { toHex } from '../platform/random.ts'
import { SIGNING_ALGORITHM_KEYS, SIGNING_ALGORITHMS } from './signing-algorithms.ts'
import type { SigningAlgorithm } from './signing-algorithms.ts'

/** A public key of somebody else's that signatures may be checked with. */
export interface VerificationKey {
  readonly keyId: string | undefined
  /** The algorithms that this key may be used with. */
  readonly algorithms: readonly SigningAlgorithm[]
  /** Public members only. The same object for as long as the key is held: imports are remembered by it. */
  readonly jwk: JWK
}

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/**
 * A key id that may be looked up: RFC 7515 §4.1.4 leaves the form open, but nobody uses more than
 * this, and what cannot be an id costs nobody a look at the keys.
 */
export const isKeyId = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x20-\x7e]{1,256}$/.test(value)

/**
 * A JWK (RFC 7517 §4) that signatures may be checked with. Undefined for one that is private or symmetric,
 * meant for something else than checking signatures, of unknown type or curve, off its curve, or too weak
 * (RFC 7518 §3.3: RSA of 2048 bits).
 */
export async function parseVerificationKey(key: unknown): Promise<VerificationKey | undefined> {
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
export function isSoundRsaKey(modulus: unknown, exponent: unknown): boolean {
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
