/** Every cause that ends a session, as far as a shared one is concerned, and everything that hangs on it. */
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import type { CutOffMessage } from '../../src/core/revocation/cut-off-drain.ts'
import { MOST_LIVE_SESSIONS } from '../../src/core/sessions/session-ends.ts'
import { LOCAL_PROVIDER_ID } from '../../src/core/sessions/session.ts'
import type { EndCause, SessionId, UserId } from '../../src/core/sessions/session.ts'
import { gatewayFor } from '../../src/gateway.ts'
import { createOperator } from '../admin/operator.ts'
import { ring } from '../core/sessions/published-hint.ts'
import { openInput, rowsOf, sessionsOf } from '../core/sessions/signed-in-user.ts'
import { deliverToken } from '../sign-out/logout-delivery.ts'
import { createApplication, knownTo, takePart } from '../world/application.ts'
import type { Browser } from '../world/browser.ts'
import { freezeClock, NOON } from '../world/clock.ts'
import { captureLog } from '../world/log-lines.ts'
import { logoutToken } from '../world/logout-token.ts'
import type { Provider } from '../world/provider.ts'
import { createService, ticketFor } from '../world/service.ts'
import { settings } from '../world/settings.ts'
import { prepareKeyRing } from '../world/signed-by-us.ts'
import { createWorld, liveSession, signIn } from '../world/sign-in.ts'
import { alsoSite, ask, registerSite, startShared } from '../world/sites.ts'
import type { TestSite } from '../world/sites.ts'
import { check, register, told } from '../world/socialize.ts'

const LIFETIME_SECONDS = 100
const QUEUE = { requestId: 'queue', clientKey: '', waitUntil: () => {}, continent: undefined }

/** Somebody who has signed in with us, and whom a site has started a shared session for. */
async function shareSession(site: TestSite, browser: Browser, provider: Provider) {
  await signIn(browser, provider)
  const { userId, sid: ownSid } = (await liveSession(browser.session()))!
  const { token: connection } = await told(await check(browser, site))
  const read = await ask(site, 'GET', `/connections/${connection}.json`)
  const { identity_token: identityToken } = read.data.user.identity
  const token = await startShared(site, identityToken, { lifetime: LIFETIME_SECONDS })
  const row = await env.DIRECTORY.prepare('SELECT sid FROM site_sessions WHERE identity_token = ?')
    .bind(identityToken)
    .first<{ sid: SessionId }>()
  const upstreamSid = provider.grants.at(-1)!.sid
  return { browser, userId, ownSid, upstreamSid, identityToken, token, sid: row!.sid }
}

async function prepareScene() {
  const clock = freezeClock()
  await prepareKeyRing(NOON)
  const world = await createWorld()
  const queued: unknown[] = []
  const queue = { send: async (message: unknown) => void queued.push(message) }
  const operator = createOperator({ SESSION_ENDS: queue })
  const shop = await registerSite({ subdomain: 'shop' })
  const blog = await registerSite({ subdomain: 'blog' })
  const ada = await shareSession(shop, world.newBrowser(), world.otrotl)
  const bob = await shareSession(shop, world.newBrowser(), world.second)
  // A browser that nobody has signed in with, but for the shared session.
  const kiosk = world.newBrowser()
  await register(kiosk, shop, ada.token)
  const { token: connection } = await told(await check(kiosk, blog))
  return { clock, world, operator, queued, shop, blog, ada, bob, kiosk, connection }
}

type Scene = Awaited<ReturnType<typeof prepareScene>>

interface Row {
  readonly act: (scene: Scene) => Promise<void>
  /** Whom the audit trail names the end under. */
  readonly event?: 'session.ended' | 'sessions.ended'
  /** Nobody can start another one. */
  readonly isBarred?: true
  /** The bystander's ends as well. */
  readonly isForAll?: true
  /** The shop is no site any more. */
  readonly isShopGone?: true
  /** The identity has another one at once. */
  readonly isReplaced?: true
  readonly bindings?: Readonly<Record<string, unknown>>
}

const answered = async (answer: Promise<{ readonly status: number }>, status: number) =>
  expect((await answer).status).toBe(status)

const carry = async ({ operator, queued }: Scene) =>
  operator.gateway.core!.cutOffDrain.receive(QUEUE, queued[0] as CutOffMessage)

const removed = {
  IDENTITY_PROVIDERS: settings.IDENTITY_PROVIDERS.filter(({ id }) => id !== 'otrotl'),
}

/**
 * Each cause once; a new one has to find its place here. A shared session has one deadline, which is both, and no
 * sign-in of its own that could stay unfinished.
 */
const rows: Record<Exclude<EndCause, 'idle_deadline' | 'sign_in_unfinished'>, Row> = {
  person: {
    act: ({ ada }) =>
      answered(
        ada.browser.request(`${settings.ISSUER}/auth/sso/logout`, {
          method: 'POST',
          from: settings.ISSUER,
        }),
        303,
      ),
  },
  replaced_by_sign_in: {
    isReplaced: true,
    act: async ({ blog, ada }) => void (await startShared(blog, ada.identityToken)),
  },
  provider_back_channel: {
    event: 'sessions.ended',
    act: async ({ world, ada }) => {
      const session = (await liveSession(ada.browser.session()))!
      const { subject: sub } = session.authentication
      await answered(deliverToken(world, await logoutToken(world.otrotl, { sub })), 200)
    },
  },
  provider_front_channel: {
    act: ({ world, ada }) => {
      const query = new URLSearchParams({ iss: world.otrotl.issuer, sid: ada.upstreamSid })
      const frame = `${settings.ISSUER}/auth/sso/frontchannel-logout/otrotl?${query.toString()}`
      return answered(
        world.fetch(new Request(frame, { headers: { 'sec-fetch-dest': 'iframe' } })),
        200,
      )
    },
  },
  operator: {
    act: ({ operator, ada }) =>
      answered(operator.ask('DELETE', `/users/${ada.userId}/sessions/${ada.ownSid}`), 200),
  },
  application: {
    act: ({ blog, ada }) =>
      answered(ask(blog, 'DELETE', `/sso/sessions/${ada.token}.json?confirm_deletion=true`), 200),
  },
  absolute_deadline: {
    isForAll: true,
    act: async ({ clock }) => clock.advance(LIFETIME_SECONDS),
  },
  too_many_sessions: {
    act: async ({ clock, ada }) => {
      for (let open = 2; open <= MOST_LIVE_SESSIONS; open += 1) {
        await sessionsOf().open(openInput(clock.now(), ada.userId))
      }
    },
  },
  user_disabled: {
    event: 'sessions.ended',
    isBarred: true,
    act: ({ operator, ada }) => answered(operator.ask('POST', `/users/${ada.userId}/disable`), 200),
  },
  provider_removed: {
    bindings: removed,
    act: async () => {},
  },
  application_removed: {
    isForAll: true,
    isShopGone: true,
    act: async (scene) => {
      const { operator, shop } = scene
      await answered(operator.ask('POST', `/applications/${shop.id}/disable`), 200)
      await carry(scene)
    },
  },
  key_compromised: {
    event: 'sessions.ended',
    act: async (scene) => {
      const cut = { scope: 'provider', id: 'otrotl', reason: 'key_compromised' }
      await answered(scene.operator.ask('POST', '/cut-offs', cut), 202)
      await carry(scene)
    },
  },
  password_changed: {
    event: 'sessions.ended',
    act: async ({ operator, clock, ada: { userId } }) => {
      const end = { userId, cause: 'password_changed' as const, now: clock.now() }
      expect((await operator.gateway.core!.ends.endAllSessions(QUEUE, end)).ok).toBe(true)
    },
  },
  handoff_service: {
    act: async ({ world, ada }) => {
      const books = await createService(world, { origin: 'https://books.example' })
      const { apiSid } = await books.takeOver(await ticketFor(ada.browser, books))
      await answered(books.ask('/api/v1/sso/logout/', { api_sid: apiSid }), 200)
    },
  },
  handoff_host: {
    act: async ({ operator, world, clock, ada: { userId, upstreamSid } }) => {
      const { issuer } = world.otrotl
      const logout = { issuer, upstreamSid, scope: 'session', cause: 'handoff_host' } as const
      const end = { userId, logout, now: clock.now() }
      expect((await operator.gateway.core!.ends.endForProvider(QUEUE, end)).ok).toBe(true)
    },
  },
}

const causeOf = async (userId: UserId, sid: SessionId) =>
  (await rowsOf(userId, `SELECT end_cause FROM sessions WHERE sid = '${sid}'`)).map(
    ({ end_cause: cause }) => cause,
  )

describe('a shared session is over, with all that hangs on it,', () => {
  it.each(Object.entries(rows))('for the cause %s', async (cause, row) => {
    const scene = await prepareScene()
    const { ada, bob, shop, blog, kiosk, connection } = scene
    const { lines } = captureLog()
    await row.act(scene)

    const changed = { ...env, ...row.bindings }
    const gateway = gatewayFor(changed)
    const fetch = async (request: Request) =>
      gateway.fetch(request, changed, createExecutionContext())
    const status = async (site: TestSite, path: string) =>
      (await ask(site, 'GET', path, undefined, { fetch })).status
    for (const site of row.isShopGone ? [blog] : [blog, shop]) {
      expect(await status(site, `/sso/sessions/${ada.token}.json`)).toBe(404)
      const byIdentity = await status(site, `/sso/sessions/identities/${ada.identityToken}.json`)
      expect(byIdentity).toBe(row.isReplaced ? 200 : 404)
      const list = await ask(site, 'GET', '/sso/sessions.json', undefined, { fetch })
      const tokens = list.data.sso_sessions.entries.map(
        (entry: { sso_session_token: string }) => entry.sso_session_token,
      )
      expect(tokens).not.toContain(ada.token)
      expect(tokens.includes(bob.token)).toBe(row.isForAll !== true)
    }
    expect((await check(kiosk, blog)).status).toBe(303)
    expect(await status(blog, `/connections/${connection}.json`)).toBe(404)
    // The sessions of an ended epoch are written down by the alarm.
    await ring(ada.userId)
    await ring(bob.userId)
    expect(await causeOf(ada.userId, ada.sid)).toEqual([cause])
    expect(await causeOf(bob.userId, bob.sid)).toEqual([row.isForAll ? cause : null])
    const { event = 'session.ended' } = row
    if (!row.isForAll) {
      await vi.waitFor(() => {
        const ends = lines.filter((line) => line.event === event && line.cause === cause)
        expect(ends.map(({ user }) => user)).toContain(ada.userId)
        expect(ends.map(({ user }) => user)).not.toContain(bob.userId)
      })
    }
    const path = `/sso/sessions/identities/${ada.identityToken}.json`
    const again = await ask(blog, 'PUT', path)
    expect(again.status).toBe(row.isBarred ? 409 : 201)
  })
})

describe('a shared session goes on', () => {
  it('when it is the browser’s own session with us that gives way or runs out', async () => {
    const { world, clock, shop, ada } = await prepareScene()
    const path = `/sso/sessions/${ada.token}.json`
    await signIn(ada.browser, world.otrotl, { ask: { prompt: 'login' } })
    expect(await causeOf(ada.userId, ada.ownSid)).toEqual(['replaced_by_sign_in'])
    expect((await ask(shop, 'GET', path)).status).toBe(200)
    const longer = await startShared(shop, ada.identityToken, { lifetime: 86_400 })
    clock.advance(settings.SESSION.idle_seconds)
    expect((await ada.browser.fetch('/auth/sso/token')).status).toBe(401)
    expect((await ask(shop, 'GET', `/sso/sessions/${longer}.json`)).status).toBe(200)
  })

  it('when an application loses what it had of the person, a session that it opened itself included', async () => {
    const scene = await prepareScene()
    const { world, operator, clock, shop, ada } = scene
    const mall = await createApplication(world, { origin: 'https://mall.example' })
    const opened = await sessionsOf().open({
      ...openInput(clock.now(), ada.userId),
      authentication: {
        providerId: LOCAL_PROVIDER_ID,
        issuer: settings.ISSUER,
        subject: ada.userId,
        authTime: clock.now(),
        applicationId: mall.id,
      },
    })
    const { sid } = opened.ok ? opened.value.session : { sid: ada.sid }
    clock.advance(1)
    const cut = { scope: 'application', id: mall.id, reason: 'operator' }
    await answered(operator.ask('POST', '/cut-offs', cut), 202)
    await carry(scene)
    expect(await causeOf(ada.userId, sid)).toEqual(['operator'])
    expect((await ask(shop, 'GET', `/sso/sessions/${ada.token}.json`)).status).toBe(200)
  })

  it('when it has begun after a mass cut-off that ends a session of the person’s own', async () => {
    const scene = await prepareScene()
    const { operator, clock, shop, ada } = scene
    clock.advance(1)
    await answered(
      operator.ask('POST', '/cut-offs', { scope: 'everyone', reason: 'operator' }),
      202,
    )
    clock.advance(1)
    const later = await startShared(shop, ada.identityToken)
    await carry(scene)
    expect(await causeOf(ada.userId, ada.ownSid)).toEqual(['operator'])
    expect((await ask(shop, 'GET', `/sso/sessions/${later}.json`)).status).toBe(200)
  })

  it('when a site ends another one of the same person, and leaves their own alone', async () => {
    const { shop, ada } = await prepareScene()
    const mine = `/storage/users/${(await ask(shop, 'GET', `/identities/${ada.identityToken}.json`)).data.user.user_token}.json`
    const pushed = await ask(shop, 'PUT', mine, { user: { identity: { note: 'x' } } })
    expect(pushed.status).toBe(201)
    const other = await startShared(shop, pushed.data.user.identity.identity_token)
    await ask(shop, 'DELETE', `/sso/sessions/${other}.json?confirm_deletion=true`)
    expect((await ask(shop, 'GET', `/sso/sessions/${ada.token}.json`)).status).toBe(200)
    expect((await ada.browser.fetch('/auth/sso/token')).status).toBe(200)
  })
})

describe('a site that is an OAuth client too', () => {
  it('hears of the end under the names that it knows the person and the session by', async () => {
    const world = await createWorld()
    const mall = await createApplication(world, {
      origin: 'https://mall.example',
      isFirstParty: true,
    })
    const site = await alsoSite(world, mall, 'mall')
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const session = (await liveSession(browser.session()))!
    await takePart(mall, session)
    const { token } = await told(await check(browser, site))
    expect((await ask(site, 'GET', `/connections/${token}.json`)).status).toBe(200)
    await browser.request(`${settings.ISSUER}/auth/sso/logout`, {
      method: 'POST',
      from: settings.ISSUER,
    })
    const { subject: sub, clientSid: sid } = await knownTo(mall, session)
    await vi.waitFor(() => expect(mall.received).toEqual([expect.objectContaining({ sub, sid })]))
  })
})
