import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from 'jose'
import type { JWK } from 'jose'
import { isJsonObject } from '../../platform/json-object.ts'
import { createSeal } from '../../platform/seal.ts'
import type { Seal } from '../../platform/seal.ts'
import type { RotatingSecret } from '../../platform/secrets.ts'
import type { NewKey } from './key-table.ts'
import { parsePublicJwk } from './signing-key.ts'
import type { SigningKeyAlgorithm } from './signing-key.ts'

const PURPOSE = 'signing-key'

/** A private key as it rests and travels: never in the clear. */
export interface SealedKey {
  readonly kid: string
  readonly alg: SigningKeyAlgorithm
  readonly sealedPrivateKey: string
}

/** `any` opens what any value of KEY_ENCRYPTION_KEY sealed, `current` only what the current one did. */
export interface SigningKeySeals {
  readonly current: Seal
  readonly any: Seal
}

export const signingKeySeals = (keyEncryptionKey: RotatingSecret): SigningKeySeals => ({
  current: createSeal([keyEncryptionKey[0]], PURPOSE),
  any: createSeal(keyEncryptionKey, PURPOSE),
})

/**
 * A new key pair: P-256 for ES256, RSA with 2048 bits for RS256 and PS256, named by its thumbprint (RFC 7638). The
 * private half leaves this function sealed.
 */
export async function generateSigningKey(alg: SigningKeyAlgorithm, seal: Seal): Promise<NewKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, {
    extractable: true,
    modulusLength: 2048,
  })
  const members = await exportJWK(publicKey)
  const kid = await calculateJwkThumbprint(members)
  const publicJwk = JSON.stringify(parsePublicJwk({ ...members, kid, alg }))
  const sealedPrivateKey = await seal.seal({ alg, jwk: await exportJWK(privateKey) })
  return { kid, alg, publicJwk, sealedPrivateKey }
}

/**
 * A sealed key, ready to sign and not extractable. Undefined when it cannot be unsealed, or is not the key
 * that it is handed out as: a row moved under another name must not sign for it.
 */
export async function importSealedKey(
  sealed: SealedKey,
  seal: Seal,
): Promise<CryptoKey | undefined> {
  const value = await seal.unseal(sealed.sealedPrivateKey)
  if (!isJsonObject(value) || value.alg !== sealed.alg || !isJsonObject(value.jwk)) return undefined
  const jwk = value.jwk as JWK
  if ((await calculateJwkThumbprint(jwk)) !== sealed.kid) return undefined
  const key = await importJWK(jwk, sealed.alg, { extractable: false })
  return key instanceof CryptoKey ? key : undefined
}
