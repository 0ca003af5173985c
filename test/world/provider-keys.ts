import { exportJWK } from 'jose'
import { makeKey } from './rsa-keys.ts'

export interface ProviderKeyPair {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  /** With `kid`, `alg` and `use`, as a provider publishes it. */
  readonly publicJwk: Record<string, unknown>
  readonly privateJwk: Record<string, unknown>
}

const hash = (alg: string) => `SHA-${alg.slice(2)}`

function parameters(alg: string, modulusLength: number) {
  const rsa = { modulusLength, publicExponent: new Uint8Array([1, 0, 1]), hash: hash(alg) }
  if (alg.startsWith('RS')) return { name: 'RSASSA-PKCS1-v1_5', ...rsa }
  if (alg.startsWith('PS')) return { name: 'RSA-PSS', ...rsa }
  if (alg.startsWith('ES')) return { name: 'ECDSA', namedCurve: curves[alg]! }
  return { name: 'Ed25519' }
}

const curves: Record<string, string> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

// The pair is kept, never the promise: tests and Workers of one isolate are different requests to the runtime.
const pairs = new Map<string, ProviderKeyPair>()

/** The key pair of this name, made at its first use in this isolate. RSA keys may be made too short. */
export async function providerKey(
  alg: string,
  kid: string,
  modulusLength = 2048,
): Promise<ProviderKeyPair> {
  const name = `${alg} ${kid} ${modulusLength}`
  const known = pairs.get(name)
  if (known !== undefined) return known
  const { privateKey, publicKey } = (await makeKey(parameters(alg, modulusLength), true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair
  const pair = {
    kid,
    alg,
    privateKey,
    publicKey,
    publicJwk: { ...publicMembers(await exportJWK(publicKey)), kid, alg, use: 'sig' },
    privateJwk: { ...publicMembers(await exportJWK(privateKey)), kid, alg },
  }
  pairs.set(name, pair)
  return pair
}

const publicMembers = ({ key_ops: _ops, ext: _ext, ...jwk }: Record<string, unknown>) => jwk
