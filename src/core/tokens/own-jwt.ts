/**
 * JWTs under our own keys: how one is written, and how one that comes back is read. Which key and which
 * algorithms may have signed it is the caller's word, never the token's (RFC 8725 §3.1).
 */
import { CompactSign, base64url, compactVerify, errors } from 'jose'
import type { EpochSeconds } from '../../platform/clock.ts'
import { parseJsonObject } from '../../platform/json-object.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { Keys } from './keys.ts'
import type { SigningKeyAlgorithm } from './signing-key.ts'

/** No token of ours comes near it; refused before anything of it is decoded. */
export const LONGEST_OWN_JWT_CHARACTERS = 8192

const utf8 = new TextEncoder()

/** What a JWT of ours is for: its `typ`, which no two roles share. */
export type OwnJwtType = 'at+jwt' | 'JWT' | 'logout+jwt'

/** Signs with the key that signs now. */
export async function signOwnJwt(
  keys: Pick<Keys, 'signingKey'>,
  input: {
    readonly type: OwnJwtType
    readonly alg: SigningKeyAlgorithm
    readonly claims: Readonly<Record<string, unknown>>
    readonly now: EpochSeconds
  },
): Promise<Result<string, 'unavailable'>> {
  const signingKey = await keys.signingKey(input.alg, input.now)
  if (!signingKey.ok) return signingKey
  const { kid, alg, key } = signingKey.value
  const token = await new CompactSign(utf8.encode(JSON.stringify(input.claims)))
    .setProtectedHeader({ alg, typ: input.type, kid })
    .sign(key)
  return ok(token)
}

/** A token's header, if it is exactly what we write. */
export interface OwnJwtHeader {
  readonly alg: SigningKeyAlgorithm
  readonly kid: string
}

/**
 * The header of a token that may be ours: `alg`, `typ` and `kid`, and nothing that could bring along a key, a
 * URL or an extension (RFC 8725 §3.10, §3.11).
 */
export function ownJwtHeader(
  token: string,
  { type, algorithms }: { type: OwnJwtType; algorithms: readonly SigningKeyAlgorithm[] },
): OwnJwtHeader | undefined {
  if (token.length > LONGEST_OWN_JWT_CHARACTERS) return undefined
  const [header = '', ...rest] = token.split('.', 4)
  if (rest.length !== 2) return undefined
  const members = parseJsonObject(decode(header) ?? new Uint8Array())
  if (members === undefined) return undefined
  const { alg: named, typ, kid, ...more } = members
  const alg = algorithms.find((known) => known === named)
  if (alg === undefined || typ !== type || Object.keys(more).length > 0) return undefined
  return typeof kid === 'string' ? { alg, kid } : undefined
}

/**
 * The claims of a token with this header, if the signature is by that key of ours and counts now. Of its
 * content and its times nothing has been checked.
 */
export async function verifyOwnJwt(
  keys: Pick<Keys, 'publicKey'>,
  token: string,
  { kid, alg }: OwnJwtHeader,
  now: EpochSeconds,
): Promise<Result<Record<string, unknown>, 'not_ours' | 'unavailable'>> {
  const key = await keys.publicKey(kid, alg, now)
  if (!key.ok) {
    return key.refusal.code === 'unavailable'
      ? refuse('unavailable')
      : refuse('not_ours', { check: 'key' })
  }
  const payload = await verifySignature(token, key.value, alg)
  if (payload === undefined) return refuse('not_ours', { check: 'signature' })
  const claims = parseJsonObject(payload)
  return claims === undefined ? refuse('not_ours', { check: 'claims' }) : ok(claims)
}

/** The payload, if the signature is by this key and written in the one way that base64url allows. */
async function verifySignature(
  token: string,
  key: CryptoKey,
  alg: SigningKeyAlgorithm,
): Promise<Uint8Array | undefined> {
  const signature = token.slice(token.lastIndexOf('.') + 1)
  // Two spellings of the last character decode to the same bytes: a changed token must not pass as ours.
  const bytes = decode(signature)
  if (bytes === undefined || base64url.encode(bytes) !== signature) return undefined
  try {
    return (await compactVerify(token, key, { algorithms: [alg] })).payload
  } catch (thrown) {
    if (thrown instanceof errors.JOSEError) return undefined
    throw thrown
  }
}

function decode(text: string): Uint8Array | undefined {
  try {
    return base64url.decode(text)
  } catch {
    return undefined
  }
}
