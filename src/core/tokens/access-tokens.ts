/**
 * Access tokens: the short JWT (RFC 9068) that a session is exchanged for and that APIs check. Issued and
 * verified here, by the keys of keys.ts; whether one has been revoked is for core/revocation to say.
 * Nothing is stored; each isolate remembers which signatures it has verified.
 */
import { CompactSign, base64url, compactVerify, errors } from 'jose'
import type { Config } from '../../config.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { parseJsonObject } from '../../platform/json-object.ts'
import { LeastRecentlyUsed } from '../../platform/lru.ts'
import { randomId } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import { ACCESS_TOKEN_TYPE, BRIDGE_CLIENT_ID, parseAccessTokenClaims } from './access-token.ts'
import type { AccessTokenClaims, AccessTokens } from './access-token.ts'
import { LONGEST_ACCESS_TOKEN_SECONDS } from './key-lifetimes.ts'
import type { Keys } from './keys.ts'

/** No token of ours comes near it; refused before anything of it is decoded. */
const LONGEST_TOKEN_CHARACTERS = 8192

/** The clocks that issue and verify are both ours, but not of one machine. For `iat` only, never for `exp`. */
const CLOCK_TOLERANCE_SECONDS = 5

/** About a megabyte in an isolate. */
const REMEMBERED_TOKENS = 1000

const utf8 = new TextEncoder()

export function createAccessTokens({ config, keys }: { config: Config; keys: Keys }): AccessTokens {
  const { audience, lifetimeSeconds, scope } = config.accessToken
  const verified = new LeastRecentlyUsed<string, { kid: string; claims: AccessTokenClaims }>(
    REMEMBERED_TOKENS,
  )

  /** What must hold anew at every use: who it is from, who it is for, and when. */
  function checkClaims({ iss, aud, iat, exp }: AccessTokenClaims, now: EpochSeconds) {
    if (iss !== config.issuer) return refuse('invalid_token', { check: 'iss' })
    if (aud !== audience) return refuse('invalid_token', { check: 'aud' })
    if (iat > now + CLOCK_TOLERANCE_SECONDS)
      return refuse('invalid_token', { check: 'iat', iat, now })
    // Bounds what a wrong clock or milliseconds for seconds could do.
    const isOverlong = exp - iat > LONGEST_ACCESS_TOKEN_SECONDS
    if (exp <= iat || isOverlong) return refuse('invalid_token', { check: 'lifetime', iat, exp })
    if (now >= exp) return refuse('invalid_token', { check: 'exp', exp, now })
    return undefined
  }

  return {
    async issue({ sub, sid, epoch, authTime, providerId, acr, notAfter, jkt, now }) {
      const expiresIn = Math.min(lifetimeSeconds, LONGEST_ACCESS_TOKEN_SECONDS, notAfter - now)
      if (expiresIn <= 0) return refuse('session_over', { not_after: notAfter, now })
      const signingKey = await keys.signingKey('ES256', now)
      if (!signingKey.ok) return signingKey
      const jti = randomId()
      const claims: AccessTokenClaims = {
        iss: config.issuer,
        aud: audience,
        sub,
        client_id: BRIDGE_CLIENT_ID,
        iat: now,
        exp: now + expiresIn,
        jti,
        sid,
        epoch,
        auth_time: authTime,
        idp: providerId,
        ...(acr === undefined ? {} : { acr }),
        ...(scope === '' ? {} : { scope }),
        ...(jkt === undefined ? {} : { cnf: { jkt } }),
      }
      const { kid, alg, key } = signingKey.value
      const token = await new CompactSign(utf8.encode(JSON.stringify(claims)))
        .setProtectedHeader({ alg, typ: ACCESS_TOKEN_TYPE, kid })
        .sign(key)
      return ok({ token, expiresIn, jti })
    },

    async verify(token, now) {
      if (token.length > LONGEST_TOKEN_CHARACTERS) return refuse('invalid_token', { check: 'size' })
      const remembered = verified.get(token)
      const kid = remembered?.kid ?? keyIdOf(token)
      if (kid === undefined) return refuse('invalid_token', { check: 'header' })
      // Asked also for a remembered signature: a compromised key takes all of its tokens with it.
      const key = await keys.publicKey(kid, 'ES256', now)
      if (!key.ok) {
        if (key.refusal.code === 'unavailable') return refuse('unavailable')
        return refuse('invalid_token', { check: 'key' })
      }
      let claims = remembered?.claims
      if (claims === undefined) {
        const payload = await verifySignature(token, key.value)
        if (payload === undefined) return refuse('invalid_token', { check: 'signature' })
        const content = parseJsonObject(payload)
        claims = content === undefined ? undefined : parseAccessTokenClaims(content)
        if (claims === undefined) return refuse('invalid_token', { check: 'claims' })
      }
      const refusal = checkClaims(claims, now)
      if (refusal !== undefined) return refusal
      verified.set(token, { kid, claims })
      return ok(claims)
    },
  }
}

/**
 * The key id of a token whose header is exactly what we write: `alg`, `typ` and `kid`, and nothing that
 * could bring along a key, a URL or an extension (RFC 8725 §3.10, §3.11).
 */
function keyIdOf(token: string): string | undefined {
  const [header = '', ...rest] = token.split('.', 4)
  if (rest.length !== 2) return undefined
  const members = parseJsonObject(decode(header) ?? new Uint8Array())
  if (members === undefined) return undefined
  const { alg, typ, kid, ...more } = members
  const isOurs = alg === 'ES256' && typ === ACCESS_TOKEN_TYPE && Object.keys(more).length === 0
  return isOurs && typeof kid === 'string' ? kid : undefined
}

/** The payload, if the signature is by this key and written in the one way that base64url allows. */
async function verifySignature(token: string, key: CryptoKey): Promise<Uint8Array | undefined> {
  const signature = token.slice(token.lastIndexOf('.') + 1)
  // Two spellings of the last character decode to the same bytes: a changed token must not pass as ours.
  const bytes = decode(signature)
  if (bytes === undefined || base64url.encode(bytes) !== signature) return undefined
  try {
    return (await compactVerify(token, key, { algorithms: ['ES256'] })).payload
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
