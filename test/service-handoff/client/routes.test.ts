import { env } from 'cloudflare:workers'
import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { giveIdentitiesAway } from '../../world/identities.ts'
import type { Browser } from '../../world/browser.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { createHandoffHost } from '../../world/handoff-host.ts'
import type { HandoffHostStandIn } from '../../world/handoff-host.ts'
import { captureLog } from '../../world/log-lines.ts'
import { settings } from '../../world/settings.ts'
import { createWorld, liveSession, signIn } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'
import { snapshot } from '../../world/snapshot.ts'
import { openAtSite } from '../../world/sites.ts'
import { ring } from '../../core/sessions/published-hint.ts'

const LOGIN = `${settings.ISSUER}/sso/v1/login/portal`
const LOGOUT = `${settings.ISSUER}/sso/v1/logout/portal`
const carol = { id: '42', name: 'Carol', email: 'carol@portal.example', email_verified: true }

let clock: TestClock
let world: World
let browser: Browser
let portal: HandoffHostStandIn

beforeEach(async () => {
  clock = freezeClock()
  world = await createWorld()
  browser = world.newBrowser()
  portal = createHandoffHost(world.internet)
})

const landing = (ticket: string, url = `${settings.ISSUER}/sso/v1/login/`) =>
  `${url}?token=${encodeURIComponent(ticket)}`

/** The person comes from the host, and clicks "Continue". */
const goOn = (ticket: string, by: Browser = browser, to = LOGIN) =>
  by.request(to, { method: 'POST', body: new URLSearchParams({ token: ticket }), from: to })

const hostSays = (apiSid: unknown, to = LOGOUT) =>
  world.fetch(
    new Request(to, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ api_sid: apiSid }),
    }),
  )

const pathsCalled = () => portal.calls.map(({ path }) => path)

async function errorCode(response: Response): Promise<string | undefined> {
  const page = await response.text()
  return /id="error-code">([^<]*)</.exec(page)?.[1]
}

describe('the address that a ticket is brought to', () => {
  it('asks first, and tells the host nothing', async () => {
    const ticket = portal.ticket(carol)
    const before = await snapshot()
    const answer = await browser.request(landing(ticket), { from: portal.origin })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
    expect(answer.headers.getSetCookie()).toEqual([])
    const html = await answer.text()
    expect(html).toContain('Continue from Portal?')
    expect(html).toContain(`<input type="hidden" name="token" value="${ticket}"`)
    expect(html).toContain('action="/sso/v1/login/portal"')
    expect(portal.calls).toEqual([])
    expect(await snapshot()).toEqual(before)
    expect((await goOn(ticket)).status).toBe(303)
  })

  it.each([
    ['a link preview', { 'user-agent': 'Slackbot-LinkExpanding 1.0' }],
    ['a prefetch', { 'sec-purpose': 'prefetch', 'sec-fetch-dest': 'document' }],
    ['a prerender', { 'sec-purpose': 'prefetch;prerender' }],
    ['a picture', { 'sec-fetch-dest': 'image', 'sec-fetch-mode': 'no-cors' }],
    ['a reload', { 'cache-control': 'max-age=0' }],
  ])('is harmless to %s', async (_name, headers) => {
    const ticket = portal.ticket(carol)
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT']) {
      await world.fetch(new Request(landing(ticket, LOGIN), { method, headers }))
    }
    expect(portal.calls).toEqual([])
    expect((await goOn(ticket)).status).toBe(303)
  })

  it('shows what it is given as text, and takes it once', async () => {
    const evil = `"><script>alert(1)</script>`
    const html = await (await browser.request(landing(evil))).text()
    expect(html).not.toContain('<script>alert')
    for (const query of ['', '?token=', '?token=a&token=b', `?token=${'x'.repeat(2049)}`]) {
      const answer = await browser.request(`${LOGIN}${query}`)
      expect([answer.status, await errorCode(answer)]).toEqual([400, 'parameter_invalid'])
    }
    const unknown = await browser.request(
      landing('t'.repeat(20), `${settings.ISSUER}/sso/v1/login/x`),
    )
    expect([unknown.status, await errorCode(unknown)]).toEqual([404, 'unknown_host'])
  })

  it('says who is signed in here already', async () => {
    await signIn(browser, world.otrotl)
    const html = await (await browser.request(landing(portal.ticket(carol)))).text()
    expect(html).toContain('Alice')
  })
})

describe('a person who goes on', () => {
  it('is signed in as whoever the host says, and the host has heard of it', async () => {
    const answer = await goOn(portal.ticket(carol, 'a'.repeat(36)))
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/dashboard'])
    const session = await liveSession(browser.session())
    expect(session).toMatchObject({
      authentication: {
        providerId: 'portal',
        issuer: 'https://portal.example',
        subject: '42',
        upstreamSid: 'a'.repeat(36),
      },
      profile: { name: 'Carol', email: 'carol@portal.example', emailVerified: true },
    })
    expect(portal.calls.map(({ path, body }) => [path, body.api_sid ?? 'ticket'])).toEqual([
      ['token-verify', 'ticket'],
      ['login-acknowledgement', 'a'.repeat(36)],
    ])
    const page = await browser.fetch('/auth/sso/token')
    expect(page.status).toBe(200)
  })

  it('is the same user the next time, by the id at the host and by nothing else', async () => {
    await goOn(portal.ticket(carol))
    const first = await liveSession(browser.session())
    const again = world.newBrowser()
    await goOn(portal.ticket({ id: 42, name: 'Renamed', email: 'new@portal.example' }), again)
    expect((await liveSession(again.session()))?.userId).toBe(first?.userId)
    const other = world.newBrowser()
    await goOn(portal.ticket({ ...carol, id: '43' }), other)
    expect((await liveSession(other.session()))?.userId).not.toBe(first?.userId)
    const alice = world.newBrowser()
    await signIn(alice, world.otrotl)
    const claimed = world.newBrowser()
    await goOn(
      portal.ticket({ id: '44', email: 'alice@example.org', email_verified: true }),
      claimed,
    )
    expect((await liveSession(claimed.session()))?.userId).not.toBe(
      (await liveSession(alice.session()))?.userId,
    )
  })

  it('leaves the session of somebody else behind, and keeps the one that is theirs', async () => {
    await signIn(browser, world.otrotl)
    const alices = browser.session()
    await goOn(portal.ticket(carol, 'b'.repeat(36)))
    expect(await liveSession(alices)).toBeUndefined()
    const carols = browser.session()
    const indexed = () => env.DIRECTORY.prepare('SELECT * FROM upstream_sessions').all()
    const before = (await indexed()).results
    const again = await goOn(portal.ticket(carol, 'b'.repeat(36)))
    expect(again.headers.getSetCookie()).toEqual([])
    expect(await liveSession(carols)).toBeDefined()
    expect((await indexed()).results).toEqual(before)
  })

  it.each([
    ['another session there', carol.id, 'c'.repeat(36)],
    ['another identity there', '43', 'b'.repeat(36)],
  ])('leaves their own session behind for one from %s', async (_, id, apiSid) => {
    await goOn(portal.ticket({ ...carol, id: '43' }), world.newBrowser())
    await goOn(portal.ticket(carol, 'b'.repeat(36)))
    const carols = browser.session()
    const before = await liveSession(carols)
    await env.DIRECTORY.prepare('UPDATE identities SET user_id = ?1').bind(before?.userId).run()
    await goOn(portal.ticket({ ...carol, id }, apiSid))
    expect(await liveSession(carols)).toBeUndefined()
    expect((await liveSession(browser.session()))?.userId).toBe(before?.userId)
    await hostSays(apiSid)
    expect(await liveSession(browser.session())).toBeUndefined()
  })

  it('does not keep a session of an account that is not theirs any more', async () => {
    await goOn(portal.ticket(carol, 'b'.repeat(36)))
    const carols = browser.session()
    const other = await giveIdentitiesAway()
    await goOn(portal.ticket(carol, 'b'.repeat(36)))
    expect((await liveSession(browser.session()))?.userId).toBe(other)
    expect(await liveSession(carols)).toBeUndefined()
    await hostSays('b'.repeat(36))
    expect(await liveSession(browser.session())).toBeUndefined()
  })

  it('has to come from our own page', async () => {
    const ticket = portal.ticket(carol)
    const before = await snapshot()
    for (const from of ['https://evil.example', 'https://app.example', portal.origin]) {
      const answer = await browser.request(LOGIN, {
        method: 'POST',
        body: new URLSearchParams({ token: ticket }),
        from,
      })
      expect([answer.status, await errorCode(answer)]).toEqual([403, 'not_from_our_page'])
    }
    const silent = await world.fetch(
      new Request(LOGIN, { method: 'POST', body: new URLSearchParams({ token: ticket }) }),
    )
    expect(silent.status).toBe(403)
    expect([await snapshot(), portal.calls]).toEqual([before, []])
  })

  it('comes once with a ticket, however often they click', async () => {
    const ticket = portal.ticket(carol)
    const browsers = Array.from({ length: 10 }, () => world.newBrowser())
    const answers = await Promise.all(browsers.map((each) => goOn(ticket, each)))
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(9)
    const sessions = await Promise.all(browsers.map((each) => liveSession(each.session())))
    expect(sessions.filter((session) => session !== undefined)).toHaveLength(1)
  })

  it.each([
    ['refuses it', 'ticket_refused', 403, 401, { code: 'token_not_valid' }],
    ['says it was used', 'ticket_refused', 403, 410, { code: 'token_used' }],
    ['cannot read it', 'ticket_refused', 403, 400, {}],
    ['does not know it', 'ticket_refused', 403, 404, {}],
    ['does not know our key', 'host_unavailable', 503, 401, { code: 'authentication_failed' }],
    ['forbids us to ask', 'host_unavailable', 503, 403, {}],
    ['fails', 'host_unavailable', 503, 500, {}],
    ['says nothing of a session', 'answer_invalid', 503, 200, { user: carol }],
    [
      'says nothing of a person',
      'answer_invalid',
      503,
      200,
      { api_sid: 'c'.repeat(36), access: 'x' },
    ],
    [
      'names a person with a blank',
      'answer_invalid',
      503,
      200,
      { api_sid: 'c'.repeat(36), user: { id: 'a b' } },
    ],
    [
      'names a person by an object',
      'answer_invalid',
      503,
      200,
      { api_sid: 'c'.repeat(36), user: { id: {} } },
    ],
    [
      'has an api_sid that can be guessed',
      'answer_invalid',
      503,
      200,
      { api_sid: '7', user: carol },
    ],
  ])('is not signed in where the host %s', async (_name, code, status, hostStatus, body) => {
    portal.answers['token-verify'] = () => Response.json(body, { status: hostStatus })
    const before = await snapshot()
    const answer = await goOn('some-ticket')
    expect([answer.status, await errorCode(answer)]).toEqual([status, code])
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await snapshot()).toEqual(before)
  })

  it.each([
    ['does not answer', 'host_unavailable', () => new Response(null, { status: 503 })],
    ['says that it is over', 'signed_out_meanwhile', () => new Response(null, { status: 404 })],
    ['says that it is gone', 'signed_out_meanwhile', () => new Response(null, { status: 410 })],
    [
      'sends us elsewhere',
      'host_unavailable',
      () => Response.redirect('https://evil.example', 302),
    ],
  ])('is not signed in where the host %s when we acknowledge', async (_name, code, answer) => {
    portal.answers['login-acknowledgement'] = answer
    const refused = await goOn(portal.ticket(carol))
    expect(await errorCode(refused)).toBe(code)
    expect(refused.headers.getSetCookie()).toEqual([])
    const { results } = await env.DIRECTORY.prepare('SELECT id FROM users').all<{ id: string }>()
    expect(results).toHaveLength(1)
    const isOver = code === 'signed_out_meanwhile'
    const tables = JSON.stringify(await snapshot())
    expect(tables).toContain(isOver ? 'handoff_host' : 'sign_in_unfinished')
  })

  it('takes nothing from who is here already, where the host does not answer when we acknowledge', async () => {
    await goOn(portal.ticket(carol))
    const shared = await openAtSite(world, (await liveSession(browser.session()))!)
    portal.answers['login-acknowledgement'] = () => new Response(null, { status: 503 })
    expect((await goOn(portal.ticket(carol), world.newBrowser())).status).toBe(503)
    for (const cookie of [browser.session(), shared])
      expect(await liveSession(cookie)).toBeDefined()
  })

  it.each([
    ['does not answer', true, () => new Response(null, { status: 503 })],
    ['says that it is over', false, () => new Response(null, { status: 404 })],
  ])('keeps the session from there or not, where the host %s', async (_name, isKept, answer) => {
    await goOn(portal.ticket(carol, 'b'.repeat(36)))
    portal.answers['login-acknowledgement'] = answer
    const again = await goOn(portal.ticket(carol, 'b'.repeat(36)))
    expect(again.status).toBe(isKept ? 503 : 403)
    expect((await liveSession(browser.session())) !== undefined).toBe(isKept)
  })

  it('keeps a session that they have, where the ticket is worth nothing', async () => {
    await signIn(browser, world.otrotl)
    expect((await goOn('worthless')).status).toBe(403)
    expect(await liveSession(browser.session())).toBeDefined()
    const { length } = portal.calls
    for (const none of ['short', 'with a blank', 'ticket\n-in-two']) {
      expect(await errorCode(await goOn(none))).toBe('ticket_refused')
    }
    expect(portal.calls).toHaveLength(length)
  })

  it('is known from the access token, where the host tells it there alone', async () => {
    const access = `x.${btoa(JSON.stringify({ user_id: 7, auth_time: 1000 }))}.y`
    portal.say = ({ api_sid }) => ({ api_sid, access })
    await goOn(portal.ticket(carol))
    expect((await liveSession(browser.session()))?.authentication).toMatchObject({
      subject: '7',
      authTime: 1000,
    })
  })

  it('has signed in there at a whole second, though the host says it in fractions', async () => {
    const access = `x.${btoa(JSON.stringify({ user_id: 7, auth_time: 1000.5 }))}.y`
    portal.say = ({ api_sid }) => ({ api_sid, access })
    await goOn(portal.ticket(carol))
    const bridged = await browser.fetch('/auth/sso/token')
    const { access_token: token } = await bridged.json<{ access_token: string }>()
    const authorization = `Bearer ${token}`
    const asked = await world.fetch(
      new Request(`${settings.ISSUER}/api/me`, { headers: { authorization } }),
    )
    expect(asked.status).toBe(200)
    expect(decodeJwt(token).auth_time).toBe(1000)
  })

  it('keeps the names that the host tells one by one', async () => {
    portal.say = ({ api_sid }) => ({
      api_sid,
      user: { id: 7, first_name: 'Carol', last_name: 'Danvers' },
    })
    await goOn(portal.ticket(carol))
    expect((await liveSession(browser.session()))?.profile).toMatchObject({
      name: 'Carol Danvers',
      givenName: 'Carol',
      familyName: 'Danvers',
    })
  })

  it.each([1000, -NOON - 1, -NOON])(
    'has not signed in there later than now, nor before all time: %i s from now',
    async (later) => {
      const now = clock.now()
      const access = `x.${btoa(JSON.stringify({ user_id: 7, auth_time: now + later }))}.y`
      portal.say = ({ api_sid }) => ({ api_sid, access })
      await goOn(portal.ticket(carol))
      expect((await liveSession(browser.session()))?.authentication.authTime).toBe(now)
    },
  )

  it('leaves neither ticket nor key in the log', async () => {
    const log = captureLog()
    const ticket = portal.ticket(carol)
    await browser.request(landing(ticket))
    await goOn(ticket)
    await goOn(ticket)
    expect(log.text()).not.toContain(ticket)
    expect(log.text()).not.toContain(settings.PORTAL_API_KEY)
    expect(log.lines.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['login.accepted', 'login.rejected']),
    )
  })
})

describe('the end of a session on the one side', () => {
  it('is its end on the other, when the host says so', async () => {
    await goOn(portal.ticket(carol, 'd'.repeat(36)))
    const elsewhere = world.newBrowser()
    await goOn(portal.ticket(carol, 'e'.repeat(36)), elsewhere)
    const answer = await hostSays('d'.repeat(36))
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { status: 'logged_out', api_sid: 'd'.repeat(36) },
    ])
    expect(await liveSession(browser.session())).toBeUndefined()
    expect(await liveSession(elsewhere.session())).toBeDefined()
    await scheduler.wait(50)
    // Whoever says so knows it.
    expect(pathsCalled()).not.toContain('logout')
  })

  it('may be said again, and says nothing of what there is', async () => {
    await goOn(portal.ticket(carol, 'd'.repeat(36)))
    for (const apiSid of ['d'.repeat(36), 'd'.repeat(36), crypto.randomUUID()]) {
      const answer = await hostSays(apiSid, `${settings.ISSUER}/sso/v1/logout/`)
      expect(await answer.json()).toEqual({ status: 'logged_out', api_sid: apiSid })
    }
    for (const [apiSid, to, status, code] of [
      [undefined, LOGOUT, 400, 'required'],
      [1, LOGOUT, 400, 'invalid'],
      ['', LOGOUT, 400, 'required'],
      ['x', `${settings.ISSUER}/sso/v1/logout/nobody`, 404, 'service_not_found'],
    ] as const) {
      const refused = await hostSays(apiSid, to)
      expect(refused.status).toBe(status)
      expect(await refused.json()).toEqual({ detail: expect.any(String), code })
    }
  })

  it('ends nothing that came from elsewhere, whatever it is called', async () => {
    await signIn(browser, world.otrotl)
    const session = (await liveSession(browser.session()))!
    for (const apiSid of [session.sid, session.authentication.upstreamSid, session.userId]) {
      await hostSays(apiSid)
    }
    expect(await liveSession(browser.session())).toBeDefined()
  })

  it('ends nothing that came from an identity provider of the host’s own name', async () => {
    const api_url = `${portal.origin}/api/v1`
    const [host] = settings.HANDOFF_HOSTS as readonly object[]
    const issuer = 'https://otrotl.example'
    const changed = { HANDOFF_HOSTS: [{ ...host, issuer, api_url }] }
    world = await createWorld({}, changed as unknown as Partial<Env>)
    browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const { authentication } = (await liveSession(browser.session()))!
    expect(authentication).toMatchObject({ issuer, upstreamSid: expect.any(String) })
    expect((await hostSays(authentication.upstreamSid)).status).toBe(200)
    expect(await liveSession(browser.session())).toBeDefined()
  })

  it('is the end of all that came of it, in whichever browser, when the person signs out of one', async () => {
    await goOn(portal.ticket(carol, 'd'.repeat(36)))
    const [beside, other] = [world.newBrowser(), world.newBrowser()]
    await goOn(portal.ticket(carol, 'd'.repeat(36)), beside)
    await goOn(portal.ticket(carol, 'e'.repeat(36)), other)
    await browser.request(`${settings.ISSUER}/auth/sso/logout`, {
      method: 'POST',
      from: settings.ISSUER,
    })
    expect(await liveSession(beside.session())).toBeUndefined()
    expect(await liveSession(other.session())).toBeDefined()
  })

  it('is told to the host when the person signs out here, again where it did not answer', async () => {
    await goOn(portal.ticket(carol, 'f'.repeat(36)))
    const { userId } = (await liveSession(browser.session()))!
    portal.answers.logout = () => new Response(null, { status: 503 })
    await browser.request(`${settings.ISSUER}/auth/sso/logout`, {
      method: 'POST',
      from: settings.ISSUER,
    })
    const logouts = () => portal.calls.filter(({ path }) => path === 'logout')
    await vi.waitFor(() => expect(logouts()).toHaveLength(1))
    portal.answers = {}
    clock.advance(5)
    await ring(userId)
    await vi.waitFor(() => expect(logouts()).toHaveLength(2))
    expect(logouts()[1]?.body).toEqual({ api_sid: 'f'.repeat(36) })
    const [call] = world.internet.requestsTo('https://portal.example/api/v1/sso/logout/')
    expect(call?.headers.apikey).toBe(settings.PORTAL_API_KEY)
  })

  it('is on the last page, which says by the name of the host that it was told', async () => {
    await goOn(portal.ticket(carol))
    const left = await browser.request(`${settings.ISSUER}/auth/sso/logout`, {
      method: 'POST',
      from: settings.ISSUER,
    })
    const page = await browser.request(left.headers.get('location')!)
    expect(await page.text()).toContain('<bdi>Portal</bdi>: told')
  })

  it('is not told to the host when the session here merely runs out', async () => {
    await goOn(portal.ticket(carol))
    const { userId } = (await liveSession(browser.session()))!
    clock.advance(settings.SESSION.idle_seconds)
    await ring(userId)
    await scheduler.wait(50)
    expect(await liveSession(browser.session())).toBeUndefined()
    expect(pathsCalled()).not.toContain('logout')
  })
})
