import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { JsonWebKey } from 'node:crypto'
import { keptFile } from './kept-file.ts'

/** What makes this OTROTL the same one after a restart: its signing keys and the keys of its cookies. */
export interface SigningKeys {
  readonly jwks: { readonly keys: readonly (JsonWebKey & { kid: string; use: 'sig' })[] }
  readonly cookieKeys: readonly string[]
}

/** The keys kept in `path`, made at the first start. */
export function loadSigningKeys(path: string): SigningKeys {
  const file = keptFile<SigningKeys>(path)
  const kept = file.read()
  if (kept !== undefined) return kept
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = privateKey.export({ format: 'jwk' })
  const made: SigningKeys = {
    jwks: { keys: [{ ...key, kid: randomBytes(8).toString('hex'), use: 'sig', alg: 'RS256' }] },
    cookieKeys: [randomBytes(32).toString('base64url')],
  }
  file.write(made)
  return made
}
