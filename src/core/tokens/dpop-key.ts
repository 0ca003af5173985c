import { calculateJwkThumbprint, importJWK } from 'jose'
import type { JWK } from 'jose'
import { isJsonObject } from '../../platform/json-object.ts'

/** What a proof may be signed with (RFC 9449 §4.3 item 5): asymmetric, and nothing that is being retired. */
export const dpopAlgorithms = ['ES256', 'ES384', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] as const
export type DpopAlgorithm = (typeof dpopAlgorithms)[number]

export const isDpopAlgorithm = (value: unknown): value is DpopAlgorithm =>
  (dpopAlgorithms as readonly unknown[]).includes(value)

/** 2048 to 4096 bits: less is weak (RFC 7518 §3.3), and more only costs the verifier. */
const MODULUS = /^[A-Za-z0-9_-]{342,683}$/

/** RFC 7518 §6.2.2, §6.3.2 and §6.4.1: any of these makes a key private or symmetric. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

export interface DpopKey {
  readonly key: CryptoKey
  /** RFC 7638, SHA-256: the `jkt` that a token is bound to. */
  readonly thumbprint: string
}

/**
 * The public key that a proof carries in its header. Undefined when it is not one, when it holds anything
 * private, does not fit the algorithm, or is not a usable key (a point that is not on its curve, say).
 */
export async function importDpopKey(
  value: unknown,
  algorithm: DpopAlgorithm,
): Promise<DpopKey | undefined> {
  if (!isJsonObject(value)) return undefined
  if (SECRET_MEMBERS.some((member) => Object.hasOwn(value, member))) return undefined
  const members = publicMembers(value, algorithm)
  if (members === undefined) return undefined
  try {
    const key = await importJWK(members, algorithm)
    if (!(key instanceof CryptoKey)) return undefined
    return { key, thumbprint: await calculateJwkThumbprint(members) }
  } catch {
    return undefined
  }
}

/** Exactly the members that make the key, so that nothing else in it reaches the import. */
function publicMembers(
  { kty, crv, x, y, n, e }: Record<string, unknown>,
  algorithm: DpopAlgorithm,
): JWK | undefined {
  switch (algorithm) {
    case 'ES256':
    case 'ES384': {
      const curve = algorithm === 'ES256' ? 'P-256' : 'P-384'
      if (kty !== 'EC' || crv !== curve || typeof x !== 'string' || typeof y !== 'string')
        return undefined
      return { kty, crv: curve, x, y }
    }
    case 'EdDSA':
    case 'Ed25519':
      if (kty !== 'OKP' || crv !== 'Ed25519' || typeof x !== 'string') return undefined
      return { kty, crv, x }
    case 'PS256':
    case 'RS256':
      // 65537: what every browser and library makes; others cost more, or prove nothing (1).
      if (kty !== 'RSA' || typeof n !== 'string' || !MODULUS.test(n) || e !== 'AQAB')
        return undefined
      return { kty, n, e }
  }
}
