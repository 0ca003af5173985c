/** The people, tabs, tokens and isolates that `every-cause.test.ts` watches while sessions end. */
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import type { RevocationLevel } from '../src/core/revocation/revocation.ts'
import type { LiveSession } from '../src/core/sessions/session.ts'
import { gatewayFor } from '../src/gateway.ts'
import { systemClock } from '../src/platform/clock.ts'
import type { createOperator } from './admin/operator.ts'
import { knownTo } from './world/application.ts'
import type { ReceivingApplication } from './world/application.ts'
import type { Browser } from './world/browser.ts'
import type { TestClock } from './world/clock.ts'
import { listenTo } from './world/open-tab.ts'
import type { OpenTab } from './world/open-tab.ts'
import type { PersonName } from './world/people.ts'
import type { Provider } from './world/provider.ts'
import { settings } from './world/settings.ts'
import { goodClaims, signAsUs } from './world/signed-by-us.ts'
import { liveSession, signIn } from './world/sign-in.ts'
import type { World } from './world/sign-in.ts'

export type Gateway = ReturnType<typeof gatewayFor>

/** Somebody signed in, with the cookie, the token and the tab that the session has led to. */
export interface Watched {
  readonly browser: Browser
  readonly session: LiveSession
  /** As it was, whatever becomes of the browser's. */
  readonly cookie: string
  readonly upstreamSid: string
  readonly tab: OpenTab
  token: string
  /** Of the application that takes part in the session. */
  readonly granted: Granted
}

/** What an application has from a session: a code that nobody has taken, and a family with its last tokens. */
export interface Granted {
  application: ReceivingApplication | undefined
  code: string
  family: string
  refreshToken: string
  /** An access token for our API. */
  token: string
}

export interface Scene {
  readonly world: World
  readonly clock: TestClock
  /** Alice at the first provider: the session that ends. */
  readonly alice: Watched
  /** The same Alice at the same provider, in another browser. */
  readonly elsewhere: Watched
  /** Bob at the other provider. */
  readonly bob: Watched
  readonly operator: ReturnType<typeof createOperator>
  /** Takes part in all three sessions. */
  readonly shop: ReceivingApplication
  /** What the operator's gateway has put into the queue. */
  readonly queued: readonly unknown[]
}

/** What is held in memory or by KV is read anew after so long. */
export const HELD_SECONDS = 61
/** Between one sign-in and the next. */
export const GAP_SECONDS = 600

/** An isolate that remembers nothing; `bindings` are changes of its environment. */
export const isolate = (bindings: Readonly<Record<string, unknown>> = {}): Gateway =>
  gatewayFor({ ...env, ...bindings })

/** Signs in and opens a tab. */
export async function watch(world: World, provider: Provider, as: PersonName): Promise<Watched> {
  const browser = world.newBrowser()
  await signIn(browser, provider, { as })
  const cookie = browser.session()!
  const session = (await liveSession(cookie))!
  const upstreamSid = provider.grants.at(-1)!.sid
  const tab = listenTo(await connectTab(world, cookie))
  const granted = { application: undefined, code: '', family: '', refreshToken: '', token: '' }
  return { browser, session, cookie, upstreamSid, tab, token: await mint(world, cookie), granted }
}

/** Longer than any session lives. */
const GRANT_SECONDS = 86_400

/** An application gets a code from the session, and tokens by another one. */
export async function grantTo(
  application: ReceivingApplication,
  { session, granted }: Watched,
): Promise<void> {
  const { grants } = isolate().core!
  const mintCode = async () => {
    const minted = await grants.mint({
      userId: session.userId,
      sid: session.sid,
      grant: {
        kind: 'authorization_code',
        binding: { applicationId: application.id },
        content: { scope: ['openid'], isOpenId: true },
        lifetimeSeconds: GRANT_SECONDS,
      },
      now: systemClock(),
    })
    if (!minted.ok) throw new Error(minted.refusal.code)
    return minted.value.handle
  }
  granted.application = application
  granted.code = await mintCode()
  const taken = await takeCode(isolate(), application, await mintCode())
  if (!taken.ok) throw new Error(taken.refusal.code)
  granted.family = taken.value.family
  granted.refreshToken = taken.value.refreshToken!
}

export async function takeCode(
  { core }: Gateway,
  application: ReceivingApplication,
  handle: string,
) {
  const seen = await core!.grants.peek('authorization_code', handle, systemClock())
  if (!seen.ok) return seen
  return core!.grants.take({
    kind: 'authorization_code',
    handle,
    presented: { applicationId: application.id },
    participation: {
      applicationId: application.id,
      ...(await knownTo(application, seen.value.session)),
    },
    refresh: { lifetimeSeconds: GRANT_SECONDS, isKeyBound: false },
    now: systemClock(),
  })
}

export const rotate = ({ core }: Gateway, { application, refreshToken: handle }: Granted) =>
  core!.grants.rotate({
    handle,
    presented: { applicationId: application!.id },
    lifetimeSeconds: GRANT_SECONDS,
    now: systemClock(),
  })

/** What the application has is good: it would get tokens for its code, and does for its refresh token. */
export async function expectGranted({ session, granted }: Watched): Promise<void> {
  const here = isolate()
  const { userId, sid, epoch } = session
  const seen = await here.core!.grants.peek('authorization_code', granted.code, systemClock())
  expect(seen).toMatchObject({ ok: true, value: { isSpent: false } })
  const rotated = await rotate(here, granted)
  if (!rotated.ok) throw new Error(rotated.refusal.code)
  granted.refreshToken = rotated.value.refreshToken
  const of = { client_id: granted.application!.id, gid: granted.family }
  granted.token = await signAsUs(
    goodClaims(systemClock(), {
      sub: userId,
      sid,
      epoch,
      idp: session.authentication.providerId,
      ...of,
    }),
    systemClock(),
  )
  for (const level of ['cached', 'bounded', 'strict'] as const) {
    expect(await judge(isolate(), level, granted), level).toBe('accepted')
  }
}

/** Neither the code nor the refresh token gives anything any more, whether or not their rows are still there. */
export async function expectNothingGranted(gateway: Gateway, { granted }: Watched): Promise<void> {
  const code: unknown = expect.stringMatching(/^(no_session|unknown)$/)
  const refused = { ok: false, refusal: { code } }
  expect(await takeCode(gateway, granted.application!, granted.code)).toMatchObject(refused)
  expect(await rotate(gateway, granted)).toMatchObject(refused)
}

async function connectTab(world: World, cookie: string): Promise<WebSocket> {
  const response = await world.fetch(
    new Request(`${settings.ISSUER}/auth/sso/events`, {
      headers: {
        upgrade: 'websocket',
        connection: 'Upgrade',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        origin: settings.ISSUER,
        cookie: `__Host-drawbridge_session=${cookie}`,
      },
    }),
  )
  expect(response.status).toBe(101)
  return response.webSocket!
}

/** The bridge's answer to the cookie, whether or not a browser still has it. */
export const askBridge = (world: Pick<World, 'fetch'>, cookie: string): Promise<Response> =>
  world.fetch(
    new Request(`${settings.ISSUER}/auth/sso/token`, {
      headers: {
        cookie: `__Host-drawbridge_session=${cookie}`,
        'sec-fetch-site': 'same-origin',
        'sec-fetch-mode': 'cors',
        'sec-fetch-dest': 'empty',
      },
    }),
  )

export async function mint(world: World, cookie: string): Promise<string> {
  const answer = await askBridge(world, cookie)
  expect(answer.status).toBe(200)
  return (await answer.json<{ access_token: string }>()).access_token
}

/** What a guard of this isolate says of the token: `accepted`, or why not. */
export async function judge(
  { core }: Gateway,
  level: RevocationLevel,
  { token }: { readonly token: string },
): Promise<string> {
  const decision = await core!.accessChecks.check(
    {
      authorization: `Bearer ${token}`,
      dpop: undefined,
      method: 'GET',
      url: `${settings.ISSUER}/api/me`,
      level,
    },
    systemClock(),
  )
  return decision.ok ? 'accepted' : decision.refusal.code
}

/** The session is live in every respect that can be seen from outside. */
export async function expectLives(world: World, watched: Watched): Promise<void> {
  watched.token = await mint(world, watched.cookie)
  for (const level of ['cached', 'bounded', 'strict'] as const) {
    expect(await judge(isolate(), level, watched), level).toBe('accepted')
  }
  expect(await watched.tab.echo()).toBe('pong')
  expect(watched.tab.messages).toEqual([])
  if (watched.granted.application !== undefined) await expectGranted(watched)
}
