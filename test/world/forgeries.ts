/** Tokens that look right and are not: the ways to talk a verifier out of its key or its algorithm. */
import { base64url } from 'jose'
import type { IdTokenParts, Members } from './provider-behaviour.ts'
import type { ProviderKeyPair } from './provider-keys.ts'
import { bytesOf, signJws, signJwsWithSecret } from './sign-jws.ts'
import type { Bytes } from './sign-jws.ts'

export type Forgery = (parts: IdTokenParts) => string | Promise<string>

const encode = (value: unknown) => base64url.encode(bytesOf(value))

/** RFC 8725 §3.1: `alg` says that there is nothing to check; the signature part is empty or a real one. */
export const unsigned =
  (alg: unknown, { keepSignature = false } = {}): Forgery =>
  ({ header, claims, token }) =>
    `${encode({ ...header, alg })}.${encode(claims)}.${keepSignature ? token.split('.')[2] : ''}`

/** The shapes in which a public RSA key can be mistaken for an HMAC secret (RFC 8725 §2.1). */
export async function publicKeyAsSecret(key: ProviderKeyPair): Promise<Record<string, Bytes>> {
  const der = new Uint8Array((await crypto.subtle.exportKey('spki', key.publicKey)) as ArrayBuffer)
  const pem = (label: string, bytes: Uint8Array) => {
    const lines = btoa(String.fromCharCode(...bytes)).match(/.{1,64}/g)!
    return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`].join('\n')
  }
  // The 24 bytes before a PKCS #1 key of 2048 bits are SPKI's wrapping.
  const pkcs1 = der.slice(24)
  const modulus = String(key.publicJwk.n)
  return {
    'SPKI PEM': bytesOf(pem('PUBLIC KEY', der)),
    'SPKI PEM with a final newline': bytesOf(`${pem('PUBLIC KEY', der)}\n`),
    'PKCS #1 PEM': bytesOf(pem('RSA PUBLIC KEY', pkcs1)),
    'PKCS #1 PEM with a final newline': bytesOf(`${pem('RSA PUBLIC KEY', pkcs1)}\n`),
    'SPKI DER': der,
    'PKCS #1 DER': pkcs1,
    'JWK JSON': bytesOf(key.publicJwk),
    'JWK JSON with a final newline': bytesOf(`${JSON.stringify(key.publicJwk)}\n`),
    'base64url modulus': bytesOf(modulus),
    'modulus bytes': bytesOf(base64url.decode(modulus)),
  }
}

export const signedWithSecret =
  (secret: Bytes): Forgery =>
  ({ header, claims }) =>
    signJwsWithSecret({ ...header, alg: 'HS256' }, claims, secret)

export const signedWithClientSecret: Forgery = ({ header, claims, clientSecret }) =>
  signJwsWithSecret({ ...header, alg: 'HS256' }, claims, bytesOf(clientSecret))

/** Signed by another key, under a header that may bring that key along. */
export const signedBy =
  (key: ProviderKeyPair, header: Members): Forgery =>
  ({ header: right, claims }) =>
    signJws({ ...right, ...header }, claims, key)

/** The payload is another one than was signed. */
export const alteredPayload =
  (change: Members): Forgery =>
  ({ claims, token }) => {
    const [header, , signature] = token.split('.')
    return `${header}.${encode({ ...claims, ...change })}.${signature}`
  }

export const withSignature =
  (signature: Uint8Array): Forgery =>
  ({ token }) =>
    `${token.split('.').slice(0, 2).join('.')}.${base64url.encode(signature)}`

/** Header and payload are these very bytes or texts, properly signed with the provider's own key. */
export const signedBytes =
  (header: string | Uint8Array | undefined, payload?: string | Uint8Array): Forgery =>
  ({ header: right, claims, key }) =>
    signJws(header ?? right, payload ?? claims, key)
