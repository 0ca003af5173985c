/**
 * Proofs that we hold the key a token is bound to (RFC 9449, DPoP). The private key cannot be exported, so a
 * token that is copied out of localStorage is of no use anywhere else.
 */
import { claimsOf } from './token-life.ts'
import type { StoredToken } from './token-store.ts'

export interface DpopProver {
  /** A proof for one request; with a token, also that the token is presented with it (`ath`). */
  prove(method: string, url: string, token?: StoredToken): Promise<string>
  /** RFC 9449 §8: takes the nonce that an answer to this address may bring, for the next proof there. */
  learnNonce(url: string, response: Response): void
  /** Takes the server's time from an answer that has just been made (never from one out of a cache). */
  learnTime(response: Response): void
}

export interface DpopParts {
  /** ECDSA on P-256; the private key need not be extractable. */
  readonly keys: CryptoKeyPair
  readonly now: () => number
  readonly randomId: () => string
}

export async function createDpopProver({ keys, now, randomId }: DpopParts): Promise<DpopProver> {
  const { kty, crv, x, y } = (await crypto.subtle.exportKey('jwk', keys.publicKey)) as JsonWebKey
  const header = encodeJson({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } })
  const nonces = new Map<string, string>()
  let clockOffset = 0

  return {
    async prove(method, url, token) {
      const { origin, pathname } = new URL(url)
      const payload = encodeJson({
        htm: method,
        // RFC 9449 §4.2: without query and fragment.
        htu: origin + pathname,
        iat: Math.floor((now() + (token === undefined ? clockOffset : offsetSeenIn(token))) / 1000),
        jti: randomId(),
        nonce: nonces.get(origin),
        ath: token && encode(await crypto.subtle.digest('SHA-256', utf8(token.accessToken))),
      })
      const signature = await crypto.subtle.sign(
        { name: 'ECDSA', hash: 'SHA-256' },
        keys.privateKey,
        utf8(`${header}.${payload}`),
      )
      return `${header}.${payload}.${encode(signature)}`
    },
    learnNonce(url, response) {
      const nonce = response.headers.get('dpop-nonce')
      if (nonce !== null) nonces.set(new URL(url).origin, nonce)
    },
    learnTime(response) {
      const serverTime = Date.parse(response.headers.get('date') ?? '')
      if (Number.isFinite(serverTime)) clockOffset = serverTime - now()
    },
  }
}

/** How far our clock was off when this token came: its `iat` is the server's time, `receivedAt` is ours. */
function offsetSeenIn(token: StoredToken): number {
  const { iat } = claimsOf(token.accessToken)
  return typeof iat === 'number' ? iat * 1000 - token.receivedAt : 0
}

const utf8 = (text: string) => new TextEncoder().encode(text)

const encodeJson = (value: object) => encode(utf8(JSON.stringify(value)))

const encode = (bytes: ArrayBuffer | Uint8Array): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
