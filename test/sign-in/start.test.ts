import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isNavigation } from '../../src/protocol/navigation.ts'
import { captureLog } from '../world/log-lines.ts'
import { snapshot } from '../world/snapshot.ts'
import { createWorld, liveSession, signIn } from '../world/sign-in.ts'
import { expectRefusal, MARK } from './expect-refusal.ts'

const START = 'https://login.example/auth/sso/login'

const open = async (
  path = '',
  visit: Parameters<
    ReturnType<Awaited<ReturnType<typeof createWorld>>['newBrowser']>['request']
  >[1] = {},
) => {
  const world = await createWorld()
  const browser = world.newBrowser()
  return { world, browser, request: () => browser.request(`${START}${path}`, visit) }
}

describe('the start of a sign-in', () => {
  it('sends the browser to the provider with state, nonce and an S256 challenge', async () => {
    const { request } = await open('/otrotl')
    const answer = await request()
    expect(answer.status).toBe(303)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const url = new URL(answer.headers.get('location')!)
    expect(url.origin + url.pathname).toBe('https://otrotl.example/authorize')
    expect(url.searchParams.get('code_challenge_method')).toBe('S256')
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(url.searchParams.get(name)).toMatch(/^[\w-]{43,}$/)
    }
    expect(url.searchParams.get('redirect_uri')).toBe(
      'https://login.example/auth/sso/callback/otrotl',
    )
  })

  it('keeps the attempt in a cookie of its own', async () => {
    const { request } = await open()
    const [attempt, browser, ...others] = (await request()).headers.getSetCookie()
    expect(attempt).toMatch(
      /^__Host-drawbridge_attempt_[\w-]{22}=[\w.-]+; Max-Age=600; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    )
    expect(browser).toMatch(
      /^__Host-drawbridge_browser=[\w-]{22}; Max-Age=600; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    )
    expect(others).toEqual([])
  })

  it('stores nothing', async () => {
    const { request } = await open('?return_to=/x')
    const before = await snapshot()
    await request()
    expect(await snapshot()).toEqual(before)
  })

  it.each([
    ['not configured', '/elsewhere', 'provider_unknown'],
    ['__proto__', '/__proto__', 'provider_unknown'],
    ['constructor', '/constructor', 'provider_unknown'],
    ['written in another case', '/OTROTL', 'provider_unknown'],
    ['of an issuer that is not configured', '?iss=https://evil.example', 'provider_unknown'],
    ['of an issuer with a slash too many', '?iss=https://otrotl.example/', 'provider_unknown'],
    ['another one than iss names', '/second?iss=https://otrotl.example', 'provider_unknown'],
    [
      'named twice by iss',
      '?iss=https://otrotl.example&iss=https://second.example',
      'duplicate_parameter',
    ],
  ] as const)('with a provider that is %s is refused', async (_, path, code) => {
    const { request } = await open(path)
    await expectRefusal(request, code)
  })

  it.each([
    ['return_to=/a&return_to=//evil.example', 'duplicate_parameter'],
    ['prompt=login&prompt=none', 'duplicate_parameter'],
    [`prompt=${MARK}`, 'parameter_invalid'],
    ['prompt=none+login', 'parameter_invalid'],
    ['prompt=login+login', 'parameter_invalid'],
    ['prompt=login,none', 'parameter_invalid'],
    ['max_age=-1', 'parameter_invalid'],
    ['max_age=1e3', 'parameter_invalid'],
    ['max_age=0x10', 'parameter_invalid'],
    ['max_age=9999999999', 'parameter_invalid'],
    ['max_age=1.5', 'parameter_invalid'],
    [`max_age=${MARK}`, 'parameter_invalid'],
    [`login_hint=${'a'.repeat(255)}`, 'parameter_invalid'],
    [`login_hint=${'%C3%BC'.repeat(128)}`, 'parameter_invalid'],
    [`login_hint=a%0d%0a${MARK}`, 'parameter_invalid'],
    ['login_hint=a%E2%80%AEb', 'parameter_invalid'],
    ['acr_values=a%00b', 'parameter_invalid'],
    ['acr_values=a++b', 'parameter_invalid'],
    ['acr_values=%22', 'parameter_invalid'],
    [`acr_values=${'a'.repeat(257)}`, 'parameter_invalid'],
  ] as const)('with %s is refused', async (query, code) => {
    const { request } = await open(`?${query}`)
    await expectRefusal(request, code)
  })

  it('takes nothing else from the query, and drops empty parameters', async () => {
    const extra =
      'scope=admin&client_id=x&redirect_uri=https://evil.example&state=x&nonce=x&response_type=token'
    const { request } = await open(`?${extra}&prompt=&max_age=&login_hint=&acr_values=&request=x`)
    const url = new URL((await request()).headers.get('location')!)
    const sent = Object.fromEntries(url.searchParams)
    expect(sent).toMatchObject({
      scope: 'openid profile email',
      client_id: 'tuberaker',
      redirect_uri: 'https://login.example/auth/sso/callback/otrotl',
      response_type: 'code',
    })
    for (const name of ['prompt', 'max_age', 'login_hint', 'acr_values', 'request']) {
      expect(sent).not.toHaveProperty(name)
    }
    expect(sent.state).not.toBe('x')
  })

  it('keeps everything it may be asked to keep within one cookie, or refuses', async () => {
    const parts = {
      return_to: `/${'a'.repeat(2000)}`,
      login_hint: '"'.repeat(254),
      acr_values: 'a'.repeat(256),
    }
    const { request } = await open(`?${new URLSearchParams(parts).toString()}`)
    await expectRefusal(request, 'attempt_too_large')
    const smaller = await open(
      `?${new URLSearchParams({ ...parts, login_hint: 'a'.repeat(254) }).toString()}`,
    )
    const answer = await smaller.request()
    expect(answer.status).toBe(303)
    for (const line of answer.headers.getSetCookie()) expect(line.length).toBeLessThan(4096)
  })
})

describe('what is not a person going somewhere', () => {
  it.each([
    ['a prefetch', { 'sec-purpose': 'prefetch' }],
    ['a prerender', { 'sec-purpose': 'prefetch;prerender' }],
    ['an old prefetch', { purpose: 'prefetch' }],
    ['an old Firefox prefetch', { 'x-moz': 'prefetch' }],
    ['a preview', { 'x-purpose': 'preview' }],
    ['a picture', { 'sec-fetch-dest': 'image', 'sec-fetch-mode': 'no-cors' }],
    ['a frame', { 'sec-fetch-dest': 'iframe' }],
    ['an embedded object', { 'sec-fetch-dest': 'object' }],
    ['a script', { 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors' }],
    ['a mode that is no navigation', { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'no-cors' }],
  ])('begins nothing: %s', async (_, headers) => {
    const { request } = await open('/otrotl', {
      headers: headers as unknown as Record<string, string>,
    })
    const answer = await expectRefusal(request, 'not_a_navigation', 403)
    expect(answer.headers.getSetCookie()).toEqual([])
  })

  it.each(['HEAD', 'PUT', 'DELETE'])('begins nothing: %s', async (method) => {
    const { request } = await open('/otrotl', { method: method as 'HEAD' })
    const before = await snapshot()
    const answer = await request()
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toContain('GET')
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await snapshot()).toEqual(before)
  })

  it('is not what a browser without these headers does', async () => {
    const { browser, world } = await open()
    const page = await browser.navigate(`${START}/otrotl`)
    expect(page.url.pathname).toBe('/dashboard')
    expect(world.otrotl.grants).toHaveLength(1)
  })
})

describe('another site sends the browser of a person who is signed in', () => {
  const foreign = { from: 'https://evil.example/' }
  const signedIn = async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    return { browser, world, cookie: browser.session() }
  }

  it.each(['/otrotl?prompt=login', '/second', '?iss=https://second.example', '/otrotl?max_age=0'])(
    'and nobody clicked: they are asked, and nothing begins (%s)',
    async (path) => {
      const { browser, cookie } = await signedIn()
      const before = await snapshot()
      const log = captureLog()
      const answer = await browser.request(`${START}${path}`, { ...foreign, isUnasked: true })
      expect(answer.status).toBe(200)
      expect(answer.headers.getSetCookie()).toEqual([])
      expect(await answer.text()).toContain('Continue as <bdi>Alice Archer</bdi>')
      expect(log.lines.filter(({ event }) => event.startsWith('login.'))).toMatchObject([
        { event: 'login.rejected', reason: 'user_action_required' },
      ])
      expect(await snapshot()).toEqual(before)
      expect(await liveSession(cookie)).toBeDefined()
    },
  )

  it('and a click begins what was asked', async () => {
    const { browser } = await signedIn()
    const answer = await browser.request(`${START}/second`, foreign)
    expect(answer.headers.get('location')).toMatch(/^https:\/\/second\.example\//)
  })

  it('by a form or a picture: nothing happens', async () => {
    const { browser, world, cookie } = await signedIn()
    const before = await snapshot()
    await browser.request(`${START}/second`, { ...foreign, method: 'POST', body: 'x=1' })
    await browser.request(`${START}/second`, {
      ...foreign,
      headers: { 'sec-fetch-dest': 'image', 'sec-fetch-mode': 'no-cors' },
    })
    expect(await snapshot()).toEqual(before)
    expect(await liveSession(cookie)).toBeDefined()
    expect(world.second.grants).toHaveLength(0)
  })
})

describe('sign-in initiated by a third party (OpenID Connect Core 1.0 §4)', () => {
  it('goes to the provider that iss names, and then to target_link_uri', async () => {
    const world = await createWorld()
    const query =
      'iss=https://second.example&target_link_uri=https://login.example/x&login_hint=bob'
    const page = await world.newBrowser().navigate(`${START}?${query}&scope=admin`, {
      from: 'https://second.example',
    })
    expect(page.trail[1]?.searchParams.get('login_hint')).toBe('bob')
    expect(page.trail[1]?.searchParams.get('scope')).toBe('openid profile email')
    expect(page.url.href).toBe('https://login.example/x')
  })

  it('never goes to a foreign target_link_uri', async () => {
    const world = await createWorld()
    const query = 'iss=https://second.example&target_link_uri=https://evil.example/'
    const page = await world.newBrowser().navigate(`${START}?${query}`)
    expect(page.url.href).toBe('https://login.example/dashboard')
  })

  const second = { iss: 'https://second.example', login_hint: 'bob' }
  const posts = (body: string) =>
    open('', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      from: 'https://second.example',
      isUnasked: true,
    })

  it('may come by a form, which is judged as a link is, with the cookies that a link has', async () => {
    const { world, browser } = await open()
    const target = { ...second, target_link_uri: 'https://login.example/x', scope: 'admin' }
    const body = new URLSearchParams(target)
    const from = 'https://second.example'
    const page = await browser.navigate(START, { method: 'POST', body, from })
    const { scope: _, ...known } = target
    expect(page.trail[1]?.pathname).toBe('/auth/sso/login')
    expect(Object.fromEntries(page.trail[1]!.searchParams)).toEqual(known)
    expect(page.trail[2]?.searchParams.get('login_hint')).toBe('bob')
    expect(page.url.href).toBe('https://login.example/x')
    expect(world.second.grants).toHaveLength(1)
  })

  it('by a form decides nothing yet', async () => {
    const { request } = await posts(String(new URLSearchParams(second)))
    const before = await snapshot()
    const answer = await request()
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([303, []])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await snapshot()).toEqual(before)
  })

  it('by a form does not replace who is signed in', async () => {
    const { world, browser } = await open()
    await signIn(browser, world.otrotl)
    const cookie = browser.session()
    const visit = { body: new URLSearchParams(second), from: 'https://second.example' }
    const page = await browser.navigate(START, { ...visit, method: 'POST', isUnasked: true })
    expect(await page.response.text()).toContain('Continue as <bdi>Alice Archer</bdi>')
    expect(await liveSession(cookie)).toBeDefined()
    expect(world.second.grants).toEqual([])
  })

  it.each([
    ['a parameter twice', 'iss=a&iss=b', 'duplicate_parameter', 400],
    ['what no address can hold', `login_hint=${'b'.repeat(8192)}`, 'body_too_large', 413],
    ['a broken escape', 'iss=%zz', 'invalid_body', 400],
  ] as const)('by a form is refused with %s', async (_, body, code, status) => {
    const { request } = await posts(body)
    const answer = await expectRefusal(request, code, status)
    expect(answer.headers.getSetCookie()).toEqual([])
  })

  it('by a form keeps the path that it came by', async () => {
    const visit = { method: 'POST', body: new URLSearchParams({ prompt: 'login' }) } as const
    const answer = await (await open('/second', visit)).request()
    expect(answer.headers.get('location')).toBe(`${START}/second?prompt=login`)
  })
})

describe('when something is not there', () => {
  it('says that the provider is down, with a way to try again that loses nothing', async () => {
    const world = await createWorld()
    world.internet.unplug('https://otrotl.example')
    const browser = world.newBrowser()
    const visit = () => browser.request(`${START}/otrotl?return_to=/x&prompt=none&acr_values=gold`)
    const answer = await expectRefusal(visit, 'provider_unavailable', 503)
    expect(answer.headers.get('retry-after')).toBe('10')
    expect(await answer.text()).toContain(
      'href="/auth/sso/login/otrotl?return_to=%2Fx&amp;acr_values=gold"',
    )
    expect(answer.headers.getSetCookie()).toEqual([])
  })

  it('answers in JSON to what prefers JSON', async () => {
    const world = await createWorld()
    const headers = { accept: 'application/json' }
    const answer = await world.newBrowser().request(`${START}/nobody`, { headers })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toEqual({
      error: 'provider_unknown',
      request_id: answer.headers.get('x-request-id'),
    })
  })

  it(
    'refuses whoever pushes the door too often, and nobody else',
    { timeout: 60_000 },
    async () => {
      const world = await createWorld()
      const [pushy, patient] = [world.newBrowser(), world.newBrowser()]
      captureLog()
      let admitted = 0
      while ((await pushy.request(`${START}/nobody`)).status !== 429) admitted += 1
      expect(admitted).toBeGreaterThanOrEqual(120)
      const answer = await expectRefusal(
        () => pushy.request(`${START}/otrotl`),
        'rate_limited',
        429,
      )
      expect(answer.headers.get('retry-after')).toBe('60')
      expect((await patient.request(`${START}/otrotl`)).status).toBe(303)
    },
  )

  it('is never an error of ours, whatever the query', { timeout: 60_000 }, async () => {
    const world = await createWorld()
    captureLog()
    const name = fc.constantFrom(
      'return_to',
      'prompt',
      'max_age',
      'login_hint',
      'acr_values',
      'iss',
      '',
    )
    const raw = fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.replaceAll('#', ''))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(name, raw), { maxLength: 5 }), async (pairs) => {
        const query = pairs.map((pair) => pair.join('=')).join('&')
        const answer = await world.newBrowser().request(`${START}?${query}`)
        expect([303, 400]).toContain(answer.status)
      }),
      { numRuns: 150 },
    )
  })
})

describe('a client that is no browser', () => {
  it('is believed, whatever mode it states by habit', () => {
    // undici, Node's fetch, says this and nothing of a destination.
    expect(isNavigation(new Headers({ 'sec-fetch-mode': 'cors' }))).toBe(true)
  })
})
