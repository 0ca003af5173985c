import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/platform/clock.ts'
import { createApplication, knownTo } from '../../world/application.ts'
import { countedDirectory } from '../../world/counted-directory.ts'
import { captureLog, decisions } from '../../world/log-lines.ts'
import { settings } from '../../world/settings.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { createWorld, liveSession } from '../../world/sign-in.ts'
import { snapshot } from '../../world/snapshot.ts'
import { GONE, LIVES, signedInPerson, whatLivesOf } from '../../sign-out/signed-in-person.ts'
import { formOf, idTokenFor, LOGOUT, logoutUrl, shopper } from './participant.ts'

/** A busy machine takes its time. */
const PATIENCE = { timeout: 10_000 }

const BYE = 'https://shop.example/bye'
const SIGNED_OUT = `${settings.ISSUER}/auth/sso/logout/callback`

/** The application's link or redirect. */
const fromShop = { from: 'https://shop.example' }

beforeEach(() => prepareKeyRing(systemClock()))

const asks = (text: string) => text.includes('id="confirm-button"')

describe('RP-Initiated Logout 1.0 §2: a hint of the very session', () => {
  it.each(['GET', 'POST'] as const)(
    'ends it at once by %s, tells the application, signs out upstream and goes where the application wants',
    async (method) => {
      const world = await createWorld()
      const { shop, hint, browser, session, ...me } = await shopper(world)
      const parameters = {
        id_token_hint: hint,
        post_logout_redirect_uri: BYE,
        state: 'a b&c=d#é\r\nX: y',
      }
      const first =
        method === 'GET'
          ? await browser.request(logoutUrl(parameters), fromShop)
          : await browser.request(LOGOUT, {
              ...fromShop,
              method,
              body: new URLSearchParams(parameters),
            })
      // What comes from another site by POST has no cookie with it, and is sent here once more.
      const left =
        method === 'GET' ? first : await browser.request(first.headers.get('location')!, fromShop)
      expect([first.status, left.status]).toEqual([303, 303])
      expect(left.headers.get('cache-control')).toBe('no-store')
      expect(await whatLivesOf({ browser, ...me })).toEqual(GONE)
      const provider = new URL(left.headers.get('location')!)
      expect(provider.origin + provider.pathname).toBe('https://otrotl.example/end-session')
      await vi.waitFor(() => expect(shop.received).toHaveLength(1), PATIENCE)
      expect(shop.received[0]?.sid).toBe((await knownTo(shop, session)).clientSid)
      const back = `${SIGNED_OUT}?state=${provider.searchParams.get('state')}`
      const last = await browser.request(back, { from: world.otrotl.issuer })
      expect(last.status).toBe(303)
      const target = new URL(last.headers.get('location')!)
      expect(target.origin + target.pathname).toBe(BYE)
      expect([...target.searchParams]).toEqual([['state', parameters.state]])
      expect(browser.cookie('__Host-drawbridge_sign_out')).toBeUndefined()
    },
  )

  it('counts although it has expired', async () => {
    const world = await createWorld()
    const me = await shopper(world)
    const now = Math.floor(Date.now() / 1000)
    const old = await idTokenFor(me.shop, me.session, { iat: now - 90_000, exp: now - 86_400 })
    const answer = await me.browser.request(logoutUrl({ id_token_hint: old }), fromShop)
    expect(answer.status).toBe(303)
    expect(await whatLivesOf(me)).toEqual(GONE)
  })

  it('counts beside a client_id that says nothing', async () => {
    const world = await createWorld()
    const me = await shopper(world)
    const url = logoutUrl({ id_token_hint: me.hint, client_id: '' })
    expect((await me.browser.request(url, fromShop)).status).toBe(303)
    expect(await whatLivesOf(me)).toEqual(GONE)
  })

  it('without an address ends on our own page, which names the application', async () => {
    const world = await createWorld()
    const { browser, hint } = await shopper(world, { name: 'Shop "<b>&' })
    const left = await browser.request(logoutUrl({ id_token_hint: hint, state: 'x' }), fromShop)
    const state = new URL(left.headers.get('location')!).searchParams.get('state')
    const last = await browser.request(`${SIGNED_OUT}?state=${state}`)
    const text = await last.text()
    expect([last.status, last.headers.get('refresh')]).toEqual([200, null])
    expect(text).toContain('<bdi>Shop &quot;&lt;b&gt;&amp;</bdi>: told')
  })

  it('leaves one event of the end, and one of the telling', async () => {
    const world = await createWorld()
    const { browser, hint } = await shopper(world)
    const log = captureLog()
    await browser.request(logoutUrl({ id_token_hint: hint }), fromShop)
    await vi.waitFor(
      () =>
        expect(
          decisions(log.lines)
            .map(({ event }) => event)
            .toSorted(),
        ).toEqual(['logout.delivered', 'session.ended']),
      PATIENCE,
    )
  })

  it('with an address that has a query of its own, leaves that as it is', async () => {
    const world = await createWorld()
    const uri = 'https://shop.example/bye?a=%41&b=c+d'
    world.otrotl.behaviour.discovery = { end_session_endpoint: undefined }
    const { browser, hint } = await shopper(world, { oauth: { postLogoutRedirectUris: [uri] } })
    const page = await browser.navigate(
      logoutUrl({ id_token_hint: hint, post_logout_redirect_uri: uri, state: 's 1' }),
      fromShop,
    )
    expect(page.url.href).toBe(`${uri}&state=s+1`)
  })
})

describe('a request that proves nothing asks the person first, and changes nothing (C21)', () => {
  type Me = Awaited<ReturnType<typeof shopper>>
  const hints: [string, (me: Me) => Promise<Record<string, string>> | Record<string, string>][] = [
    ['no parameters', () => ({})],
    ['only a state', () => ({ state: 'x' })],
    ['only the client_id', ({ shop }) => ({ client_id: shop.id })],
    [
      'a logout_hint and ui_locales',
      () => ({ logout_hint: '<script>', ui_locales: 'x'.repeat(3000) }),
    ],
    ['an empty hint', () => ({ id_token_hint: '' })],
    ['a hint that is none', () => ({ id_token_hint: 'x.y.z' })],
    ['a hint with a changed claim', ({ hint }) => ({ id_token_hint: tampered(hint) })],
    ['a hint without a signature', ({ hint }) => ({ id_token_hint: unsigned(hint) })],
    [
      'an ID token of the provider',
      async ({ upstream }: Me & { upstream?: string }) => ({ id_token_hint: upstream ?? '' }),
    ],
    ['an access token of ours', ({ accessToken }) => ({ id_token_hint: accessToken })],
    [
      'a logout token of ours',
      async ({ shop, session }) => ({
        id_token_hint: await idTokenFor(shop, session, {}, 'logout+jwt'),
      }),
    ],
    [
      'an ID token of another issuer under our key',
      async ({ shop, session }) => ({
        id_token_hint: await idTokenFor(shop, session, { iss: 'https://evil.example' }),
      }),
    ],
    [
      'a hint of another session of the same person',
      async ({ shop, session }) => ({
        id_token_hint: await idTokenFor(shop, session, { sid: 'f'.repeat(32) }),
      }),
    ],
    [
      'a hint of another person',
      async ({ shop, session }) => ({
        id_token_hint: await idTokenFor(shop, session, { sub: 'f'.repeat(32) }),
      }),
    ],
    [
      'a hint that names our own session id',
      async ({ shop, session }) => ({
        id_token_hint: await idTokenFor(shop, session, { sid: session.sid }),
      }),
    ],
    [
      'a hint of an application that is not there',
      async ({ shop, session }) => ({
        id_token_hint: await idTokenFor(shop, session, { aud: 'nobody' }),
      }),
    ],
  ]
  it.each(hints)('%s', async (_, makeParameters) => {
    captureLog()
    const world = await createWorld()
    let upstream = ''
    world.otrotl.behaviour.idToken = ({ token }) => (upstream = token)
    const me = { ...(await shopper(world)), upstream }
    const before = await snapshot()
    const parameters = await makeParameters(me)
    for (const more of [{}, { post_logout_redirect_uri: BYE }]) {
      // With the client_id alone, an address leads somewhere: only after the person has said yes.
      const answer = await me.browser.request(logoutUrl({ ...parameters, ...more }), fromShop)
      const isBroken = answer.status === 400
      expect([200, 400]).toContain(answer.status)
      expect(isBroken).toBe(parameters.id_token_hint !== undefined && (await isOfNobody(answer)))
      expect(answer.headers.get('location')).toBeNull()
      expect(answer.headers.get('refresh')).toBeNull()
      expect(answer.headers.getSetCookie()).toEqual([])
    }
    const text = await (await me.browser.request(logoutUrl(parameters), fromShop)).text()
    expect(text).not.toContain('<script>')
    expect(await snapshot()).toEqual(before)
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })

  const isOfNobody = async (answer: Response) =>
    (await answer.clone().text()).includes('unknown_application')

  it('and when the person says yes, ends the session and goes to the address of the application', async () => {
    const world = await createWorld()
    world.otrotl.behaviour.discovery = { end_session_endpoint: undefined }
    const me = await shopper(world, { name: 'Shop & Co' })
    const page = await me.browser.request(
      logoutUrl({ client_id: me.shop.id, post_logout_redirect_uri: BYE, state: '"><b>' }),
      fromShop,
    )
    const text = await page.text()
    expect(text).toContain('Shop &amp; Co asks to sign you out')
    const policy = page.headers.get('content-security-policy')!
    expect(policy).toContain("form-action 'self' https:;")
    expect(page.headers.get('x-frame-options')).toBe('DENY')
    const { action, body } = formOf(text)
    const last = await me.browser.navigate(action, { method: 'POST', from: settings.ISSUER, body })
    expect(last.url.href).toBe(`${BYE}?state=%22%3E%3Cb%3E`)
    expect(await whatLivesOf(me)).toEqual(GONE)
    await vi.waitFor(() => expect(me.shop.received).toHaveLength(1), PATIENCE)
  })

  it('and when the person says yes to nobody in particular, ends on our own page', async () => {
    const world = await createWorld()
    world.otrotl.behaviour.discovery = { end_session_endpoint: undefined }
    const me = await shopper(world)
    const asked = await me.browser.request(
      logoutUrl({ post_logout_redirect_uri: BYE, state: 'x' }),
      fromShop,
    )
    const { action, body } = formOf(await asked.text())
    expect([...body]).toEqual([])
    const last = await me.browser.navigate(action, { method: 'POST', from: settings.ISSUER, body })
    expect(last.url.href).toBe(SIGNED_OUT)
    expect(await whatLivesOf(me)).toEqual(GONE)
  })

  it('and when it came with a hint that is not genuine, leads nowhere, whatever else it says', async () => {
    const world = await createWorld()
    world.otrotl.behaviour.discovery = { end_session_endpoint: undefined }
    const me = await shopper(world)
    const asked = await me.browser.request(
      logoutUrl({
        id_token_hint: tampered(me.hint),
        client_id: me.shop.id,
        post_logout_redirect_uri: BYE,
      }),
      fromShop,
    )
    const { action, body } = formOf(await asked.text())
    expect([...body]).toEqual([])
    const last = await me.browser.navigate(action, { method: 'POST', from: settings.ISSUER, body })
    expect(last.url.href).toBe(SIGNED_OUT)
  })

  it.each([
    ['fetched ahead', { 'sec-purpose': 'prefetch;prerender' }],
    ['loaded as a picture', { 'sec-fetch-dest': 'image' }],
  ])('a good hint in what is only %s', async (_, headers) => {
    const world = await createWorld()
    const me = await shopper(world)
    const url = logoutUrl({ id_token_hint: me.hint })
    const answer = await me.browser.request(url, { ...fromShop, headers })
    expect(asks(await answer.text())).toBe(true)
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })

  it('a good hint by HEAD', async () => {
    const world = await createWorld()
    const me = await shopper(world)
    const cookie = `__Host-drawbridge_session=${me.browser.session()}`
    const url = logoutUrl({ id_token_hint: me.hint })
    const answer = await world.fetch(new Request(url, { method: 'HEAD', headers: { cookie } }))
    expect(answer.status).toBe(405)
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })
})

it('too many requests from one address are refused, in both places, before the directory is asked', async () => {
  const { directory, take } = countedDirectory(env.DIRECTORY)
  const SIGN_IN_LIMIT = { limit: async () => ({ success: false }) }
  const world = await createWorld({}, { SIGN_IN_LIMIT, DIRECTORY: directory })
  const parameters = { client_id: '0'.repeat(32), post_logout_redirect_uri: BYE }
  const body = new URLSearchParams(parameters)
  const headers = { origin: settings.ISSUER }
  const answers = [
    await world.fetch(new Request(logoutUrl(parameters))),
    await world.fetch(new Request(`${LOGOUT}/confirm`, { method: 'POST', body, headers })),
  ]
  for (const answer of answers) {
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '60'])
  }
  expect(take().roundTrips).toBe(0)
})

describe('a yes that no page of ours has asked for is none', () => {
  it.each([
    ['another site', { origin: 'https://shop.example', 'sec-fetch-site': 'cross-site' }],
    ['nobody', {}],
    ['a page without an origin, in a browser that says nothing more', { origin: 'null' }],
  ])('of %s', async (_, said) => {
    const world = await createWorld()
    const me = await shopper(world)
    const log = captureLog()
    const answer = await world.fetch(
      new Request(`${LOGOUT}/confirm`, {
        method: 'POST',
        body: new URLSearchParams(),
        headers: { ...said, cookie: `__Host-drawbridge_session=${me.browser.session()}` },
      }),
    )
    expect(answer.status).toBe(403)
    expect(decisions(log.lines).map(({ event, reason }) => [event, reason])).toEqual([
      ['logout.rejected', 'origin_not_allowed'],
    ])
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })

  it('but a browser that says only the origin is believed', async () => {
    const world = await createWorld()
    const me = await shopper(world)
    const answer = await world.fetch(
      new Request(`${LOGOUT}/confirm`, {
        method: 'POST',
        body: new URLSearchParams(),
        redirect: 'manual',
        headers: {
          origin: settings.ISSUER,
          cookie: `__Host-drawbridge_session=${me.browser.session()}`,
        },
      }),
    )
    expect(answer.status).toBe(303)
    expect(await whatLivesOf(me)).toEqual(GONE)
  })
})

describe('an address that is not exactly a registered one leads nowhere, and ends nothing', () => {
  const others = [
    'https://evil.example/',
    'https://shop.example/',
    'https://shop.example/bye/',
    'https://shop.example/bye/more',
    'https://shop.example/BYE',
    'https://SHOP.example/bye',
    'https://shop.example/bye?foo=bar',
    'https://shop.example/bye#fragment',
    'https://shop.example:443/bye',
    'http://shop.example/bye',
    'https://shop.example/x/../bye',
    'https://shop.example/callback',
    'https://shop.example@evil.example/bye',
    'https://shop.example.evil.example/bye',
    '//shop.example/bye',
    '/bye',
    'javascript:alert(1)//https://shop.example/bye',
    ' https://shop.example/bye',
    'https://shop.example/bye\r\nX-Evil: 1',
    '',
  ]
  it.each(others)('%j', async (uri) => {
    const world = await createWorld()
    const me = await shopper(world)
    const before = await snapshot()
    const log = captureLog()
    for (const who of [{ id_token_hint: me.hint }, { client_id: me.shop.id }]) {
      const answer = await me.browser.request(
        logoutUrl({ ...who, post_logout_redirect_uri: uri, state: 'x' }),
        fromShop,
      )
      expect(answer.status).toBe(400)
      expect(answer.headers.get('location')).toBeNull()
      expect(answer.headers.get('refresh')).toBeNull()
      const text = await answer.text()
      expect(text).toContain('post_logout_redirect_uri_not_registered')
      expect(text).not.toContain('evil.example')
    }
    expect(decisions(log.lines).map(({ event }) => event)).toEqual([
      'logout.rejected',
      'logout.rejected',
    ])
    expect(await snapshot()).toEqual(before)
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })

  it('nor does one of another application, or one in the form of our own page', async () => {
    const world = await createWorld()
    const other = await createApplication(world, { name: 'Other', origin: 'https://other.example' })
    const me = await shopper(world)
    const uri = 'https://other.example/bye'
    const asked = await me.browser.request(
      logoutUrl({ id_token_hint: me.hint, post_logout_redirect_uri: uri }),
      fromShop,
    )
    expect(asked.status).toBe(400)
    const forged = await me.browser.request(`${LOGOUT}/confirm`, {
      method: 'POST',
      from: settings.ISSUER,
      body: new URLSearchParams({ client_id: me.shop.id, post_logout_redirect_uri: uri }),
    })
    expect([forged.status, forged.headers.get('location')]).toEqual([400, null])
    expect(await whatLivesOf(me)).toEqual(LIVES)
    expect(other.received).toEqual([])
  })
})

describe('a request that cannot be read is refused at its own address', () => {
  const bad: [
    string,
    (me: Awaited<ReturnType<typeof shopper>>) => Request | Promise<Request>,
    number,
    string,
  ][] = [
    ...[
      'id_token_hint',
      'client_id',
      'post_logout_redirect_uri',
      'state',
      'logout_hint',
      'ui_locales',
    ].map((name): (typeof bad)[number] => [
      `${name} twice`,
      () => new Request(`${LOGOUT}?${name}=a&${name}=a`),
      400,
      'duplicate_parameter',
    ]),
    [
      'a hint of one application with the id of another',
      ({ hint }) => new Request(logoutUrl({ id_token_hint: hint, client_id: 'other' })),
      400,
      'hint_of_another_application',
    ],
    [
      'an application that is not there',
      () => new Request(logoutUrl({ client_id: 'nobody', post_logout_redirect_uri: BYE })),
      400,
      'unknown_application',
    ],
    [
      'a state that fits into no cookie',
      ({ hint }) =>
        new Request(
          logoutUrl({
            id_token_hint: hint,
            post_logout_redirect_uri: BYE,
            state: 'x'.repeat(4000),
          }),
        ),
      400,
      'state_too_long',
    ],
    [
      'JSON',
      () =>
        new Request(LOGOUT, {
          method: 'POST',
          body: '{}',
          headers: { 'content-type': 'application/json' },
        }),
      415,
      'unsupported_media_type',
    ],
    [
      'a POST without a cookie that would not fit into a URL',
      () =>
        new Request(LOGOUT, {
          method: 'POST',
          body: new URLSearchParams({ state: 'x'.repeat(8000) }),
        }),
      413,
      'body_too_large',
    ],
  ]
  it.each(bad)('%s', async (_, makeRequest, status, code) => {
    const world = await createWorld()
    const me = await shopper(world)
    const before = await snapshot()
    captureLog()
    const request = await makeRequest(me)
    if (code !== 'body_too_large') {
      request.headers.set('cookie', `__Host-drawbridge_session=${me.browser.session()}`)
    }
    const answer = await world.fetch(request)
    expect([answer.status, answer.headers.get('location')]).toEqual([status, null])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.text()).toContain(`<code id="error-code">${code}</code>`)
    expect(await snapshot()).toEqual(before)
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })

  it('a disabled application is none', async () => {
    const world = await createWorld()
    const me = await shopper(world)
    const { applicationRegistry } = await import('../../world/applications.ts')
    await applicationRegistry().setStatus(me.shop.id, 'disabled', 1)
    captureLog()
    const answer = await me.browser.request(
      logoutUrl({ client_id: me.shop.id, post_logout_redirect_uri: BYE }),
    )
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null])
  })

  it('parameters that nobody reads are dropped when a POST is sent here once more', async () => {
    const world = await createWorld()
    const answer = await world.fetch(
      new Request(LOGOUT, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams({
          logout_hint: 'x'.repeat(10_000),
          client_id: 'a b',
          other: 'c',
        }),
      }),
    )
    expect([answer.status, answer.headers.get('location')]).toEqual([
      303,
      `${LOGOUT}?client_id=a+b`,
    ])
  })
})

describe('with nobody signed in', () => {
  it('goes to a registered address of whoever asks, or to our own last page', async () => {
    const world = await createWorld()
    const shop = await createApplication(world)
    const browser = world.newBrowser()
    const good = { client_id: shop.id, post_logout_redirect_uri: BYE, state: 'x' }
    const answer = await browser.request(logoutUrl(good), fromShop)
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `${BYE}?state=x`])
    for (const parameters of [{}, { post_logout_redirect_uri: BYE }, { client_id: shop.id }]) {
      const own = await browser.request(logoutUrl(parameters), fromShop)
      expect([own.status, own.headers.get('location')]).toEqual([303, SIGNED_OUT])
    }
  })

  it('but with the hint of the session that ended here, signs out at the provider too', async () => {
    const world = await createWorld()
    const me = await shopper(world)
    const cookie = `__Host-drawbridge_session=${me.browser.session()}`
    await me.browser.request(`${settings.ISSUER}/auth/sso/logout`, {
      method: 'POST',
      from: settings.ISSUER,
    })
    const answer = await world.fetch(
      new Request(logoutUrl({ id_token_hint: me.hint, post_logout_redirect_uri: BYE }), {
        redirect: 'manual',
        headers: { cookie },
      }),
    )
    expect(answer.headers.get('location')).toContain('https://otrotl.example/end-session')
    // Without it, a link of a stranger would sign them out there.
    const other = await world.fetch(
      new Request(logoutUrl({ client_id: me.shop.id, post_logout_redirect_uri: BYE }), {
        redirect: 'manual',
        headers: { cookie },
      }),
    )
    expect(other.headers.get('location')).toBe(BYE)
  })

  it('leaves the session of another browser alone, even with its hint', async () => {
    const world = await createWorld()
    const me = await shopper(world)
    const stranger = await signedInPerson(world, world.second, { as: 'bob' })
    for (const browser of [world.newBrowser(), stranger.browser]) {
      await browser.request(logoutUrl({ id_token_hint: me.hint }), fromShop)
    }
    expect(await whatLivesOf(me)).toEqual(LIVES)
    expect(await whatLivesOf(stranger)).toEqual(LIVES)
    expect(await liveSession(me.browser.session())).toBeDefined()
  })
})

/** The claims of a JWT changed under its signature. */
function tampered(token: string): string {
  const [header, payload = '', signature] = token.split('.')
  const claims = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as object
  const changed = btoa(JSON.stringify({ ...claims, iat: 1 })).replaceAll('=', '')
  return [header, changed, signature].join('.')
}

const unsigned = (token: string): string =>
  `${btoa('{"alg":"none","typ":"JWT"}').replaceAll('=', '')}.${token.split('.')[1]}.`
