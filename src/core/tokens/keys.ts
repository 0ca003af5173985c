import type { RotatingSecret } from '../../platform/secrets.ts'
/** Contract to be completed by its owner: signing keys and the public key set as one isolate sees them. */
export interface Keys {
  /** The JWK set as published: public members only (RFC 7517). */
  publicKeySet(now: number): Promise<{ keys: JsonWebKey[] } | undefined>
}
export function createKeys(_parts: {
  keyRing: Env['KEY_RING']
  /** The copy of the public key set that every location reads. */
  published: KVNamespace
  keyEncryptionKey: RotatingSecret
}): Keys {
  return {} as Keys
}
