/**
 * What a browser carries of shared sessions, on our own host: a sealed cookie with the token of one session for
 * each company whose sites it was on. First-party whenever it is read, since every way here is a navigation of
 * the whole tab.
 */
import type { Config } from '../config.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { isJsonObject } from '../platform/json-object.ts'
import type { Seal } from '../platform/seal.ts'

const MOST_COMPANIES = 8
const LONGEST_COOKIE = 4096

const nameOf = ({ isHttps }: Pick<Config, 'isHttps'>): string =>
  isHttps ? '__Host-drawbridge_shared' : 'drawbridge_shared'

export type KnownTokens = ReadonlyMap<string, string>

/** The tokens by company; none for a cookie that is not ours, or is there twice. */
export async function readKnownTokens(
  header: string | null,
  config: Pick<Config, 'isHttps'>,
  seal: Seal,
): Promise<KnownTokens> {
  const start = `${nameOf(config)}=`
  const values = (header ?? '')
    .split(';')
    .map((pair) => (pair.startsWith(' ') ? pair.slice(1) : pair))
    .filter((pair) => pair.startsWith(start))
  const [value] = values
  if (value === undefined || values.length > 1 || value.length > LONGEST_COOKIE) return new Map()
  const opened = await seal.unseal(value.slice(start.length))
  if (!isJsonObject(opened)) return new Map()
  return new Map(
    Object.entries(opened).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  )
}

/** The `Set-Cookie` value with one session more, or another one for its company; the newest stand last. */
export async function writeKnownTokens(
  known: KnownTokens,
  added: { readonly company: string; readonly token: string; readonly expiresAt: EpochSeconds },
  { config, seal, now }: { config: Pick<Config, 'isHttps'>; seal: Seal; now: EpochSeconds },
): Promise<string> {
  const { company, token, expiresAt } = added
  const others = [...known].filter(([name]) => name !== company).slice(1 - MOST_COMPANIES)
  const sealed = await seal.seal(Object.fromEntries([...others, [company, token]]))
  return [
    `${nameOf(config)}=${sealed}`,
    `Max-Age=${expiresAt - now}`,
    'Path=/',
    ...(config.isHttps ? ['Secure'] : []),
    'HttpOnly',
    'SameSite=Lax',
  ].join('; ')
}
