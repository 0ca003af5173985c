/**
 * What a browser carries of shared sessions, on our own host: for each company whose sites it was on, a cookie with
 * the sealed token of one session. First-party whenever it is read, since every way here is a navigation of the
 * whole tab; and none is read where one is set, because a form of another site's brings no cookies along.
 */
import type { Config } from '../config.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { sha256Base64url } from '../platform/digest.ts'
import type { Seal } from '../platform/seal.ts'

interface Keeping {
  readonly config: Pick<Config, 'isHttps'>
  readonly seal: Seal
}

const nameOf = async (company: string, { isHttps }: Keeping['config']): Promise<string> =>
  `${isHttps ? '__Host-' : ''}drawbridge_shared_${(await sha256Base64url(company)).slice(0, 22)}`

/** The token for this company; undefined for a cookie that is not ours, or is there twice. */
export async function readKnownToken(
  header: string | null,
  company: string,
  { config, seal }: Keeping,
): Promise<string | undefined> {
  const start = `${await nameOf(company, config)}=`
  const values = (header ?? '')
    .split(';')
    .map((pair) => (pair.startsWith(' ') ? pair.slice(1) : pair))
    .filter((pair) => pair.startsWith(start))
  const [value] = values
  if (value === undefined || values.length > 1) return undefined
  const token = await seal.unseal(value.slice(start.length))
  return typeof token === 'string' ? token : undefined
}

/** The `Set-Cookie` value with this session for its company. */
export async function writeKnownToken(
  token: string,
  { company, expiresAt }: { readonly company: string; readonly expiresAt: EpochSeconds },
  { config, seal, now }: Keeping & { readonly now: EpochSeconds },
): Promise<string> {
  return [
    `${await nameOf(company, config)}=${await seal.seal(token)}`,
    `Max-Age=${expiresAt - now}`,
    'Path=/',
    ...(config.isHttps ? ['Secure'] : []),
    'HttpOnly',
    'SameSite=Lax',
  ].join('; ')
}
