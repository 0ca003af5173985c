import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { createSessions } from '../../src/core/sessions/sessions.ts'
import type { LiveSession } from '../../src/core/sessions/session.ts'
import { gatewayFor } from '../../src/gateway.ts'
import type { Core } from '../../src/gateway-core.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { createBrowser } from './browser.ts'
import type { Browser, Page } from './browser.ts'
import { otrotlConfig, secondConfig } from './config.ts'
import { createInternet } from './internet.ts'
import type { Internet } from './internet.ts'
import type { PersonName } from './people.ts'
import { createProvider } from './provider.ts'
import type { Provider } from './provider.ts'
import { settings } from './settings.ts'
import { countClaims } from './snapshot.ts'

export interface World {
  readonly internet: Internet
  readonly otrotl: Provider
  readonly second: Provider
  /** What the gateway is made of. */
  readonly core: Core
  /** How many sign-in attempts have been claimed in this world. */
  readonly claims: () => Promise<number>
  /** Any request to the gateway, by whoever is no browser. */
  fetch(request: Request): Promise<Response>
  /** A browser that nobody has used yet. */
  readonly newBrowser: () => Browser
}

type ProviderSettings = Readonly<Record<string, unknown>>

/**
 * A gateway and its surroundings as `settings.ts` describes them: two honest providers, and browsers at
 * will. `changes` are to the settings of the providers, by id, as they would stand in wrangler.toml;
 * `bindings` stand in for those of the environment, for what is down.
 */
export async function createWorld(
  changes: Partial<Record<'otrotl' | 'second', ProviderSettings>> = {},
  bindings: Partial<Env> = {},
): Promise<World> {
  const internet = createInternet()
  const otrotl = await createProvider(internet, otrotlConfig)
  const second = await createProvider(internet, secondConfig)
  const settingsOf = Object.entries<ProviderSettings | undefined>(changes)
  const changed = settings.IDENTITY_PROVIDERS.map((provider) => ({
    ...provider,
    ...settingsOf.find(([id]) => id === provider.id)?.[1],
  }))
  // A gateway of its own, with nothing in memory that another test has left there.
  const gateway = gatewayFor({ ...env, ...bindings, IDENTITY_PROVIDERS: changed })
  const fetch = async (request: Request) => gateway.fetch(request, env, createExecutionContext())
  return {
    internet,
    otrotl,
    second,
    core: gateway.core!,
    claims: await countClaims(),
    fetch,
    newBrowser: () => createBrowser({ fetch, providers: [otrotl, second] }),
  }
}

export interface HowToSignIn {
  readonly as?: PersonName
  readonly returnTo?: string
  /** Further parameters of the start: `prompt`, `max_age` … */
  readonly ask?: Readonly<Record<string, string>>
  readonly authTime?: number
}

/** The session that the browser's cookie stands for, if there is one and it is live. */
export async function liveSession(cookie: string | undefined): Promise<LiveSession | undefined> {
  const { idle_seconds: idleSeconds, absolute_seconds: absoluteSeconds } = settings.SESSION
  const sessions = createSessions({
    userSessions: env.USER_SESSIONS,
    handleKey: [settings.HANDLE_KEY],
    deadlines: { idleSeconds, absoluteSeconds },
  })
  const session = await sessions.peek(cookie, systemClock())
  return session.ok ? session.value : undefined
}

/** The route that starts a sign-in at this provider. */
export function startUrl(provider: Provider, { returnTo, ask }: HowToSignIn = {}): URL {
  const url = new URL(`/auth/sso/login/${provider.config.id}`, settings.ISSUER)
  if (returnTo !== undefined) url.searchParams.set('return_to', returnTo)
  for (const [name, value] of Object.entries(ask ?? {})) url.searchParams.set(name, value)
  return url
}

/** A person clicks "Sign in with …" and goes all the way. */
export const signIn = (
  browser: Browser,
  provider: Provider,
  how: HowToSignIn = {},
): Promise<Page> =>
  browser.navigate(startUrl(provider, how), {
    from: settings.ISSUER,
    as: how.as ?? 'alice',
    ...(how.authTime !== undefined && { authTime: how.authTime }),
  })

/** As far as the provider's answer: the callback URL that the browser is about to open. */
export async function comeBack(
  browser: Browser,
  provider: Provider,
  how: HowToSignIn = {},
): Promise<URL> {
  const started = await browser.request(startUrl(provider, how), { from: settings.ISSUER })
  const location = started.headers.get('location')
  if (location === null)
    throw new Error(`no sign-in began: ${started.status} ${await started.text()}`)
  return provider.authorize(new URL(location), {
    as: how.as ?? 'alice',
    ...(how.authTime !== undefined && { authTime: how.authTime }),
  })
}
