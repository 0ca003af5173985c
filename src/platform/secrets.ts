const utf8 = new TextEncoder()

/**
 * A secret setting that can be rotated: the first value is the current one, the rest are older values
 * that are still accepted.
 */
export type RotatingSecret = readonly [current: string, ...older: string[]]

/**
 * 32 bytes for one purpose, derived from a secret by HKDF (RFC 5869), so that a value made for one
 * purpose is never accepted for another.
 */
export async function deriveBytes(
  secret: string,
  purpose: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const key = await crypto.subtle.importKey('raw', utf8.encode(secret), 'HKDF', false, [
    'deriveBits',
  ])
  const bits = await crypto.subtle.deriveBits(
    {
      name: 'HKDF',
      hash: 'SHA-256',
      salt: new Uint8Array(0),
      info: utf8.encode(`drawbridge/${purpose}`),
    },
    key,
    256,
  )
  return new Uint8Array(bits)
}

/** Message authentication codes under a rotating secret: made with the current value, accepted under any. */
export interface Authenticator {
  /** HMAC-SHA-256, 32 bytes. */
  sign(message: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
  /** Constant-time; accepts a code truncated to its first `mac.length` bytes, at least 16. */
  verify(message: Uint8Array<ArrayBuffer>, mac: Uint8Array<ArrayBuffer>): Promise<boolean>
}

export function createAuthenticator(secret: RotatingSecret, purpose: string): Authenticator {
  const keys = memoise(() =>
    Promise.all(
      secret.map(async (value) =>
        crypto.subtle.importKey(
          'raw',
          await deriveBytes(value, purpose),
          { name: 'HMAC', hash: 'SHA-256' },
          false,
          ['sign'],
        ),
      ),
    ),
  )
  const hmac = async (key: CryptoKey, message: Uint8Array<ArrayBuffer>) =>
    new Uint8Array(await crypto.subtle.sign('HMAC', key, message))
  return {
    async sign(message) {
      const [current] = await keys()
      return hmac(current!, message)
    },
    async verify(message, mac) {
      if (mac.length < 16 || mac.length > 32) return false
      let matched = false
      for (const key of await keys()) {
        const expected = (await hmac(key, message)).slice(0, mac.length)
        if (crypto.subtle.timingSafeEqual(expected, mac)) matched = true
      }
      return matched
    },
  }
}

/** Runs `make` at the first call and hands every later caller its plain result; a failure is not kept. */
export function memoise<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let value: { readonly made: Value } | undefined
  return async () => {
    // The result is kept, never the promise: a promise of one request may not be awaited by another.
    value ??= { made: await make() }
    return value.made
  }
}
