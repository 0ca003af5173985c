/** How we authenticate at an identity provider's token endpoint, and the secret that it takes. */
import { isJsonObject } from '../platform/json-object.ts'
import type { SettingsTable } from './settings-table.ts'
import { SIGNING_ALGORITHM_KEYS, SIGNING_ALGORITHMS } from '../protocol/signing-algorithms.ts'
import { isSoundRsaKey } from '../protocol/verification-key.ts'
import type { SigningAlgorithm } from '../protocol/signing-algorithms.ts'

export type ClientAuthentication =
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly clientSecret: string }
  | {
      readonly method: 'private_key_jwt'
      readonly privateKey: JsonWebKey
      readonly algorithm: SigningAlgorithm
      readonly keyId: string | undefined
    }
  | { readonly method: 'none' }

/** OpenID Connect Core 1.0 §9. */
export const CLIENT_AUTHENTICATION_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
] as const

/** The Worker secret of a provider: `acme-eu` has `ACME_EU_CLIENT_SECRET`. */
export const secretName = (
  providerId: string,
  kind: 'CLIENT_SECRET' | 'PRIVATE_KEY' | 'API_KEY',
): string => `${providerId.toUpperCase().replaceAll('-', '_')}_${kind}`

/** Reads the secret that the method needs; a provider whose id is unusable has no name for one. */
export function readClientAuthentication(
  settings: SettingsTable,
  providerId: string,
  method: (typeof CLIENT_AUTHENTICATION_METHODS)[number],
): ClientAuthentication {
  if (method === 'none' || providerId === '') return { method: 'none' }
  if (method === 'private_key_jwt')
    return readPrivateKey(settings, secretName(providerId, 'PRIVATE_KEY'))
  const clientSecret = settings.secret(secretName(providerId, 'CLIENT_SECRET'), checkClientSecret)
  return { method, clientSecret }
}

/** RFC 6749 Appendix A.2. A line end that was pasted along is the usual mistake. */
const checkClientSecret = (value: string): string | undefined =>
  /^[\x21-\x7e]+$/.test(value)
    ? undefined
    : 'holds blanks, line ends or characters that are not ASCII'

function readPrivateKey(settings: SettingsTable, name: string): ClientAuthentication {
  const text = settings.secret(name, (value) => checkPrivateKey(parseJwk(value)))
  const jwk = parseJwk(text)
  const algorithm = algorithmOf(jwk)
  if (jwk === undefined || algorithm === undefined) return { method: 'none' }
  return { method: 'private_key_jwt', privateKey: jwk, algorithm, keyId: jwk.kid }
}

/** RFC 7518 §6.3.2; Web Crypto imports no private key that lacks one of them. */
const RSA_MEMBERS = ['n', 'e', 'p', 'q', 'dp', 'dq', 'qi'] as const

/** What operators wrote: only what `checkPrivateKey` has looked at is known to be so. */
type NamedJwk = JsonWebKey & { readonly kid?: string }

/** RFC 7517 §4 and RFC 7518 §6: a private signing key that names its algorithm. */
function checkPrivateKey(jwk: NamedJwk | undefined): string | undefined {
  if (jwk === undefined) return 'is not a JWK in JSON'
  const algorithm = algorithmOf(jwk)
  if (algorithm === undefined)
    return `names no "alg" that is one of ${SIGNING_ALGORITHMS.join(', ')}`
  const shape = SIGNING_ALGORITHM_KEYS[algorithm]
  if (jwk.kty !== shape.kty) return `has an "alg" that takes a key of "kty" ${shape.kty}`
  if ('crv' in shape && jwk.crv !== shape.crv)
    return `has an "alg" that takes a key of "crv" ${shape.crv}`
  if (typeof jwk.d !== 'string') return 'is not a private key: it has no "d"'
  if (shape.kty === 'RSA' && !RSA_MEMBERS.every((member) => typeof jwk[member] === 'string')) {
    return `is an RSA key without all of ${RSA_MEMBERS.join(', ')}`
  }
  if (shape.kty === 'RSA' && !isSoundRsaKey(jwk.n, jwk.e))
    return 'is no RSA key of 2048 to 8192 bits'
  if (jwk.use !== undefined && jwk.use !== 'sig') return 'has a "use" that is not "sig"'
  const operations: unknown = jwk.key_ops ?? ['sign']
  if (!Array.isArray(operations) || !operations.includes('sign'))
    return 'has "key_ops" without "sign"'
  return jwk.kid === undefined || typeof jwk.kid === 'string'
    ? undefined
    : 'has a "kid" that is not a text'
}

const algorithmOf = (jwk: NamedJwk | undefined) =>
  SIGNING_ALGORITHMS.find((algorithm) => algorithm === jwk?.alg)

/** The parser's own message would quote the text. */
function parseJwk(text: string): NamedJwk | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? (value as unknown as NamedJwk) : undefined
  } catch {
    return undefined
  }
}
