/** The public keys that an application signs its assertions with (RFC 7523; registered as `jwks`, RFC 7591 §2). */
import { parseVerificationKey } from '../../protocol/verification-key.ts'
import type { OAuthClient } from './application.ts'
import type { RegistrationProblem } from './registration-problem.ts'

const MOST_KEYS = 10

/**
 * The keys as they are kept: what a verifier reads of them and nothing else. What is private, symmetric, weak or
 * meant for something else is a problem, and so are two keys that a `kid` does not tell apart.
 */
export async function parseClientKeys(
  keys: readonly unknown[],
  problems: RegistrationProblem[],
): Promise<OAuthClient['jwks']> {
  const report = (detail: string, index?: number) => {
    const element = index === undefined ? '' : `/keys/${index}`
    problems.push({ pointer: `/oauth/jwks${element}`, detail })
  }
  if (keys.length === 0 || keys.length > MOST_KEYS) {
    report(`holds ${keys.length} keys; 1 to ${MOST_KEYS} are taken`)
    return undefined
  }
  const parsed = await Promise.all(keys.map(parseVerificationKey))
  parsed.forEach((key, i) => {
    if (key === undefined) {
      report('is not a public signing key: RSA of 2048 bits, P-256, P-384, P-521 or Ed25519', i)
    } else if (keys.length > 1 && key.keyId === undefined) {
      report('has no kid, and there are other keys', i)
    } else if (parsed.slice(0, i).some((other) => other?.keyId === key.keyId)) {
      report('has the kid of another key', i)
    }
  })
  return { keys: parsed.flatMap((key) => (key === undefined ? [] : [key.jwk as JsonWebKey])) }
}
