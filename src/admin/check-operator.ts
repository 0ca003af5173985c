import type { Config } from '../config.ts'
import { isEqualConstantTime } from '../platform/digest.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'

/** RFC 6750 §2.1, with all that the setting allows in a key; longer than any key is nobody's. */
const BEARER = /^bearer[ \t]+([\x21-\x7e]{1,1024})$/i

/**
 * Whether the `Authorization` header carries an admin API key: the current one or any older one still
 * listed. Every listed value is compared, in constant time and over digests, and the answer is formed when
 * all have been, so that the time tells neither which one it was nor how near a guess came.
 */
export async function checkOperator(
  authorization: string | undefined,
  { adminApiKey }: Pick<Config['secrets'], 'adminApiKey'>,
): Promise<Result<undefined, 'no_credentials' | 'wrong_credentials'>> {
  if (authorization === undefined) return refuse('no_credentials')
  const presented = BEARER.exec(authorization.trim())?.[1] ?? ''
  const equal = await Promise.all(adminApiKey.map((key) => isEqualConstantTime(presented, key)))
  return equal.includes(true) ? ok(undefined) : refuse('wrong_credentials')
}
