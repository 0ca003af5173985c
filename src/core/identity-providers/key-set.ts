import type { JWK } from 'jose'
import type { SigningAlgorithm } from '../../protocol/signing-algorithms.ts'
import { parseVerificationKey } from '../../protocol/verification-key.ts'
import type { VerificationKey } from '../../protocol/verification-key.ts'

/** The usable keys of a provider; never empty. */
export type KeySet = readonly VerificationKey[]

/** More keys than this are not looked at: no provider needs them, and the work must have an end. */
const MAXIMUM_KEYS = 50

/** A token without a key id, or under one that several keys carry, is tried with so many keys. */
const MAXIMUM_CANDIDATES = 4

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
  const keys = (await Promise.all(candidates.map(parseVerificationKey))).filter(
    (key) => key !== undefined,
  )
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
): readonly VerificationKey[] =>
  keys
    .filter(
      (key) => key.algorithms.includes(algorithm) && (keyId === undefined || key.keyId === keyId),
    )
    .slice(0, MAXIMUM_CANDIDATES)
