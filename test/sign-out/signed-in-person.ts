import { env } from 'cloudflare:workers'
import { gatewayFor } from '../../src/gateway.ts'
import { systemClock } from '../../src/platform/clock.ts'
import type { Browser } from '../world/browser.ts'
import type { Provider } from '../world/provider.ts'
import { settings } from '../world/settings.ts'
import { signIn } from '../world/sign-in.ts'
import type { HowToSignIn, World } from '../world/sign-in.ts'

/** Somebody signed in on one browser, with an access token in hand. */
export interface SignedInPerson {
  readonly browser: Browser
  /** The provider's id of the session. */
  readonly upstreamSid: string
  readonly accessToken: string
}

export async function signedInPerson(
  world: World,
  provider: Provider = world.otrotl,
  how: HowToSignIn = {},
): Promise<SignedInPerson> {
  const browser = world.newBrowser()
  await signIn(browser, provider, how)
  const answer = await browser.fetch('/auth/sso/token')
  const { access_token: accessToken } = (await answer.json()) as { access_token: string }
  return { browser, upstreamSid: provider.grants.at(-1)!.sid, accessToken }
}

/** What is left of a sign-in: the bridge's status, and what the strictest guard of a fresh isolate says of the token. */
export async function whatLivesOf({ browser, accessToken }: SignedInPerson) {
  const bridge = await browser.fetch('/auth/sso/token')
  const strict = await gatewayFor({ ...env }).core!.accessChecks.check(
    {
      authorization: `Bearer ${accessToken}`,
      dpop: undefined,
      method: 'GET',
      url: `${settings.ISSUER}/api/me`,
      level: 'strict',
    },
    systemClock(),
  )
  return { bridge: bridge.status, strict: strict.ok ? 'accepted' : strict.refusal.code }
}

export const LIVES = { bridge: 200, strict: 'accepted' }
export const GONE = { bridge: 401, strict: 'revoked' }
