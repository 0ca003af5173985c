import { env } from 'cloudflare:workers'
import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { applicationRegistry } from '../../world/applications.ts'
import type { Browser } from '../../world/browser.ts'
import { createOperator } from '../../admin/operator.ts'
import { freezeClock, slowBody } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { answerOf, createService, ticketFor } from '../../world/service.ts'
import type { Service } from '../../world/service.ts'
import { settings } from '../../world/settings.ts'
import { createWorld, liveSession, signIn } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'
import { ring } from '../../core/sessions/published-hint.ts'
import { snapshot } from '../../world/snapshot.ts'

const ACK = '/api/v1/sso/login-acknowledgement/'
const LOGOUT = '/api/v1/sso/logout/'

let clock: TestClock
let world: World
let browser: Browser
let shop: Service
let blog: Service

beforeEach(async () => {
  clock = freezeClock()
  world = await createWorld()
  browser = world.newBrowser()
  await signIn(browser, world.otrotl)
  shop = await createService(world)
  blog = await createService(world, { name: 'Blog', origin: 'https://blog.example' })
})

const signOut = () =>
  browser.request(`${settings.ISSUER}/auth/sso/logout`, { method: 'POST', from: settings.ISSUER })

const isAlive = async (access: string) => {
  const headers = { authorization: `Bearer ${access}` }
  const answer = await world.fetch(new Request(`${settings.ISSUER}/oauth/userinfo`, { headers }))
  return answer.status === 200
}

const told = (service: Service, ...apiSids: string[]) =>
  vi.waitFor(() => expect(service.told).toEqual(apiSids))

describe('acknowledging a hand-off', () => {
  it('is answered, and may be done again', async () => {
    const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
    const again = await shop.ask(ACK, { api_sid: apiSid, service: shop.id }, { asForm: true })
    expect([again.status, again.body]).toEqual([200, { status: 'acknowledged', api_sid: apiSid }])
    const loud = await shop.ask(ACK, { api_sid: apiSid.toUpperCase() })
    expect(loud.status).toBe(200)
    await signOut()
    await told(shop, apiSid)
  })

  it('is refused for an api_sid that is nobody’s, another service’s, or of a session that is over', async () => {
    const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
    const blogs = await blog.takeOver(await ticketFor(browser, blog))
    expect(blogs.apiSid).not.toBe(apiSid)
    const before = await snapshot()
    for (const foreign of [
      blogs.apiSid,
      crypto.randomUUID(),
      'x',
      (await liveSession(browser.session()))!.sid,
    ]) {
      const { status, body } = await shop.ask(ACK, { api_sid: foreign })
      expect([status, body.code]).toEqual([404, 'not_found'])
    }
    const otherName = await shop.ask(ACK, { api_sid: apiSid, service: blog.id })
    expect([otherName.status, otherName.body.code]).toEqual([403, 'service_not_allowed'])
    expect(await snapshot()).toEqual(before)
    await signOut()
    const over = await shop.ask(ACK, { api_sid: apiSid })
    expect([over.status, over.body.code]).toEqual([404, 'not_found'])
  })

  it('needs the key', async () => {
    const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
    for (const path of [
      ACK,
      LOGOUT,
      '/api/v1/sso/token-refresh/',
      '/api/v1/sso/service-request/',
    ]) {
      const { status, body } = await shop.ask(path, { api_sid: apiSid }, { key: '' })
      expect([status, body.code], path).toEqual([401, 'authentication_failed'])
    }
    expect(await liveSession(browser.session())).toBeDefined()
  })
})

describe('signing out at the host', () => {
  it('ends what every service has, and tells each that has acknowledged, at its own address', async () => {
    const atShop = await shop.takeOver(await ticketFor(browser, shop))
    const atBlog = await blog.takeOver(await ticketFor(browser, blog))
    const quiet = await createService(world, { origin: 'https://quiet.example' })
    const verified = await quiet.verify(await ticketFor(browser, quiet))
    await signOut()
    await told(shop, atShop.apiSid)
    await told(blog, atBlog.apiSid)
    expect(quiet.told).toEqual([])
    for (const access of [atShop.access, atBlog.access, String(verified.body.access)]) {
      expect(await isAlive(access)).toBe(false)
    }
    const call = world.internet.requestsTo('https://shop.example/sso/logout/')[0]!
    expect([call.method, call.body]).toEqual(['POST', JSON.stringify({ api_sid: atShop.apiSid })])
    expect(call.headers['content-type']).toBe('application/json')
    expect([call.headers.cookie, call.headers.referer, call.headers.authorization]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('tells the others though one does not answer, and that one again', async () => {
    const atShop = await shop.takeOver(await ticketFor(browser, shop))
    const atBlog = await blog.takeOver(await ticketFor(browser, blog))
    const { userId } = (await liveSession(browser.session()))!
    shop.logoutStatus = 503
    await signOut()
    await told(blog, atBlog.apiSid)
    await told(shop, atShop.apiSid)
    shop.logoutStatus = 200
    clock.advance(5)
    await ring(userId)
    await told(shop, atShop.apiSid, atShop.apiSid)
    clock.advance(600)
    await ring(userId)
    expect([shop.told.length, blog.told.length]).toEqual([2, 1])
  })

  it.each([404, 410])('takes %i as the end of it', async (status) => {
    const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
    const { userId } = (await liveSession(browser.session()))!
    shop.logoutStatus = status
    await signOut()
    await told(shop, apiSid)
    clock.advance(60)
    await ring(userId)
    expect(shop.told).toHaveLength(1)
  })

  it.each([
    [400, 4],
    [500, 6],
  ])(
    'told %i, asks %i times in five hours: who refuses is not asked for ever',
    async (status, asked) => {
      const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
      const { userId } = (await liveSession(browser.session()))!
      shop.logoutStatus = status
      await signOut()
      for (let times = 1; times < 6; times += 1) {
        await told(shop, ...Array.from({ length: Math.min(times, asked) }, () => apiSid))
        clock.advance(3600)
        await ring(userId)
      }
      await told(shop, ...Array.from({ length: asked }, () => apiSid))
    },
  )

  it('tells a service that is an OAuth client as well', async () => {
    const both = await createService(world, {
      origin: 'https://both.example',
      oauth: { redirectUris: ['https://both.example/cb'] },
    })
    const { apiSid } = await both.takeOver(await ticketFor(browser, both))
    await signOut()
    await told(both, apiSid)
  })

  it('has no frame of a service on the last page, which would have its api_sid in an address', async () => {
    const both = await createService(world, {
      origin: 'https://both.example',
      oauth: {
        redirectUris: ['https://both.example/cb'],
        frontchannelLogoutUri: 'https://both.example/fcl',
        frontchannelLogoutSessionRequired: true,
      },
    })
    const { apiSid } = await both.takeOver(await ticketFor(browser, both))
    const left = new URL((await signOut()).headers.get('location')!)
    const state = left.searchParams.get('state')
    const page = await browser.request(`${settings.ISSUER}/auth/sso/logout/callback?state=${state}`)
    const text = await page.text()
    expect(text).toContain('class="told-told"')
    expect(text).not.toContain('<iframe')
    expect(text).not.toContain(apiSid)
  })

  it.each(['idle', 'absolute'] as const)('does the same at the %s deadline', async (which) => {
    const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
    const { userId } = (await liveSession(browser.session()))!
    clock.advance(
      which === 'idle' ? settings.SESSION.idle_seconds : settings.SESSION.absolute_seconds,
    )
    await ring(userId)
    await told(shop, apiSid)
  })
})

describe('a service that says that the person has left', () => {
  it('ends that session of the host and tells the others, not itself', async () => {
    const atShop = await shop.takeOver(await ticketFor(browser, shop))
    const atBlog = await blog.takeOver(await ticketFor(browser, blog))
    const elsewhere = world.newBrowser()
    await signIn(elsewhere, world.otrotl)
    const { status, body } = await shop.ask(LOGOUT, { api_sid: atShop.apiSid })
    expect([status, body]).toEqual([200, { status: 'logged_out', api_sid: atShop.apiSid }])
    await told(blog, atBlog.apiSid)
    expect(shop.told).toEqual([])
    expect(await liveSession(browser.session())).toBeUndefined()
    expect(await liveSession(elsewhere.session())).toBeDefined()
    expect([await isAlive(atShop.access), await isAlive(atBlog.access)]).toEqual([false, false])
  })

  it('may say it again, in any form', async () => {
    const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
    await shop.ask(LOGOUT, { api_sid: apiSid })
    for (const [path, asForm] of [
      [LOGOUT, true],
      ['/api/v1/sso/logout', false],
    ] as const) {
      const { status } = await shop.ask(path, { api_sid: apiSid.toUpperCase() }, { asForm })
      expect(status).toBe(200)
    }
  })

  it('may say it for a day after the session had to end, and then nobody knows of it', async () => {
    const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
    clock.advance(settings.SESSION.absolute_seconds + 24 * 3600 - 1)
    expect((await shop.ask(LOGOUT, { api_sid: apiSid })).status).toBe(200)
    clock.advance(1)
    expect((await shop.ask(LOGOUT, { api_sid: apiSid })).status).toBe(404)
    await signIn(browser, world.otrotl)
    await shop.takeOver(await ticketFor(browser, shop))
    const rows = await env.DIRECTORY.prepare('SELECT sid FROM handoff_sessions').all()
    expect(rows.results).toHaveLength(1)
  })

  it('ends nobody else’s: an api_sid of another service is one that is not there', async () => {
    const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
    await blog.takeOver(await ticketFor(browser, blog))
    const before = await snapshot()
    for (const foreign of [
      apiSid,
      crypto.randomUUID(),
      (await liveSession(browser.session()))!.sid,
    ]) {
      const { status, body } = await blog.ask(LOGOUT, { api_sid: foreign })
      expect([status, body.code]).toEqual([404, 'not_found'])
    }
    expect((await blog.ask(LOGOUT, {})).body.code).toBe('required')
    expect(await snapshot()).toEqual(before)
  })

  it('keeps what is under way from outliving it', async () => {
    const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
    const ticket = await ticketFor(browser, blog)
    await shop.ask(LOGOUT, { api_sid: apiSid })
    expect((await blog.verify(ticket)).status).toBe(401)
  })

  it('and a verification at the same moment leave nothing alive, whichever comes first', async () => {
    const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
    const tickets = await Promise.all(Array.from({ length: 8 }, () => ticketFor(browser, blog)))
    const [, ...verified] = await Promise.all([
      shop.ask(LOGOUT, { api_sid: apiSid }),
      ...tickets.map((ticket) => blog.verify(ticket)),
    ])
    for (const { status, body } of verified) {
      if (status !== 200) continue
      expect(await isAlive(String(body.access))).toBe(false)
      expect((await blog.ask(ACK, { api_sid: body.api_sid })).status).toBe(404)
    }
  })
})

describe('an access token of a service', () => {
  const REFRESH = '/api/v1/sso/token-refresh/'

  it('is renewed with a refresh token, where the service is registered for one', async () => {
    const lasting = await createService(world, {
      origin: 'https://lasting.example',
      handoff: { refreshToken: true },
    })
    const verified = await lasting.verify(await ticketFor(browser, lasting))
    const refresh = String(verified.body.refresh)
    expect(refresh).toMatch(/^r_[\w-]{128}$/)
    const renewed = await lasting.ask(REFRESH, { refresh })
    expect(renewed.status).toBe(200)
    expect(Object.keys(renewed.body)).toEqual(['access', 'refresh', 'expires_in'])
    expect(await isAlive(String(renewed.body.access))).toBe(true)
    // Another service gets nothing for it, and takes nothing by trying.
    const stolen = await shop.ask(REFRESH, { refresh: renewed.body.refresh })
    expect([stolen.status, stolen.body.code]).toEqual([401, 'token_not_valid'])
    expect((await lasting.ask(REFRESH, { refresh: renewed.body.refresh })).status).toBe(200)
    await signOut()
    expect((await lasting.ask(REFRESH, { refresh: renewed.body.refresh })).status).toBe(401)
  })

  it('is not renewed with an old refresh token, which ends all that came of it', async () => {
    const lasting = await createService(world, { handoff: { refreshToken: true } })
    const verified = await lasting.verify(await ticketFor(browser, lasting))
    const renewed = await lasting.ask(REFRESH, { refresh: verified.body.refresh })
    clock.advance(11)
    expect((await lasting.ask(REFRESH, { refresh: verified.body.refresh })).status).toBe(401)
    expect((await lasting.ask(REFRESH, { refresh: renewed.body.refresh })).status).toBe(401)
    expect(await isAlive(String(renewed.body.access))).toBe(false)
  })

  it('is not renewed for people whom the service does not take any more, and is when it does', async () => {
    const lasting = await createService(world, { handoff: { refreshToken: true } })
    const { refresh } = (await lasting.verify(await ticketFor(browser, lasting))).body
    const { ask } = createOperator()
    const take = (identity_providers: readonly string[]) =>
      ask('PATCH', `/applications/${lasting.id}`, { handoff: { identity_providers } })
    expect((await take(['second'])).status).toBe(200)
    const refused = await lasting.ask(REFRESH, { refresh })
    expect([refused.status, refused.body.code]).toEqual([401, 'token_not_valid'])
    clock.advance(11)
    await take(['second', 'otrotl'])
    expect((await lasting.ask(REFRESH, { refresh })).status).toBe(200)
  })

  it('is not renewed for people whom the service does not take, and an old token still ends it all', async () => {
    const handoff = { refreshToken: true, identityProviders: ['otrotl'] }
    const lasting = await createService(world, { handoff })
    const first = (await lasting.verify(await ticketFor(browser, lasting))).body
    const second = (await lasting.ask(REFRESH, { refresh: first.refresh })).body
    const { ask } = createOperator()
    const take = (identity_providers: readonly string[]) =>
      ask('PATCH', `/applications/${lasting.id}`, { handoff: { identity_providers } })
    await take(['second'])
    clock.advance(11)
    expect((await lasting.ask(REFRESH, { refresh: first.refresh })).status).toBe(401)
    await take(['otrotl'])
    expect((await lasting.ask(REFRESH, { refresh: second.refresh })).status).toBe(401)
  })

  it('is renewed by what the service is registered for now', async () => {
    const lasting = await createService(world, { handoff: { refreshToken: true } })
    const { refresh } = (await lasting.verify(await ticketFor(browser, lasting))).body
    const { ask } = createOperator()
    const change = (handoff: object) => ask('PATCH', `/applications/${lasting.id}`, { handoff })
    expect((await change({ scope: 'openid' })).status).toBe(200)
    const renewed = (await lasting.ask(REFRESH, { refresh })).body
    expect(decodeJwt(String(renewed.access)).scope).toBe('openid')
    expect((await change({ issue_refresh_token: false })).status).toBe(200)
    expect((await lasting.ask(REFRESH, { refresh: renewed.refresh })).status).toBe(401)
  })

  it('does not outlive the session', async () => {
    const { idle_seconds: idle, absolute_seconds: absolute } = settings.SESSION
    for (let left = absolute; left > 30; left -= idle / 2) {
      clock.advance(Math.min(idle / 2, left - 30))
      expect((await browser.fetch('/auth/sso/token')).status).toBe(200)
    }
    const { body } = await shop.verify(await ticketFor(browser, shop))
    expect(body.expires_in).toBe(30)
  })

  it('has no refresh token beside it otherwise', async () => {
    const { body } = await shop.verify(await ticketFor(browser, shop))
    expect(body).not.toHaveProperty('refresh')
  })
})

describe('an API key', () => {
  const registry = applicationRegistry()

  it('is rotated with overlap, and then only the new one is taken', async () => {
    const now = clock.now()
    const rotated = await registry.rotateHandoffKey({ id: shop.id, overlapSeconds: 60 }, now)
    const key = rotated.ok ? rotated.value.key : ''
    expect(key).toMatch(/^[0-9a-f]{32}\.[\w-]{43}$/)
    const statusOf = async (with_: string) =>
      (await shop.ask(LOGOUT, { api_sid: 'x' }, { key: with_ })).status
    expect([await statusOf(key), await statusOf(shop.key)]).toEqual([404, 404])
    clock.advance(60)
    expect([await statusOf(key), await statusOf(shop.key)]).toEqual([404, 401])
    const [only] = await registry.handoffKeysOf(shop.id, clock.now())
    expect(
      await registry.removeHandoffKey({ id: shop.id, secretId: only!.id }, clock.now()),
    ).toMatchObject({ refusal: { code: 'last_secret' } })
  })

  it('is judged when the whole call is there: one that has run out meanwhile ends nothing', async () => {
    const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
    await registry.rotateHandoffKey({ id: shop.id, overlapSeconds: 60 }, clock.now())
    const call = new Request(settings.ISSUER + LOGOUT, {
      method: 'POST',
      headers: { apikey: shop.key, 'content-type': 'application/json' },
      body: slowBody(JSON.stringify({ api_sid: apiSid }), clock, 60),
    })
    const { status, body } = await answerOf(await world.fetch(call))
    expect([status, body.code]).toEqual([401, 'authentication_failed'])
    expect(await liveSession(browser.session())).toBeDefined()
  })

  it('is of one application for good, and kept as a hash', async () => {
    const { results } = await env.DIRECTORY.prepare('SELECT * FROM handoff_keys').all()
    for (const { key } of [shop, blog]) {
      expect(JSON.stringify(results)).not.toContain(key.split('.')[1])
    }
    const ticket = await ticketFor(browser, shop)
    const { status } = await shop.ask(
      '/api/v1/sso/token-verify/',
      { token: ticket },
      { key: blog.key },
    )
    expect(status).toBe(401)
  })

  it('goes with the capability, and with the application', async () => {
    const found = await registry.find(shop.id)
    await registry.change({ id: shop.id, version: found!.version }, { name: 'Shop' }, clock.now())
    expect((await shop.ask(LOGOUT, { api_sid: 'x' })).status).toBe(401)
    expect(
      await registry.rotateHandoffKey({ id: shop.id, overlapSeconds: 0 }, clock.now()),
    ).toMatchObject({
      refusal: { code: 'no_secret_used' },
    })
    await registry.remove(blog.id)
    expect((await blog.ask(LOGOUT, { api_sid: 'x' })).status).toBe(401)
    const { results } = await env.DIRECTORY.prepare('SELECT * FROM handoff_keys').all()
    expect(results).toEqual([])
  })
})

it('an answer is JSON whatever goes wrong', async () => {
  for (const [headers, body, status] of [
    [{ 'content-type': 'text/plain' }, 'x', 415],
    [{ 'content-type': 'application/json' }, '{', 400],
    [{ 'content-type': 'application/json' }, `{"a":"${'x'.repeat(300_000)}"}`, 413],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, '%', 400],
  ] as const) {
    const answer = await answerOf(
      await world.fetch(
        new Request(settings.ISSUER + LOGOUT, {
          method: 'POST',
          headers: { ...headers, apikey: shop.key },
          body,
        }),
      ),
    )
    expect(answer.status).toBe(status)
    expect(answer.body).toEqual({ detail: expect.any(String), code: expect.any(String) })
  }
})
