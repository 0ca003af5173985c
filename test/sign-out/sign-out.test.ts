import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { Browser, Visit } from '../world/browser.ts'
import { captureLog, decisions } from '../world/log-lines.ts'
import { settings } from '../world/settings.ts'
import { createWorld } from '../world/sign-in.ts'
import { snapshot } from '../world/snapshot.ts'
import { GONE, LIVES, signedInPerson, whatLivesOf } from './signed-in-person.ts'

const SIGN_OUT = `${settings.ISSUER}/auth/sso/logout`
const RETURN = `${SIGN_OUT}/callback`

/** The button on one of our pages. They send no referrer, and so browsers say `Origin: null`. */
const pressSignOut = (browser: Browser, visit: Visit = {}) =>
  browser.request(SIGN_OUT, {
    method: 'POST',
    from: settings.ISSUER,
    headers: { origin: 'null' },
    ...visit,
  })

const clearsSession = (answer: Response) =>
  answer.headers
    .getSetCookie()
    .some((line) => line.startsWith('__Host-drawbridge_session=; Max-Age=0'))

describe('a person signs out', () => {
  it('here first, and then at the provider, with the ID token as it came', async () => {
    const world = await createWorld()
    const elsewhere = await signedInPerson(world)
    let idToken = ''
    world.otrotl.behaviour.idToken = ({ token }) => (idToken = token)
    const me = await signedInPerson(world)
    const answer = await pressSignOut(me.browser)
    expect(answer.status).toBe(303)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(clearsSession(answer)).toBe(true)
    const to = new URL(answer.headers.get('location')!)
    expect(to.origin + to.pathname).toBe('https://otrotl.example/end-session')
    expect(Object.fromEntries(to.searchParams)).toEqual({
      id_token_hint: idToken,
      client_id: 'tuberaker',
      post_logout_redirect_uri: RETURN,
      state: expect.stringMatching(/^[\w-]{43}$/),
    })
    expect(await whatLivesOf(me)).toEqual(GONE)
    expect(await whatLivesOf(elsewhere)).toEqual(LIVES)
  })

  it('and comes back to a page that takes the token out of every tab', async () => {
    const world = await createWorld()
    const { browser } = await signedInPerson(world)
    const left = new URL((await pressSignOut(browser)).headers.get('location')!)
    const back = `${RETURN}?state=${left.searchParams.get('state')}`
    const page = await browser.request(back, { from: world.otrotl.issuer })
    const text = await page.text()
    expect(page.status).toBe(200)
    expect(text).toContain('You are signed out')
    expect(text).not.toContain('id="provider-may-go-on"')
    const nonce = /'nonce-([^']+)'/.exec(page.headers.get('content-security-policy')!)?.[1]
    expect(text).toMatch(/<script src="\/auth\/[^"]+" nonce="[^"]+" defer/)
    expect(text).toMatch(/<script type="module" nonce="[^"]+">drawbridge\.forget\(\)<\/script>/)
    expect([...text.matchAll(/nonce="([^"]+)"/g)].every(([, used]) => used === nonce)).toBe(true)
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(browser.cookie('__Host-drawbridge_sign_out')).toBeUndefined()
    // The state is good for once; the page is there all the same.
    const again = await (await browser.request(back)).text()
    expect(again).toContain('id="provider-may-go-on"')
  })

  it('and takes along what waits for them in one cookie of ours, for ten minutes, unseen by any script', async () => {
    const world = await createWorld()
    const { browser } = await signedInPerson(world)
    const kept = (await pressSignOut(browser)).headers
      .getSetCookie()
      .filter((line) => line.startsWith('__Host-drawbridge_sign_out='))
    expect(kept).toHaveLength(1)
    const [value, ...attributes] = kept[0]!.split('; ')
    expect(value).toMatch(/=([\w-]*\.){4}[\w-]+$/)
    const sorted = ['HttpOnly', 'Max-Age=600', 'Path=/', 'SameSite=Lax', 'Secure']
    expect(attributes.toSorted()).toEqual(sorted)
  })

  it('and leaves exactly one event of the end', async () => {
    const world = await createWorld()
    const { browser } = await signedInPerson(world)
    const log = captureLog()
    await pressSignOut(browser)
    await pressSignOut(browser)
    expect(decisions(log.lines).map(({ event, cause }) => [event, cause])).toEqual([
      ['session.ended', 'person'],
    ])
  })

  it('once, however often they press', async () => {
    const world = await createWorld()
    const me = await signedInPerson(world)
    const log = captureLog()
    const cookie = `__Host-drawbridge_session=${me.browser.session()}`
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        pressSignOut(world.newBrowser(), { headers: { origin: 'null', cookie } }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(303))
    expect(log.lines.filter(({ event }) => event === 'session.ended')).toHaveLength(1)
    expect(await whatLivesOf(me)).toEqual(GONE)
  })

  it('with a cookie whose session had ended, and still gets to the provider with its ID token', async () => {
    const world = await createWorld()
    const { browser } = await signedInPerson(world)
    const cookie = `__Host-drawbridge_session=${browser.session()}`
    const first = new URL((await pressSignOut(browser)).headers.get('location')!)
    const second = await pressSignOut(world.newBrowser(), { headers: { origin: 'null', cookie } })
    const to = new URL(second.headers.get('location')!)
    expect(to.searchParams.get('id_token_hint')).toBe(first.searchParams.get('id_token_hint'))
    expect(to.searchParams.get('state')).not.toBe(first.searchParams.get('state'))
  })

  it.each([
    ['without a session', ''],
    ['with a cookie that is not ours', '__Host-drawbridge_session=s_forged'],
  ])('%s, and it ends well', async (_, cookie) => {
    const world = await createWorld()
    const answer = await pressSignOut(world.newBrowser(), { headers: { origin: 'null', cookie } })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, RETURN])
    expect(clearsSession(answer)).toBe(true)
  })

  it('although the provider has no such page, and is told that it may still know them', async () => {
    const world = await createWorld()
    world.otrotl.behaviour.discovery = { end_session_endpoint: undefined }
    const me = await signedInPerson(world)
    const page = await me.browser.navigate(SIGN_OUT, { method: 'POST', from: settings.ISSUER })
    expect(page.trail.map(({ href }) => href)).toEqual([SIGN_OUT, RETURN])
    expect(await page.response.text()).toContain('id="provider-may-go-on"')
    expect(await whatLivesOf(me)).toEqual(GONE)
  })

  it('although nothing is known of the provider at the moment', async () => {
    const me = await signedInPerson(await createWorld())
    captureLog()
    const isDown = () => {
      throw new Error('down')
    }
    // Another isolate: it remembers nothing, finds no copy, and cannot ask.
    const elsewhere = await createWorld(
      {},
      {
        PROVIDER_METADATA: { getByName: isDown } as unknown as Env['PROVIDER_METADATA'],
        REVOCATION: { get: async () => null, put: isDown } as unknown as KVNamespace,
      },
    )
    elsewhere.internet.unplug('https://otrotl.example')
    const cookie = `__Host-drawbridge_session=${me.browser.session()}`
    const headers = { origin: 'null', cookie }
    const answer = await pressSignOut(elsewhere.newBrowser(), { headers })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, RETURN])
    expect(await whatLivesOf(me)).toEqual(GONE)
  })

  it('although the provider’s metadata does not come: they wait two seconds for it', async () => {
    const me = await signedInPerson(await createWorld())
    captureLog()
    const never = () => new Promise(() => {})
    const silent = new Proxy({}, { get: (_, name) => (name === 'then' ? undefined : never) })
    const elsewhere = await createWorld(
      {},
      {
        PROVIDER_METADATA: { getByName: () => silent } as unknown as Env['PROVIDER_METADATA'],
        REVOCATION: { get: async () => null, put: never } as unknown as KVNamespace,
      },
    )
    elsewhere.internet.unplug('https://otrotl.example')
    const cookie = `__Host-drawbridge_session=${me.browser.session()}`
    const begun = Date.now()
    const answer = await pressSignOut(elsewhere.newBrowser(), {
      headers: { origin: 'null', cookie },
    })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, RETURN])
    // Whoever asks for it otherwise waits 13 seconds.
    expect(Date.now() - begun).toBeLessThan(10_000)
    expect(await whatLivesOf(me)).toEqual(GONE)
  })

  it('and is not sent, with the ID token of one provider, to another that has taken its place', async () => {
    const me = await signedInPerson(await createWorld())
    const moved = await createWorld({
      otrotl: { issuer: 'https://second.example' },
      second: { issuer: 'https://otrotl.example' },
    })
    const cookie = `__Host-drawbridge_session=${me.browser.session()}`
    const answer = await pressSignOut(moved.newBrowser(), { headers: { origin: 'null', cookie } })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, RETURN])
    expect(await whatLivesOf(me)).toEqual(GONE)
  })

  it('although the provider’s page is on another origin than its issuer', async () => {
    const world = await createWorld()
    const url = 'https://sign-out.otrotl.example/bye?a="><script>'
    world.otrotl.behaviour.discovery = { end_session_endpoint: url }
    const me = await signedInPerson(world)
    const answer = await pressSignOut(me.browser)
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toMatch(
      /^https:\/\/sign-out\.otrotl\.example\/bye\?\S+$/,
    )
    expect(clearsSession(answer)).toBe(true)
    expect(await whatLivesOf(me)).toEqual(GONE)
  })
})

it('a browser that says only the origin of the page, as ours let it, is believed', async () => {
  const world = await createWorld()
  const me = await signedInPerson(world)
  const page = await me.browser.request(SIGN_OUT)
  expect(await page.text()).toContain('<meta name="referrer" content="same-origin"/>')
  const cookie = `__Host-drawbridge_session=${me.browser.session()}`
  const headers = { origin: settings.ISSUER, cookie }
  const answer = await world.fetch(
    new Request(SIGN_OUT, { method: 'POST', headers, redirect: 'manual' }),
  )
  expect(answer.status).toBe(303)
  expect(await whatLivesOf(me)).toEqual(GONE)
})

describe('a sign-out that no page of ours has asked for changes nothing (C12, C21)', () => {
  const foreign: [string, Visit & { headers?: Record<string, string> }][] = [
    ['a form of another site', { method: 'POST', from: 'https://evil.example' }],
    ['a form of an allowed application', { method: 'POST', from: 'https://app.example' }],
    [
      'a form of another site that sends no referrer',
      { method: 'POST', from: 'https://evil.example', headers: { origin: 'null' } },
    ],
    [
      'a request that says nothing of where it comes from',
      { method: 'POST', headers: { 'sec-fetch-site': 'none' } },
    ],
  ]
  it.each(foreign)('%s', async (_, visit) => {
    const world = await createWorld()
    const me = await signedInPerson(world)
    const before = await snapshot()
    const log = captureLog()
    // With the cookie, as if SameSite did not keep it.
    const cookie = `__Host-drawbridge_session=${me.browser.session()}`
    const answer = await world.newBrowser().request(SIGN_OUT, {
      ...visit,
      headers: { ...visit.headers, cookie },
    })
    expect(answer.status).toBe(403)
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await snapshot()).toEqual(before)
    expect(decisions(log.lines).map(({ event, reason }) => [event, reason])).toEqual([
      ['logout.rejected', 'origin_not_allowed'],
    ])
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })

  it('a request without any header of a browser', async () => {
    const world = await createWorld()
    const me = await signedInPerson(world)
    const headers = { cookie: `__Host-drawbridge_session=${me.browser.session()}` }
    const answer = await world.fetch(new Request(SIGN_OUT, { method: 'POST', headers }))
    expect(answer.status).toBe(403)
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })

  it.each(['same-origin', 'cross-site', 'none'])('a GET, from %s: it asks', async (site) => {
    const world = await createWorld()
    const me = await signedInPerson(world)
    const answer = await me.browser.request(SIGN_OUT, {
      from: { 'same-origin': settings.ISSUER, 'cross-site': 'https://evil.example' }[site],
    })
    const text = await answer.text()
    expect(answer.status).toBe(200)
    expect(text).toMatch(/<form [^>]*method="post" action="\/auth\/sso\/logout"/)
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })

  it.each(['HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s', async (method) => {
    const world = await createWorld()
    const me = await signedInPerson(world)
    const headers = {
      'sec-fetch-site': 'same-origin',
      cookie: `__Host-drawbridge_session=${me.browser.session()}`,
    }
    const answer = await world.fetch(new Request(SIGN_OUT, { method, headers }))
    // A HEAD is answered as the GET that asks.
    expect(method === 'HEAD' ? [200] : [204, 405]).toContain(answer.status)
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })
})

describe('the way back', () => {
  it.each([
    '',
    '?state=',
    '?state=wrong',
    '?state=a&state=b',
    '?state=x&return_to=https://evil.example&post_logout_redirect_uri=https://evil.example',
  ])('with %j is the one fixed page, and leads nowhere', async (query) => {
    const world = await createWorld()
    const { browser } = await signedInPerson(world)
    await pressSignOut(browser)
    const before = await snapshot()
    const answer = await browser.request(RETURN + query, { from: world.otrotl.issuer })
    expect([answer.status, answer.headers.get('location')]).toEqual([200, null])
    const text = await answer.text()
    expect(text).toContain('id="provider-may-go-on"')
    expect(text).not.toContain('evil.example')
    expect(await snapshot()).toEqual(before)
  })

  it('does not tell who is signed in that they are not', async () => {
    const world = await createWorld()
    const me = await signedInPerson(world)
    const answer = await me.browser.request(`${RETURN}?state=x`, { from: 'https://evil.example' })
    const text = await answer.text()
    expect(text).not.toContain('You are signed out')
    expect(text).not.toContain('drawbridge.forget')
    expect(await whatLivesOf(me)).toEqual(LIVES)
  })
})

it('nothing is claimed, and the cookie stays, when the session cannot be looked up', async () => {
  let isDown = false
  const userSessions = new Proxy(env.USER_SESSIONS, {
    get: (target, name) =>
      name === 'getByName' && isDown
        ? () => {
            throw new Error('the object is down')
          }
        : (...args: unknown[]) =>
            Reflect.apply(Reflect.get(target, name) as () => unknown, target, args),
  })
  const world = await createWorld({}, { USER_SESSIONS: userSessions })
  const me = await signedInPerson(world)
  isDown = true
  captureLog()
  for (const act of [() => pressSignOut(me.browser), () => me.browser.request(RETURN)]) {
    const answer = await act()
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await answer.text()).not.toContain('You are signed out')
  }
  isDown = false
  expect(await whatLivesOf(me)).toEqual(LIVES)
  expect((await pressSignOut(me.browser)).status).toBe(303)
  expect(await whatLivesOf(me)).toEqual(GONE)
})

it('nothing is claimed, and the cookie stays, when the session can be looked up and not be ended', async () => {
  let isDown = false
  const withoutEnds = (stub: object) =>
    new Proxy(stub, {
      get(target, name) {
        if (name === 'endSession' && isDown) return () => Promise.reject(new Error('away'))
        if (name === 'then') return undefined
        return (...args: unknown[]) =>
          Reflect.apply(Reflect.get(target, name) as () => unknown, target, args)
      },
    })
  const userSessions = {
    getByName: (name: string, options?: object) =>
      withoutEnds(env.USER_SESSIONS.getByName(name, options)),
  } as unknown as Env['USER_SESSIONS']
  const world = await createWorld({}, { USER_SESSIONS: userSessions })
  const me = await signedInPerson(world)
  isDown = true
  captureLog()
  const answer = await pressSignOut(me.browser)
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
  expect(answer.headers.getSetCookie()).toEqual([])
  isDown = false
  expect(await whatLivesOf(me)).toEqual(LIVES)
})

it('the pages with the button let the form go on to the providers, and nowhere else', async () => {
  const world = await createWorld()
  const { browser } = await signedInPerson(world)
  for (const path of ['/dashboard', '/auth/sso/logout']) {
    const page = await browser.request(settings.ISSUER + path)
    expect(await page.text()).toMatch(/<form [^>]*method="post" action="\/auth\/sso\/logout"/)
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self' https:;")
  }
})
