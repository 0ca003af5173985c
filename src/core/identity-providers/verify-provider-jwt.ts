import { base64url, compactVerify, errors } from 'jose'
import type { EpochSeconds } from '../../platform/clock.ts'
import { parseJsonObject } from '../../platform/json-object.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { SigningAlgorithm } from '../../protocol/signing-algorithms.ts'
import { isKeyId } from '../../protocol/verification-key.ts'
import { candidateKeys } from './key-set.ts'
import type { KeySet } from './key-set.ts'
import type { ProviderDocument } from './provider-documents.ts'

const MAXIMUM_LENGTH = 8192

/** What a provider's JWT of one kind must look like. Nothing of it is taken from the token. */
export interface ProviderJwtRules {
  readonly algorithm: SigningAlgorithm
  readonly keys: ProviderDocument<KeySet>
  /** Accepted `typ` values, in lower case and without `application/` (RFC 7515 §4.1.9). */
  readonly types: readonly string[]
  /** Whether a token without `typ` is refused. */
  readonly isTypeRequired: boolean
}

export type Claims = Readonly<Record<string, unknown>>

interface Header {
  readonly keyId: string | undefined
}

/**
 * Verifies header and signature of a JWT from a provider (RFC 7515 §5.2, RFC 8725 §3), in the order of what
 * it costs: size, form, algorithm and type first, so that junk makes nobody fetch a key.
 *
 * Algorithm and keys come from the configuration and the issuer; `jwk`, `jku`, `x5u` and `x5c` of the
 * header are never looked at. The claims are authentic but not yet judged. `facts.check` names what failed.
 */
export async function verifyProviderJwt(
  token: unknown,
  rules: ProviderJwtRules,
  now: EpochSeconds,
): Promise<Result<Claims, 'jwt_invalid' | 'provider_unavailable'>> {
  if (typeof token !== 'string') return invalid('form')
  if (token.length > MAXIMUM_LENGTH) return invalid('size')
  const header = parseHeader(token, rules)
  if (!header.ok) return header
  const { keyId } = header.value

  const current = await rules.keys.current(now)
  if (!current.ok) return current
  const candidates = candidateKeys(current.value, rules.algorithm, keyId)
  const verified = await verifyWithAny(token, candidates, rules.algorithm)
  if (verified !== undefined) return readClaims(verified)
  // A key of this id is known and is not the one: no newer set will change that.
  if (keyId !== undefined && candidates.length > 0) return invalid('signature')

  const refreshed = await rules.keys.refreshed(now)
  if (!refreshed.ok) return refreshed
  const newer = candidateKeys(refreshed.value, rules.algorithm, keyId)
  if (newer.length === 0) return invalid('key')
  if (refreshed.value === current.value) return invalid('signature')
  const verifiedNow = await verifyWithAny(token, newer, rules.algorithm)
  return verifiedNow === undefined ? invalid('signature') : readClaims(verifiedNow)
}

function parseHeader(token: string, rules: ProviderJwtRules): Result<Header, 'jwt_invalid'> {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return invalid('form')
  const header = decodeHeader(token.slice(0, token.indexOf('.')))
  if (header === undefined) return invalid('header')
  const { alg, kid, typ, cty } = header
  if (alg !== rules.algorithm) return invalid('alg')
  // RFC 7515 §4.1.11, RFC 7797 §7: no extension is understood here. RFC 7519 §5.2: no token inside a token.
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return invalid('crit')
  if (cty !== undefined) return invalid('cty')
  if (typ === undefined ? rules.isTypeRequired : !rules.types.includes(mediaType(typ))) {
    return invalid('typ')
  }
  if (kid !== undefined && !isKeyId(kid)) return invalid('kid')
  return ok({ keyId: kid })
}

function decodeHeader(encoded: string): Claims | undefined {
  try {
    return parseJsonObject(base64url.decode(encoded))
  } catch {
    return undefined
  }
}

const mediaType = (typ: unknown): string =>
  typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : ''

/** The payload, if one of these keys has signed it. */
async function verifyWithAny(
  token: string,
  keys: KeySet,
  algorithm: SigningAlgorithm,
): Promise<Uint8Array | undefined> {
  for (const { jwk } of keys) {
    try {
      return (await compactVerify(token, jwk, { algorithms: [algorithm] })).payload
    } catch (thrown) {
      if (!(thrown instanceof errors.JOSEError)) throw thrown
    }
  }
  return undefined
}

function readClaims(payload: Uint8Array): Result<Claims, 'jwt_invalid'> {
  const claims = parseJsonObject(payload)
  return claims === undefined ? invalid('payload') : ok(claims)
}

const invalid = (check: string) => refuse('jwt_invalid', { check })
