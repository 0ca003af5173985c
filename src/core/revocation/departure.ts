/**
 * What a browser that is signing out takes along, from the moment its session has ended until it arrives at the
 * last page: in one cookie, sealed and short-lived, and never in a URL. It decides where the last page leads and
 * what it tells, and nothing else: the session ended before.
 */
import type { Config } from '../../config.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { isEqualConstantTime } from '../../platform/digest.ts'
import { isJsonObject } from '../../platform/json-object.ts'
import { createSeal } from '../../platform/seal.ts'
import { cookieName, expireCookie, readCookie, setCookie } from '../../protocol/cookies.ts'
import { parseSessionId, parseUserId } from '../sessions/session.ts'
import type { SessionId, UserId } from '../sessions/session.ts'

/** Long enough to answer the provider's question, and not much longer. */
const LIFETIME_SECONDS = 600

/** Where the person goes in the end: a registered address of the application that has asked. */
export interface Destination {
  readonly url: string
  /** The application's name. */
  readonly name: string
}

export interface Departure {
  /** What went along to the provider's sign-out page; undefined when the browser did not go there. */
  readonly state: string | undefined
  /** The session that has ended, where it is known. */
  readonly session: { readonly userId: UserId; readonly sid: SessionId } | undefined
  readonly destination: Destination | undefined
}

export interface Departures {
  /** The `Set-Cookie` line that keeps it. */
  keep(departure: Departure, now: EpochSeconds): Promise<string>
  /** The `Set-Cookie` line that forgets it. */
  forget(): string
  /** Undefined: none, not ours, or too old. */
  read(cookieHeader: string | undefined, now: EpochSeconds): Promise<Departure | undefined>
}

export function createDepartures({
  isHttps,
  secrets,
}: Pick<Config, 'isHttps'> & {
  readonly secrets: Pick<Config['secrets'], 'handleKey'>
}): Departures {
  const seal = createSeal(secrets.handleKey, 'departure')
  const name = cookieName('sign_out', isHttps)
  return {
    async keep(departure, now) {
      const until = now + LIFETIME_SECONDS
      const value = await seal.seal({ ...departure, until })
      return setCookie(name, value, { maxAgeSeconds: LIFETIME_SECONDS, isHttps })
    },
    forget: () => expireCookie(name, isHttps),
    async read(cookieHeader, now) {
      const value = await seal.unseal(readCookie(cookieHeader, name) ?? '')
      return isJsonObject(value) && Number(value.until) > now ? toDeparture(value) : undefined
    },
  }
}

/** What was sealed is what was written: only what an older version may have written otherwise is looked at. */
function toDeparture({ state, session, destination }: Record<string, unknown>): Departure {
  const userId = isJsonObject(session) ? parseUserId(session.userId) : undefined
  const sid = isJsonObject(session) ? parseSessionId(session.sid) : undefined
  return {
    state: typeof state === 'string' ? state : undefined,
    session: userId !== undefined && sid !== undefined ? { userId, sid } : undefined,
    destination: isJsonObject(destination)
      ? { url: String(destination.url), name: String(destination.name) }
      : undefined,
  }
}

/** Whether the browser has been where it was sent to: at the provider, or nowhere. */
export async function isBack({ state }: Departure, returned: string | undefined): Promise<boolean> {
  if (state === undefined) return true
  return returned !== undefined && (await isEqualConstantTime(state, returned))
}
