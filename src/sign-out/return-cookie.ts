/**
 * Remembers, from the moment the browser leaves for the provider's end-session page until it comes back,
 * which `state` went along. It decides nothing but what the last page says: the session ended before.
 */
import { isEqualConstantTime } from '../platform/digest.ts'

/** Long enough to answer the provider's question, and not much longer. */
const LIFETIME_SECONDS = 600

const nameOf = (isHttps: boolean): string => `${isHttps ? '__Host-' : ''}drawbridge_sign_out`

const serialize = (state: string, maxAgeSeconds: number, isHttps: boolean): string =>
  `${nameOf(isHttps)}=${state}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${isHttps ? '; Secure' : ''}`

export const setReturnCookie = (state: string, isHttps: boolean): string =>
  serialize(state, LIFETIME_SECONDS, isHttps)

export const clearReturnCookie = (isHttps: boolean): string => serialize('', 0, isHttps)

/** Whether this `state` is the one that this browser left with. */
export async function isReturn(
  state: string | undefined,
  cookieHeader: string | undefined,
  isHttps: boolean,
): Promise<boolean> {
  if (state === undefined || state === '') return false
  const start = `${nameOf(isHttps)}=`
  const kept = (cookieHeader ?? '')
    .split(';')
    .map((pair) => (pair.startsWith(' ') ? pair.slice(1) : pair))
    .filter((pair) => pair.startsWith(start))
  const [only] = kept
  return (
    kept.length === 1 &&
    only !== undefined &&
    (await isEqualConstantTime(only.slice(start.length), state))
  )
}
