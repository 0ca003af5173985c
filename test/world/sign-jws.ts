import { base64url } from 'jose'
import type { ProviderKeyPair } from './provider-keys.ts'

export type Bytes = Uint8Array<ArrayBuffer>

const encoder = new TextEncoder()

/** The bytes of a text as UTF-8; bytes as they are; anything else as JSON. */
export function bytesOf(value: unknown): Bytes {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  return new Uint8Array(encoder.encode(typeof value === 'string' ? value : JSON.stringify(value)))
}

/**
 * A compact JWS of any header and payload whatever, signed as the key signs. Unlike a library's signer
 * it has no opinion on what it signs.
 */
export async function signJws(
  header: unknown,
  payload: unknown,
  { alg, privateKey }: Pick<ProviderKeyPair, 'alg' | 'privateKey'>,
): Promise<string> {
  const input = `${base64url.encode(bytesOf(header))}.${base64url.encode(bytesOf(payload))}`
  const bits = alg.slice(2)
  const how =
    privateKey.algorithm.name === 'RSA-PSS'
      ? { name: 'RSA-PSS', saltLength: Number(bits) / 8 }
      : { name: privateKey.algorithm.name, hash: `SHA-${bits}` }
  const signature = await crypto.subtle.sign(how, privateKey, bytesOf(input))
  return `${input}.${base64url.encode(new Uint8Array(signature))}`
}

/** The same with HMAC-SHA-256 under a secret of any length. */
export async function signJwsWithSecret(
  header: unknown,
  payload: unknown,
  secret: Bytes,
): Promise<string> {
  const input = `${base64url.encode(bytesOf(header))}.${base64url.encode(bytesOf(payload))}`
  const hmac = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', secret, hmac, false, ['sign'])
  const mac = await crypto.subtle.sign('HMAC', key, bytesOf(input))
  return `${input}.${base64url.encode(new Uint8Array(mac))}`
}
