/**
 * A person signs out, here or because an application has sent them to. The session ends first, and only then does
 * the browser go on: to the provider, to sign out there as well (RP-Initiated Logout 1.0), to our last page, and
 * from there to where the application wants it. Whatever becomes of that, and if the browser never arrives, here
 * it is over.
 */
import type { Config } from '../../config.ts'
import type { Clock, EpochSeconds } from '../../platform/clock.ts'
import { randomToken } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import { within } from '../../platform/time-limit.ts'
import type { IdentityProviders } from '../identity-providers/identity-provider.ts'
import { clearSessionCookie, readSessionCookie } from '../sessions/session-cookie.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { isBack } from './departure.ts'
import type { Departures, Destination } from './departure.ts'
import type { EndSession } from './end-session.ts'
import type { FindTold, ToldApplication } from './told-applications.ts'

/** Our last page, where every sign-out ends, or comes past. */
export const SIGNED_OUT_PATH = '/auth/sso/logout/callback'

/** Nobody who wants to leave is kept waiting longer for the provider's metadata. */
const PROVIDER_WAIT_MILLISECONDS = 2000

/** Where the browser goes next, and what it takes along. */
export interface NextStop {
  readonly url: URL
  readonly setCookies: readonly string[]
}

/** What the last page tells, and where it leads. */
export interface Arrival {
  /** The provider has been seen to, or there was none to see to. */
  readonly isBackFromProvider: boolean
  readonly applications: readonly ToldApplication[]
  readonly destination: Destination | undefined
  /** The browser left by our own doing; otherwise anybody's link may have led here. */
  readonly isExpected: boolean
  /** So it is, and nothing is on the page that anybody has to see or that takes time: the way goes straight on. */
  readonly mayGoOn: boolean
  readonly setCookies: readonly string[]
}

export interface SignOut {
  /**
   * Ends the session behind the cookie, if it lives. `unavailable`: it may or may not have ended, and nothing is to
   * be claimed.
   */
  leave(
    facts: RequestFacts,
    input: {
      readonly cookieHeader: string | undefined
      readonly destination?: Destination | undefined
    },
  ): Promise<Result<NextStop, 'unavailable'>>
  /**
   * The browser has come to the last page, with this `state`. Whoever is `signed_in` is not told otherwise, whatever
   * link has led here.
   */
  arrive(input: {
    readonly cookieHeader: string | undefined
    readonly state: string | undefined
  }): Promise<Result<Arrival, 'signed_in' | 'unavailable'>>
}

export interface SignOutParts {
  readonly config: Config
  readonly clock: Clock
  readonly sessions: Pick<Sessions, 'peek' | 'readSignIn'>
  readonly identityProviders: IdentityProviders
  readonly ending: Pick<EndSession, 'endSession'>
  readonly departures: Departures
  readonly findTold: FindTold
}

export function createSignOut(parts: SignOutParts): SignOut {
  const { config, clock, sessions, identityProviders, ending, departures, findTold } = parts

  type KeptSignIn = Extract<Awaited<ReturnType<Sessions['readSignIn']>>, { ok: true }>['value']

  /** The provider's sign-out page; undefined when it has none, is not known here any more, or is down. */
  async function providerUrl(
    { authentication, idToken }: KeptSignIn,
    state: string,
    now: EpochSeconds,
  ): Promise<URL | undefined> {
    const provider = identityProviders.find(authentication.providerId)
    if (provider?.config.issuer !== authentication.issuer) return undefined
    const url = await within(
      PROVIDER_WAIT_MILLISECONDS,
      provider.endSessionUrl({ idToken, state }, now),
    )
    return !url.isLate && url.value.ok ? url.value.value : undefined
  }

  return {
    async leave(facts, { cookieHeader, destination }) {
      const now = clock()
      const cookie = readSessionCookie(cookieHeader, config)
      const found = await sessions.peek(cookie, now)
      if (!found.ok && found.refusal.code === 'unavailable') return refuse('unavailable')
      if (found.ok) {
        const { userId, sid } = found.value
        const ended = await ending.endSession(facts, { userId, sid, cause: 'person', now })
        if (!ended.ok) return refuse('unavailable')
      }
      // Also of a session that had ended before: at the provider it may still be open.
      const signIn = await sessions.readSignIn(cookie)
      const kept = signIn.ok ? signIn.value : undefined
      const state = randomToken()
      const atProvider = kept && (await providerUrl(kept, state, now))
      const { userId, sid } = (found.ok ? found.value : kept) ?? {}
      const departure = {
        state: atProvider && state,
        session: userId !== undefined && sid !== undefined ? { userId, sid } : undefined,
        destination,
      }
      const isNothingKept = Object.values(departure).every((value) => value === undefined)
      return ok({
        url: atProvider ?? new URL(SIGNED_OUT_PATH, config.issuer),
        setCookies: [
          clearSessionCookie(config),
          isNothingKept ? departures.forget() : await departures.keep(departure, now),
        ],
      })
    },

    async arrive({ cookieHeader, state }) {
      const now = clock()
      const found = await sessions.peek(readSessionCookie(cookieHeader, config), now)
      if (found.ok) return refuse('signed_in')
      if (found.refusal.code === 'unavailable') return refuse('unavailable')
      const departure = await departures.read(cookieHeader, now)
      const isExpected = departure !== undefined && (await isBack(departure, state))
      const told = departure?.session && (await findTold(departure.session))
      const applications = told?.ok === true ? told.value : []
      const isAllTold = told?.ok !== false && applications.every(isPlainlyTold)
      const isAfterProvider = departure?.state !== undefined
      return ok({
        isBackFromProvider: isExpected && isAfterProvider,
        isExpected,
        applications,
        destination: departure?.destination,
        mayGoOn: isExpected && isAllTold,
        // Somebody else's link may have led here: what the right one needs stays.
        setCookies: isExpected || departure === undefined ? [departures.forget()] : [],
      })
    },
  }
}

const isPlainlyTold = ({ state, frame }: ToldApplication): boolean =>
  (state === 'told' || state === 'no_way') && frame === undefined
