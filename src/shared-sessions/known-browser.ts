/**
 * What a browser carries of shared sessions, on our own host: for each company whose sites it was on, a cookie with
 * the sealed token of one session. First-party whenever it is read, since every way here is a navigation of the
 * whole tab; and none is read where one is set, because a form of another site's brings no cookies along.
 */
import type { Config } from '../config.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import { sha256Base64url } from '../platform/digest.ts'
import type { Seal } from '../platform/seal.ts'
import { cookieName, readCookie, setCookie } from '../protocol/cookies.ts'

interface Keeping {
  readonly config: Pick<Config, 'isHttps'>
  readonly seal: Seal
}

const nameOf = async (company: string, { isHttps }: Keeping['config']): Promise<string> =>
  cookieName(`shared_${(await sha256Base64url(company)).slice(0, 22)}`, isHttps)

/** The token for this company; undefined for a cookie that is not ours, or is there twice. */
export async function readKnownToken(
  header: string | null,
  company: string,
  { config, seal }: Keeping,
): Promise<string | undefined> {
  const token = await seal.unseal(readCookie(header, await nameOf(company, config)) ?? '')
  return typeof token === 'string' ? token : undefined
}

/** The `Set-Cookie` value with this session for its company. */
export async function writeKnownToken(
  token: string,
  { company, expiresAt }: { readonly company: string; readonly expiresAt: EpochSeconds },
  { config, seal, now }: Keeping & { readonly now: EpochSeconds },
): Promise<string> {
  return setCookie(await nameOf(company, config), await seal.seal(token), {
    maxAgeSeconds: expiresAt - now,
    isHttps: config.isHttps,
  })
}
