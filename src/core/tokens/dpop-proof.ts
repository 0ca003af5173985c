/**
 * DPoP proofs (RFC 9449 §4.3): the caller shows, with each request, that it holds the key that a token is
 * bound to. No nonce is asked for. The memory of proofs seen is this instance's: a proof captured within
 * its 60 seconds may pass once in each isolate, for the same method and URL; a server-wide memory would
 * cost every API request a round trip to one place.
 */
import { compactVerify, decodeProtectedHeader, errors } from 'jose'
import type { EpochSeconds } from '../../platform/clock.ts'
import { sha256Base64url } from '../../platform/digest.ts'
import { parseJsonObject } from '../../platform/json-object.ts'
import { LeastRecentlyUsed } from '../../platform/lru.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { dpopAlgorithms, importDpopKey, isDpopAlgorithm } from './dpop-key.ts'
import type { DpopKey } from './dpop-key.ts'

const LONGEST_PROOF_CHARACTERS = 8192
const LONGEST_JTI_CHARACTERS = 256

/** How far a proof's times may be from our clock, either way (RFC 9449 §11.1). */
const WINDOW_SECONDS = 60

const REMEMBERED_PROOFS = 10_000

export interface DpopRequest {
  /** The `DPoP` header. Several headers arrive as one value joined by commas, and are refused. */
  readonly proof: string | undefined
  /** The request's method, as it came. */
  readonly method: string
  /** The absolute URL that we serve the request under: from configuration, not from its Host. */
  readonly url: string
  /** The access token that comes with it, and the thumbprint of the key that it is bound to. */
  readonly token?: { readonly value: string; readonly jkt: string }
}

export interface DpopProofs {
  /**
   * The thumbprint of the key that made the proof. `facts.check` says which check failed. A proof is used
   * up only when every check has passed.
   */
  check(
    request: DpopRequest,
    now: EpochSeconds,
  ): Promise<Result<{ readonly jkt: string }, 'invalid_dpop_proof' | 'wrong_dpop_key'>>
}

export function createDpopProofs(): DpopProofs {
  const seen = new LeastRecentlyUsed<string, EpochSeconds>(REMEMBERED_PROOFS)

  return {
    async check({ proof, method, url, token }, now) {
      if (proof === undefined || proof === '') return no('missing')
      if (proof.length > LONGEST_PROOF_CHARACTERS) return no('size')
      if (proof.includes(',')) return no('count')
      const parsed = await readProof(proof)
      if (typeof parsed === 'string') return no(parsed)
      const { thumbprint: jkt, claims } = parsed
      const { htm, htu, iat, exp = now, nbf = now, jti, ath } = claims
      if (htm !== method) return no('htm')
      if (typeof htu !== 'string' || !isSameTarget(htu, url)) return no('htu')
      // RFC 7519 §2: a NumericDate may have a fraction.
      if (typeof iat !== 'number' || Math.abs(iat - now) > WINDOW_SECONDS) return no('iat')
      // RFC 7519 §4.1.4, §4.1.5: neither is asked for, but a proof that names one is held to it.
      if (typeof exp !== 'number' || now >= exp + WINDOW_SECONDS) return no('exp')
      if (typeof nbf !== 'number' || nbf > now + WINDOW_SECONDS) return no('nbf')
      if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI_CHARACTERS)
        return no('jti')
      if (token !== undefined) {
        if (ath !== (await sha256Base64url(token.value))) return no('ath')
        if (jkt !== token.jkt) return refuse('wrong_dpop_key', { check: 'binding' })
      }
      // Looked up and remembered without an await between: of two uses at once, one passes.
      const use = `${jkt}.${jti}`
      if (now <= (seen.get(use) ?? -Infinity)) return no('replay')
      seen.set(use, iat + WINDOW_SECONDS)
      return ok({ jkt })
    },
  }
}

const no = (check: string) => refuse('invalid_dpop_proof', { check })

/** A proof whose signature is by the key that it carries; or which check failed. */
async function readProof(
  proof: string,
): Promise<(DpopKey & { readonly claims: Record<string, unknown> }) | string> {
  try {
    const { typ, alg, jwk, crit } = decodeProtectedHeader(proof)
    // RFC 7797 §7: a JWT is never unencoded; and we know no other extension.
    if (crit !== undefined) return 'crit'
    if (typ !== 'dpop+jwt') return 'typ'
    if (!isDpopAlgorithm(alg)) return 'alg'
    const key = await importDpopKey(jwk, alg)
    if (key === undefined) return 'jwk'
    const { payload } = await compactVerify(proof, key.key, { algorithms: [...dpopAlgorithms] })
    const claims = parseJsonObject(payload)
    return claims === undefined ? 'claims' : { ...key, claims }
  } catch (thrown) {
    if (thrown instanceof errors.JWSSignatureVerificationFailed) return 'signature'
    // Whatever a stranger's bytes make a parser say, it is not a proof.
    return 'form'
  }
}

/** RFC 9449 §4.3 item 9: the same URI without query and fragment, after normalisation (RFC 3986 §6.2). */
function isSameTarget(htu: string, url: string): boolean {
  const target = normaliseTarget(htu)
  return target !== undefined && target === normaliseTarget(url)
}

function normaliseTarget(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined
  const { protocol, host, pathname, username, password } = new URL(text)
  if (protocol !== 'https:' && protocol !== 'http:') return undefined
  if (username !== '' || password !== '') return undefined
  const path = pathname.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return /[A-Za-z0-9\-._~]/.test(character) ? character : escape.toUpperCase()
  })
  return `${protocol}//${host}${path}`
}
