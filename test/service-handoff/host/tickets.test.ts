import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { HandoffRegistration } from '../../../src/core/applications/handoff-rules.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { applicationRegistry } from '../../world/applications.ts'
import type { Browser } from '../../world/browser.ts'
import { freezeClock, slowBody } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { captureLog, decisions } from '../../world/log-lines.ts'
import {
  answerOf,
  createService,
  issueToService,
  requestService,
  ticketFor,
} from '../../world/service.ts'
import type { Service } from '../../world/service.ts'
import { settings } from '../../world/settings.ts'
import { createWorld, liveSession, signIn } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'
import { snapshot } from '../../world/snapshot.ts'

const VERIFY = '/api/v1/sso/token-verify/'
const PUT = '/sso/v1/service-request/'

let clock: TestClock
let world: World
let browser: Browser
let shop: Service

beforeEach(async () => {
  clock = freezeClock()
  world = await createWorld()
  browser = world.newBrowser()
  await signIn(browser, world.otrotl)
  shop = await createService(world)
})

const userInfo = async (access: string) =>
  answerOf(
    await world.fetch(
      new Request(`${settings.ISSUER}/oauth/userinfo`, {
        headers: { authorization: `Bearer ${access}` },
      }),
    ),
  )

describe('asking for a service', () => {
  it('gives the login URL with a ticket, for the page of whoever is signed in', async () => {
    const { status, body, headers } = await requestService(browser, shop.id)
    expect(status).toBe(200)
    expect(body).toEqual({
      login_url: `https://shop.example/sso/login?token=${String(body.token)}`,
      token: expect.stringMatching(/^t_[\w-]{128}$/),
      expires_in: 60,
    })
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
  })

  it.each([
    ['without a slash at the end', '/sso/v1/service-request', 'service', false],
    ['with another name of the parameter', PUT, 'service_name', false],
    ['as a form', PUT, 'service', true],
  ])('works %s', async (_name, path, name, isForm) => {
    const answer = await browser.fetch(path, {
      method: 'PUT',
      headers: {
        'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json',
      },
      body: isForm ? `${name}=${shop.id}` : JSON.stringify({ [name]: shop.id }),
    })
    expect(answer.status).toBe(200)
  })

  it('carries a state along, and nothing else', async () => {
    const { body } = await requestService(browser, shop.id, {
      state: 'a&token=b c'.replace(' ', '+'),
      login_url: 'https://evil.example',
      host: 'evil.example',
      user_id: 'somebody',
      token: 'mine',
    })
    const url = new URL(String(body.login_url))
    expect([url.origin, url.pathname]).toEqual(['https://shop.example', '/sso/login'])
    expect([...url.searchParams]).toEqual([
      ['token', body.token],
      ['state', 'a&token=b+c'],
    ])
  })

  it.each(['with blanks', 'line\r\nbreak', 'x'.repeat(513), 'ünï'])(
    'refuses the state %j',
    async (state) => {
      const { status, body } = await requestService(browser, shop.id, { state })
      expect([status, body.code]).toEqual([400, 'invalid'])
    },
  )

  it('keeps a query that the login URL has', async () => {
    const other = await createService(world, {
      origin: 'https://other.example',
      handoff: { loginUrl: 'https://other.example/in?a=1&b=%2F' },
    })
    const { body } = await requestService(browser, other.id)
    expect(body.login_url).toBe(`https://other.example/in?a=1&b=%2F&token=${String(body.token)}`)
  })

  it('is refused to whoever is not signed in, and to any other page', async () => {
    const before = await snapshot()
    const stranger = await requestService(world.newBrowser(), shop.id)
    expect([stranger.status, stranger.body.code]).toEqual([401, 'not_authenticated'])
    const body = JSON.stringify({ service: shop.id })
    for (const headers of [
      { 'content-type': 'application/json' },
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
    ]) {
      const foreign = await browser.fetch(PUT, {
        method: 'PUT',
        from: 'https://app.example',
        headers,
        body,
      })
      expect(foreign.status).toBe(403)
    }
    const silent = await world.fetch(
      new Request(settings.ISSUER + PUT, {
        method: 'PUT',
        headers: {
          cookie: `__Host-drawbridge_session=${browser.session()!}`,
          'content-type': 'application/json',
        },
        body,
      }),
    )
    expect(silent.status).toBe(403)
    expect(await snapshot()).toEqual(before)
  })

  it('is refused for whoever is no service, or none that people can be handed over to', async () => {
    const registry = applicationRegistry()
    const withoutPage = await createService(world, {
      handoff: { loginUrl: undefined, logoutUrl: undefined },
    })
    const disabled = await createService(world)
    await registry.setStatus(disabled.id, 'disabled', systemClock())
    const removed = await createService(world)
    await registry.remove(removed.id)
    const client = await registry.register(
      { name: 'Client', oauth: { redirectUris: ['https://c.example/cb'] } },
      systemClock(),
    )
    const clientId = client.ok ? client.value.application.id : ''
    for (const id of [
      'nobody',
      withoutPage.id,
      disabled.id,
      removed.id,
      clientId,
      "x' OR 1=1 --",
      '%',
      '__proto__',
    ]) {
      const { status, body } = await requestService(browser, id)
      expect([status, body.code], id).toEqual([404, 'service_not_found'])
    }
  })

  it('is refused where the service takes only people who signed in another way', async () => {
    const strict = await createService(world, { handoff: { identityProviders: ['second'] } })
    const { status, body } = await requestService(browser, strict.id)
    expect([status, body.code]).toEqual([403, 'service_not_allowed'])
    const other = world.newBrowser()
    await signIn(other, world.second)
    expect((await requestService(other, strict.id)).status).toBe(200)
  })

  it.each([
    [400, 'required', {}],
    [400, 'invalid', { service: 1 }],
    [400, 'invalid', { service: ['x'] }],
    [400, 'invalid', { service: 'a', service_name: 'b' }],
    [400, 'parse_error', []],
  ])('answers %i %s to a body that says %j', async (status, code, body) => {
    const answer = await browser.fetch(PUT, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect([answer.status, (await answerOf(answer)).body.code]).toEqual([status, code])
  })
})

describe('an application that asks for a service', () => {
  const ASK = '/api/v1/sso/service-request/'
  let access: string
  let apiSid: string
  let blog: Service

  beforeEach(async () => {
    ;({ access, apiSid } = await shop.takeOver(await ticketFor(browser, shop)))
    blog = await createService(world, { name: 'Blog', origin: 'https://blog.example' })
  })

  it('gets a login URL for those that it may pass people on to', async () => {
    const portal = await createService(world, {
      origin: 'https://portal.example',
      handoff: { mayHandOverTo: [blog.id] },
    })
    const own = await portal.takeOver(await ticketFor(browser, portal))
    const { status, body } = await portal.ask(ASK, { service: blog.id }, { bearer: own.access })
    expect(status).toBe(200)
    expect((await blog.verify(String(body.token))).status).toBe(200)
    const other = await portal.ask(ASK, { service: shop.id }, { bearer: own.access })
    expect([other.status, other.body.code]).toEqual([403, 'service_not_allowed'])
    // What it may not open it learns nothing of.
    const unknown = await portal.ask(ASK, { service: 'nobody' }, { bearer: own.access })
    expect([unknown.status, unknown.body.code]).toEqual([403, 'service_not_allowed'])
  })

  it('may pass people on to any, if it is of the company itself', async () => {
    const portal = await createService(world, {
      origin: 'https://portal.example',
      isFirstParty: true,
    })
    const own = await portal.takeOver(await ticketFor(browser, portal))
    const answer = await portal.ask(
      ASK,
      { service: blog.id, api_sid: own.apiSid },
      { bearer: own.access },
    )
    expect(answer.status).toBe(200)
    const unknown = await portal.ask(ASK, { service: 'nobody' }, { bearer: own.access })
    expect([unknown.status, unknown.body.code]).toEqual([404, 'service_not_found'])
  })

  it('may by default ask for itself alone', async () => {
    expect((await shop.ask(ASK, { service: shop.id }, { bearer: access })).status).toBe(200)
    expect((await shop.ask(ASK, { service: blog.id }, { bearer: access })).status).toBe(403)
  })

  it('needs its own access token: an api_sid alone opens nothing', async () => {
    const body = { service: shop.id, api_sid: apiSid }
    const alone = await shop.ask(ASK, body)
    expect([alone.status, alone.body.code]).toEqual([401, 'token_not_valid'])
    const blogs = await blog.takeOver(await ticketFor(browser, blog))
    const foreign = await shop.ask(ASK, { service: shop.id }, { bearer: blogs.access })
    expect([foreign.status, foreign.body.code]).toEqual([401, 'token_not_valid'])
    const mixed = await shop.ask(ASK, { ...body, api_sid: blogs.apiSid }, { bearer: access })
    expect([mixed.status, mixed.body.code]).toEqual([404, 'not_found'])
    const bridge = await browser.fetch('/auth/sso/token')
    const { access_token: page } = await bridge.json<{ access_token: string }>()
    expect((await shop.ask(ASK, { service: shop.id }, { bearer: page })).status).toBe(401)
    const session = (await liveSession(browser.session()))!
    const bearer = await issueToService(world, shop, session, {
      audience: 'https://orders.example',
    })
    expect((await shop.ask(ASK, { service: shop.id }, { bearer })).status).toBe(401)
    const ticket = await ticketFor(browser, shop)
    expect((await shop.ask(ASK, { service: shop.id }, { bearer: ticket })).status).toBe(401)
  })

  it('is refused as soon as the session is over', async () => {
    await browser.request(`${settings.ISSUER}/auth/sso/logout`, {
      method: 'POST',
      from: settings.ISSUER,
    })
    const { status } = await shop.ask(ASK, { service: shop.id }, { bearer: access })
    expect(status).toBe(401)
  })
})

describe('showing a ticket', () => {
  it('tells the service who has come, once', async () => {
    const { status, body, headers } = await shop.verify(await ticketFor(browser, shop))
    expect(status).toBe(200)
    const session = (await liveSession(browser.session()))!
    expect(body).toEqual({
      api_sid: expect.stringMatching(
        /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ),
      access: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      expires_in: 300,
      user: {
        id: session.userId,
        username: 'alice',
        name: 'Alice Archer',
        first_name: 'Alice',
        last_name: 'Archer',
        picture: 'https://pictures.example/alice.png',
        email: 'alice@example.org',
        email_verified: true,
      },
    })
    expect(headers.get('cache-control')).toBe('no-store')
    expect(String(body.api_sid).replaceAll('-', '')).not.toContain(session.sid.slice(0, 12))
  })

  it('gives an access token for that service and that person', async () => {
    const { body } = await shop.verify(await ticketFor(browser, shop))
    const payload = JSON.parse(
      atob(String(body.access).split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/')),
    ) as Record<string, unknown>
    const session = (await liveSession(browser.session()))!
    expect(payload).toMatchObject({
      iss: settings.ISSUER,
      client_id: shop.id,
      sub: session.userId,
      scope: 'openid profile email',
      idp: 'otrotl',
    })
    const told = await userInfo(String(body.access))
    expect([told.status, told.body.sub, told.body.email]).toEqual([
      200,
      session.userId,
      'alice@example.org',
    ])
  })

  it('tells no more than the service is registered for', async () => {
    const quiet = await createService(world, { handoff: { scope: ['openid'] } })
    const { body } = await quiet.verify(await ticketFor(browser, quiet))
    expect(Object.keys(body.user as object)).toEqual(['id'])
  })

  it('goes by what the service is registered for when it shows the ticket', async () => {
    const loginUrl = 'https://shop.example/sso/login'
    const narrowed = async (handoff: HandoffRegistration) => {
      const service = await createService(world)
      const ticket = await ticketFor(browser, service)
      const registration = { name: 'Shop', handoff: { loginUrl, ...handoff } }
      await applicationRegistry().change({ id: service.id, version: 1 }, registration, clock.now())
      return service.verify(ticket)
    }
    const { body } = await narrowed({ scope: ['openid'] })
    expect(Object.keys(body.user as object)).toEqual(['id'])
    const refused = await narrowed({ identityProviders: ['second'] })
    expect([refused.status, refused.body.code]).toEqual([401, 'token_not_valid'])
  })

  it('knows the person by the service’s own name for them, where it is a client with pairwise subjects', async () => {
    const pairwise = await createService(world, {
      oauth: { redirectUris: ['https://shop.example/cb'], subjectType: 'pairwise' },
    })
    const { body } = await pairwise.verify(await ticketFor(browser, pairwise))
    const { userId, sid } = (await liveSession(browser.session()))!
    expect((body.user as { id: string }).id).toMatch(/^[\w-]{43}$/)
    const text =
      JSON.stringify(body) +
      atob(String(body.access).split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/'))
    expect([text.includes(userId), text.includes(sid)]).toEqual([false, false])
  })

  it('ignores whoever else the body names', async () => {
    const token = await ticketFor(browser, shop)
    const { body } = await shop.ask(VERIFY, {
      token,
      user_id: 'f'.repeat(32),
      email: 'admin@example.com',
      role: 'admin',
      api_sid: '00000000-0000-8000-8000-000000000000',
      constructor: { prototype: 1 },
    })
    expect((body.user as { email: string }).email).toBe('alice@example.org')
  })

  it.each(['token', 'sso_token', 'single_time_token'])(
    'takes it as %s, in a form too',
    async (name) => {
      const token = await ticketFor(browser, shop)
      const others = { token: '', sso_token: '', single_time_token: '' }
      const form = { ...others, [name]: token }
      expect((await shop.ask(VERIFY, form, { asForm: true })).status).toBe(200)
    },
  )

  it('works once, and what came of it goes on', async () => {
    const ticket = await ticketFor(browser, shop)
    const first = await shop.verify(ticket)
    const before = await snapshot()
    const second = await shop.verify(ticket)
    expect([second.status, second.body.code]).toEqual([410, 'token_used'])
    expect(await snapshot()).toEqual(before)
    expect((await userInfo(String(first.body.access))).status).toBe(200)
  })

  it('has one winner of fifty at the same moment', async () => {
    const ticket = await ticketFor(browser, shop)
    const answers = await Promise.all(Array.from({ length: 50 }, () => shop.verify(ticket)))
    const won = answers.filter(({ status }) => status === 200)
    expect(won).toHaveLength(1)
    expect(answers.filter(({ body }) => body.code === 'token_used')).toHaveLength(49)
    expect((await userInfo(String(won[0]!.body.access))).status).toBe(200)
  })

  it('leaves the ticket to its own service, whoever else shows it', async () => {
    const blog = await createService(world, { origin: 'https://blog.example' })
    const ticket = await ticketFor(browser, shop)
    const before = await snapshot()
    const foreign = await blog.verify(ticket)
    expect([foreign.status, foreign.body.code]).toEqual([401, 'token_not_valid'])
    expect(await snapshot()).toEqual(before)
    expect((await shop.verify(ticket)).status).toBe(200)
    // And of a used one it learns no more, nor of one that has run out.
    expect((await blog.verify(ticket)).body.code).toBe('token_not_valid')
    const late = await ticketFor(browser, shop)
    clock.advance(60)
    expect((await blog.verify(late)).body.code).toBe('token_not_valid')
    expect((await shop.verify(late)).body.code).toBe('token_expired')
  })

  it('is refused without a good key, always in the same words, and uses nothing up', async () => {
    const ticket = await ticketFor(browser, shop)
    const [id, secret] = shop.key.split('.') as [string, string]
    const disabled = await createService(world, { origin: 'https://off.example' })
    await applicationRegistry().setStatus(disabled.id, 'disabled', systemClock())
    const before = await snapshot()
    const answers = new Set<string>()
    for (const key of [
      '',
      'x',
      shop.key.slice(0, -1),
      `${shop.key}A`,
      `${id}.${'A'.repeat(43)}`,
      `${'0'.repeat(32)}.${secret}`,
      `${id}${secret}`,
      secret,
      disabled.key,
      settings.ADMIN_API_KEY,
      ticket,
      `${shop.key}, ${shop.key}`,
    ]) {
      const { status, body, headers } = await shop.ask(VERIFY, { token: ticket }, { key })
      answers.add(JSON.stringify([status, body, headers.get('www-authenticate')]))
    }
    const inQuery = await shop.ask(`${VERIFY}?apikey=${shop.key}`, { token: ticket }, { key: '' })
    answers.add(
      JSON.stringify([inQuery.status, inQuery.body, inQuery.headers.get('www-authenticate')]),
    )
    const inBody = await shop.ask(VERIFY, { token: ticket, apikey: shop.key }, { key: '' })
    answers.add(
      JSON.stringify([inBody.status, inBody.body, inBody.headers.get('www-authenticate')]),
    )
    expect([...answers]).toEqual([
      JSON.stringify([
        401,
        {
          detail: 'The header apikey holds no valid API key.',
          code: 'authentication_failed',
        },
        'apikey',
      ]),
    ])
    expect(await snapshot()).toEqual(before)
    expect((await shop.verify(ticket)).status).toBe(200)
  })

  it('counts for sixty seconds, to the second', async () => {
    const [late, inTime] = [await ticketFor(browser, shop), await ticketFor(browser, shop)]
    clock.advance(59)
    expect((await shop.verify(inTime)).status).toBe(200)
    clock.advance(1)
    const { status, body } = await shop.verify(late)
    expect([status, body.code]).toEqual([410, 'token_expired'])
  })

  it('counts no longer because the call that shows it takes its time', async () => {
    const ticket = await ticketFor(browser, shop)
    const call = new Request(settings.ISSUER + VERIFY, {
      method: 'POST',
      headers: { apikey: shop.key, 'content-type': 'application/json' },
      body: slowBody(JSON.stringify({ token: ticket }), clock, 60),
    })
    const { status, body } = await answerOf(await world.fetch(call))
    expect([status, body.code]).toEqual([410, 'token_expired'])
  })

  it('is worth nothing after a sign-out, also not to the next session', async () => {
    const ticket = await ticketFor(browser, shop)
    await browser.request(`${settings.ISSUER}/auth/sso/logout`, {
      method: 'POST',
      from: settings.ISSUER,
    })
    expect((await shop.verify(ticket)).status).toBe(401)
    await signIn(browser, world.otrotl)
    const { status, body } = await shop.verify(ticket)
    expect([status, body.code]).toEqual([401, 'token_not_valid'])
  })

  it('is worth nothing when the person has been disabled, or the service', async () => {
    const ticket = await ticketFor(browser, shop)
    await applicationRegistry().setStatus(shop.id, 'disabled', systemClock())
    expect((await shop.verify(ticket)).body.code).toBe('authentication_failed')
    expect((await requestService(browser, shop.id)).status).toBe(404)
  })

  it('is never done by a GET, whatever stands in it', async () => {
    const ticket = await ticketFor(browser, shop)
    const before = await snapshot()
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const answer = await world.fetch(
        new Request(`${settings.ISSUER}${VERIFY}?token=${ticket}`, {
          method,
          headers: { apikey: shop.key },
        }),
      )
      expect([204, 404, 405], method).toContain(answer.status)
    }
    expect(await snapshot()).toEqual(before)
    expect((await shop.verify(ticket)).status).toBe(200)
  })

  it('takes nothing else for a ticket', async () => {
    const { access } = await shop.takeOver(await ticketFor(browser, shop))
    const ticket = await ticketFor(browser, shop)
    const before = await snapshot()
    const changed = `${ticket.slice(0, 60)}${ticket[60] === 'A' ? 'B' : 'A'}${ticket.slice(61)}`
    for (const token of [
      browser.session()!,
      access,
      changed,
      `s${ticket.slice(1)}`,
      ` ${ticket}`,
    ]) {
      const { status, body } = await shop.verify(token)
      expect([status, body.code]).toEqual([401, 'token_not_valid'])
    }
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 200, minLength: 1 }), async (token) => {
        expect([400, 401]).toContain((await shop.verify(token)).status)
      }),
      { numRuns: 25 },
    )
    expect(await snapshot()).toEqual(before)
  })

  it('leaves no ticket, key or token in the log or in storage', async () => {
    const log = captureLog()
    const ticket = await ticketFor(browser, shop)
    const { access, apiSid } = await shop.takeOver(ticket)
    await shop.verify(ticket)
    const secret = shop.key.split('.')[1]!
    const { results } = await env.DIRECTORY.prepare(
      'SELECT * FROM handoff_keys, handoff_sessions, applications, audit_events',
    ).all()
    const kept = log.text() + JSON.stringify(results) + JSON.stringify(await snapshot())
    for (const marked of [ticket, secret, access]) {
      expect(kept.includes(marked.slice(2, 24)), marked).toBe(false)
    }
    expect(JSON.stringify(results)).not.toContain(apiSid)
    expect(log.text()).not.toContain(apiSid)
    expect(log.lines.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['handoff.opened', 'handoff.verified', 'handoff.acknowledged']),
    )
  })

  it('leaves one event of a refusal, which names whom it concerns', async () => {
    const ticket = await ticketFor(browser, shop)
    await shop.takeOver(ticket)
    const { userId: user } = (await liveSession(browser.session()))!
    const { lines } = captureLog()
    await shop.verify(ticket)
    await requestService(browser, 'nobody')
    await browser.fetch('/account/services/open', {
      method: 'POST',
      body: new URLSearchParams({ service: 'nobody' }),
    })
    expect(decisions(lines)).toEqual([
      expect.objectContaining({ event: 'handoff.refused', application: shop.id }),
      expect.objectContaining({ event: 'handoff.refused', user }),
      expect.objectContaining({ event: 'handoff.refused', user }),
    ])
  })

  it('is closed where nobody can count the guesses', async () => {
    const limit = { limit: () => Promise.reject(new Error('away')) } as unknown as RateLimit
    const ticket = await ticketFor(browser, shop)
    vi.spyOn(env.HANDOFF_LIMIT, 'limit').mockRejectedValue(new Error('away'))
    const down = await createWorld({}, { HANDOFF_LIMIT: limit })
    const answer = await answerOf(
      await down.fetch(
        new Request(settings.ISSUER + VERIFY, {
          method: 'POST',
          headers: { apikey: shop.key, 'content-type': 'application/json' },
          body: JSON.stringify({ token: ticket }),
        }),
      ),
    )
    expect([answer.status, answer.body.code, answer.headers.get('retry-after')]).toEqual([
      429,
      'throttled',
      '60',
    ])
  })
})
