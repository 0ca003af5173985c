/**
 * The asymmetric algorithms in which we sign and let others sign (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2),
 * each with the key it takes. `none` and the HMAC algorithms are not here, so nothing can be configured to them.
 */
export const SIGNING_ALGORITHM_KEYS = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
} as const

export type SigningAlgorithm = keyof typeof SIGNING_ALGORITHM_KEYS

export const SIGNING_ALGORITHMS = Object.keys(SIGNING_ALGORITHM_KEYS) as readonly SigningAlgorithm[]
