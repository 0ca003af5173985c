import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { createConsents } from '../src/core/sessions/consents.ts'
import { systemClock } from '../src/platform/clock.ts'
import { ask, authorizeUrl, CALLBACK, heard } from './openid-provider/authorization/asking.ts'
import { basic } from './openid-provider/token/token-world.ts'
import { registerApplication } from './world/applications.ts'
import type { RegisteredApplication } from './world/applications.ts'
import type { Browser } from './world/browser.ts'
import { countedBindings } from './world/counted-bindings.ts'
import type { Costs } from './world/counted-bindings.ts'
import { settings } from './world/settings.ts'
import { createWorld, liveSession, signIn } from './world/sign-in.ts'
import type { World } from './world/sign-in.ts'

/** Everything has been asked for once, by Bob; what is counted from here on is what a warm isolate does. */
async function warmWorld() {
  const { bindings, take } = countedBindings()
  const world = await createWorld({}, bindings)
  const first = world.newBrowser()
  await signIn(first, world.otrotl, { as: 'bob' })
  const token = await mint(first)
  await callApi(first, token)
  world.internet.requests.length = 0
  take()
  return { ...world, take }
}

const mint = async (browser: Browser): Promise<string> => {
  const answer = await browser.fetch('/auth/sso/token')
  return ((await answer.json()) as { access_token: string }).access_token
}

const callApi = async (browser: Browser, token: string): Promise<number> => {
  const answer = await browser.fetch('/api/me', { headers: { authorization: `Bearer ${token}` } })
  return answer.status
}

const requestsTo = ({ internet }: World) =>
  internet.requests.map(({ method, url }) => `${method} ${new URL(url).pathname}`)

describe('what people cost in an isolate that is warm', () => {
  it('a first sign-in: two requests to the provider, two objects, three queries', async () => {
    const world = await warmWorld()
    const page = await signIn(world.newBrowser(), world.otrotl, { as: 'alice' })
    expect(page.url.pathname).toBe('/dashboard')
    expect(world.take()).toEqual({
      'd1:query': 3,
      'object:CLAIMED_REFERENCES.claim': 1,
      'object:USER_SESSIONS.openSession': 1,
      // The dashboard, where the sign-in ends.
      'object:USER_SESSIONS.useSession': 1,
    })
    expect(requestsTo(world)).toEqual(['POST /token', 'GET /userinfo'])
  })

  it('a later sign-in: the same', async () => {
    const world = await warmWorld()
    await signIn(world.newBrowser(), world.otrotl, { as: 'alice' })
    world.take()
    await signIn(world.newBrowser(), world.otrotl, { as: 'alice' })
    expect(world.take()).toEqual({
      'd1:query': 3,
      'object:CLAIMED_REFERENCES.claim': 1,
      'object:USER_SESSIONS.openSession': 1,
      'object:USER_SESSIONS.useSession': 1,
    })
  })

  it.each(['/auth/sso/token', '/dashboard'])(
    'a read of the session at %s: one object, no query, no KV',
    async (path) => {
      const { newBrowser, otrotl, take } = await warmWorld()
      const browser = newBrowser()
      await signIn(browser, otrotl, { as: 'alice' })
      take()
      expect((await browser.fetch(path)).status).toBe(200)
      const costs = take()
      expect(objectCalls(costs)).toBe(1)
      expect(others(costs)).toEqual([])
    },
  )

  it.each([
    ['cached', [1, 0]],
    ['bounded', [1, 1]],
    ['strict', [0, 0]],
  ] as const)('two checks of a token at the %s level: reads of KV %j', async (level, reads) => {
    const { newBrowser, otrotl, take, core } = await warmWorld()
    const browser = newBrowser()
    await signIn(browser, otrotl, { as: 'alice' })
    const authorization = `Bearer ${await mint(browser)}`
    const { method, url } = new Request('https://api.example/')
    take()
    for (const expected of reads) {
      const request = { authorization, dpop: undefined, method, url, level }
      expect((await core.accessChecks.check(request, systemClock())).ok).toBe(true)
      const costs = take()
      expect(costs['kv:get'] ?? 0).toBe(expected)
      expect(objectCalls(costs)).toBe(level === 'strict' ? 1 : 0)
      expect(costs['d1:query']).toBeUndefined()
    }
  })

  it('an API request at the bounded level: one read of KV (and the profile that /api/me shows)', async () => {
    const { newBrowser, otrotl, take } = await warmWorld()
    const browser = newBrowser()
    await signIn(browser, otrotl, { as: 'alice' })
    const token = await mint(browser)
    take()
    expect(await callApi(browser, token)).toBe(200)
    expect(take()).toEqual({ 'kv:get': 1, 'object:USER_SESSIONS.readProfile': 1 })
  })
})

const objectCalls = (costs: Costs): number =>
  Object.entries(costs).reduce(
    (sum, [what, count]) => sum + (what.startsWith('object:') ? count : 0),
    0,
  )
const others = (costs: Costs): string[] =>
  Object.keys(costs).filter((what) => !what.startsWith('object:'))

describe('what applications cost in an isolate that is warm', () => {
  let world: World & { readonly take: () => Costs }
  let shop: RegisteredApplication
  let browser: Browser

  beforeEach(async () => {
    world = await warmWorld()
    shop = await registerApplication({ oauth: { resources: ['https://orders.example'] } })
    browser = world.newBrowser()
    await signIn(browser, world.otrotl, { as: 'alice' })
    const { userId, sid } = (await liveSession(browser.session()))!
    const consents = createConsents({ userSessions: env.USER_SESSIONS })
    const scope = ['openid', 'offline_access']
    const consent = { applicationId: shop.id, scope, claims: [], resources: [] }
    await consents.give({ userId, sid, consent, now: systemClock() })
    await tokensFor(await authorize())
    world.take()
  })

  /** The application sends the browser, which comes back with a code. */
  async function authorize(asked: Record<string, string> = {}): Promise<string> {
    const url = authorizeUrl(shop, { scope: 'openid offline_access', ...asked })
    const { code } = heard(await ask(browser, url))
    if (code === undefined) throw new Error('no code')
    return code
  }

  async function post(path: string, form: Record<string, string>) {
    const request = new Request(settings.ISSUER + path, {
      method: 'POST',
      headers: { authorization: basic(shop.id, shop.secret) },
      body: new URLSearchParams(form),
    })
    const answer = await world.fetch(request)
    expect(answer.status).toBe(200)
    return (await answer.json()) as Record<'access_token' | 'refresh_token', string>
  }

  const tokensFor = (code: string) =>
    post('/oauth/token', { grant_type: 'authorization_code', code, redirect_uri: CALLBACK })

  it.each<Record<string, string>>([{}, { prompt: 'none' }])(
    'a silent login (%j): one object',
    async (asked) => {
      await authorize(asked)
      expect(world.take()).toEqual({ 'object:USER_SESSIONS.mintBehind': 1 })
    },
  )

  it('a code that becomes tokens: two objects', async () => {
    const code = await authorize()
    world.take()
    await tokensFor(code)
    expect(world.take()).toEqual({
      'object:USER_SESSIONS.peekGrant': 1,
      'object:USER_SESSIONS.takeGrant': 1,
    })
  })

  it('a refresh: one object', async () => {
    const { refresh_token } = await tokensFor(await authorize())
    world.take()
    await post('/oauth/token', { grant_type: 'refresh_token', refresh_token })
    expect(world.take()).toEqual({ 'object:USER_SESSIONS.takeGrant': 1 })
  })

  it('an introspection: one object', async () => {
    const { access_token: token } = await tokensFor(await authorize())
    world.take()
    await post('/oauth/introspect', { token })
    expect(world.take()).toEqual({ 'object:USER_SESSIONS.checkToken': 1 })
  })

  it('UserInfo: two objects', async () => {
    const { access_token: token } = await tokensFor(await authorize())
    world.take()
    const answer = await world.fetch(
      new Request(`${settings.ISSUER}/oauth/userinfo`, {
        headers: { authorization: `Bearer ${token}` },
      }),
    )
    expect(answer.status).toBe(200)
    expect(world.take()).toEqual({
      'object:USER_SESSIONS.checkToken': 1,
      'object:USER_SESSIONS.readProfile': 1,
    })
  })
})
