import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { giveIdentitiesAway } from '../world/identities.ts'
import { createBrowser } from '../world/browser.ts'
import { freezeClock } from '../world/clock.ts'
import { captureLog, decisions } from '../world/log-lines.ts'
import { snapshot } from '../world/snapshot.ts'
import { comeBack, createWorld, liveSession, signIn, startUrl } from '../world/sign-in.ts'
import { expectRefusal } from './expect-refusal.ts'

const HOST = 'login.example'
const TOKEN = 'https://otrotl.example/token'

describe('ten tabs', { timeout: 30_000 }, () => {
  const returnTos = Array.from({ length: 10 }, (_, i) => `/tab/${i}`)
  const target = (returnTo: string) => `https://${HOST}${returnTo}`

  it('at once each come to where they were going', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    const pages = await Promise.all(
      returnTos.map((returnTo) => signIn(browser.newTab(), world.otrotl, { returnTo })),
    )
    expect(pages.map(({ url }) => url.href)).toEqual(returnTos.map(target))
    expect(await liveSession(browser.session())).toBeDefined()
  })

  it.each(['in order', 'in reverse'])(
    'begun one after the other and finished %s do, too',
    async (order) => {
      const world = await createWorld()
      const browser = world.newBrowser()
      const callbacks: [string, URL][] = []
      for (const returnTo of returnTos) {
        callbacks.push([returnTo, await comeBack(browser.newTab(), world.otrotl, { returnTo })])
      }
      for (const [returnTo, callback] of order === 'in order'
        ? callbacks
        : callbacks.toReversed()) {
        const page = await browser.newTab().navigate(callback)
        expect(page.url.href).toBe(target(returnTo))
      }
      const session = await liveSession(browser.session())
      expect(session?.authentication.subject).toBe('sub-alice')
    },
  )

  it('never use each other’s secrets', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    const first = await comeBack(browser, world.otrotl)
    const second = await comeBack(browser, world.otrotl)
    const crossed = new URL(first)
    crossed.searchParams.set('code', second.searchParams.get('code')!)
    await expectRefusal(() => browser.request(crossed), 'code_refused')
    expect((await browser.request(second)).status).toBe(303)
    expect(world.otrotl.grants.map(({ isRedeemed }) => isRedeemed)).toEqual([false, true])
  })
})

describe('a second tab that finds a fresh session', () => {
  it('goes on without a second sign-in when it begins', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const page = await signIn(browser.newTab(), world.otrotl, { returnTo: '/second' })
    expect(page.url.pathname).toBe('/second')
    expect(world.otrotl.grants).toHaveLength(1)
  })

  it('keeps it when it comes back, if the provider says that it is the very same sign-in', async () => {
    const world = await createWorld()
    world.otrotl.behaviour.idTokenClaims = { sid: 'one-upstream-session' }
    const browser = world.newBrowser()
    const first = await comeBack(browser, world.otrotl, { returnTo: '/first' })
    const second = await comeBack(browser, world.otrotl, { returnTo: '/second' })
    await browser.request(second)
    const cookie = browser.session()
    const answer = await browser.request(first)
    expect(answer.headers.get('location')).toBe('https://login.example/first')
    expect(browser.session()).toBe(cookie)
    expect(await liveSession(cookie)).toBeDefined()
  })

  it.each([
    ['another person', { as: 'bob' as const }],
    ['a fresh authentication', { ask: { prompt: 'login' } }],
    ['another context', { ask: { acr_values: 'gold' } }],
  ])('does not keep it when it brings %s', async (_, how) => {
    const world = await createWorld()
    world.otrotl.behaviour.idTokenClaims = { sid: 'one-upstream-session' }
    const browser = world.newBrowser()
    const first = await comeBack(browser, world.otrotl, how)
    await browser.request(await comeBack(browser, world.otrotl))
    const cookie = browser.session()
    expect((await browser.request(first)).status).toBe(303)
    expect(browser.session()).not.toBe(cookie)
    expect(await liveSession(cookie)).toBeUndefined()
    expect(await liveSession(browser.session())).toBeDefined()
  })
})

describe('a second tab that comes back with the same sign-in', () => {
  it('does not keep a session whose authentication was an earlier one', async () => {
    const clock = freezeClock()
    const world = await createWorld()
    world.otrotl.behaviour.idTokenClaims = { sid: 'one-upstream-session' }
    const browser = world.newBrowser()
    const first = await comeBack(browser, world.otrotl, { authTime: clock.now() - 10 })
    const second = { authTime: clock.now() - 20 }
    await browser.request(await comeBack(browser, world.otrotl, second))
    const cookie = browser.session()
    await browser.request(first)
    expect(await liveSession(cookie)).toBeUndefined()
    expect((await liveSession(browser.session()))?.authentication.authTime).toBe(clock.now() - 10)
  })

  it('does not keep a session from before it began', async () => {
    const clock = freezeClock()
    const world = await createWorld()
    world.otrotl.behaviour.idTokenClaims = { sid: 'one-upstream-session' }
    const browser = world.newBrowser()
    const authTime = clock.now()
    await signIn(browser, world.otrotl, { authTime })
    const cookie = browser.session()
    clock.advance(1)
    const ask = { max_age: '60' }
    expect(
      (await browser.request(await comeBack(browser, world.otrotl, { ask, authTime }))).status,
    ).toBe(303)
    expect(await liveSession(cookie)).toBeUndefined()
    expect(await liveSession(browser.session())).toBeDefined()
  })
})

describe('a second tab that comes back with something else of the same account', () => {
  it.each([
    ['another session at the provider', { sid: 'another-upstream-session' }, 'alice' as const],
    ['another identity', {}, 'bob' as const],
  ])('does not keep the session when it is %s', async (_, change, as) => {
    const world = await createWorld()
    world.otrotl.behaviour.idTokenClaims = { sid: 'one-upstream-session' }
    await signIn(world.newBrowser(), world.otrotl, { as: 'bob' })
    const browser = world.newBrowser()
    const first = await comeBack(browser, world.otrotl, { as })
    await browser.request(await comeBack(browser, world.otrotl))
    const cookie = browser.session()
    const alice = await liveSession(cookie)
    await env.DIRECTORY.prepare('UPDATE identities SET user_id = ?1').bind(alice?.userId).run()
    world.otrotl.behaviour.idTokenClaims = { sid: 'one-upstream-session', ...change }
    expect((await browser.request(first)).status).toBe(303)
    const session = await liveSession(browser.session())
    expect(session?.userId).toBe(alice?.userId)
    expect(session?.sid).not.toBe(alice?.sid)
    expect(await liveSession(cookie)).toBeUndefined()
  })
})

describe('a second tab whose identity has been given to another account meanwhile', () => {
  it('does not keep the session of the first', async () => {
    const world = await createWorld()
    world.otrotl.behaviour.idTokenClaims = { sid: 'one-upstream-session' }
    const browser = world.newBrowser()
    const first = await comeBack(browser, world.otrotl)
    await browser.request(await comeBack(browser, world.otrotl))
    const other = await giveIdentitiesAway()
    await browser.request(first)
    expect((await liveSession(browser.session()))?.userId).toBe(other)
  })
})

describe('fifty sign-ins that are begun and left', { timeout: 30_000 }, () => {
  it('leave eight small cookies, the newest, and a sign-in afterwards works', async () => {
    const clock = freezeClock()
    const world = await createWorld()
    const browser = world.newBrowser()
    const begun: string[] = []
    for (let i = 0; i < 50; i += 1) {
      clock.advance(1)
      const answer = await browser.request(
        startUrl(world.otrotl, { returnTo: `/${'x'.repeat(i)}` }),
      )
      begun.push(/^__Host-drawbridge_attempt_[\w-]+/.exec(answer.headers.getSetCookie()[0]!)![0])
    }
    const attempts = browser.jar.list(HOST).filter(({ name }) => name.includes('attempt'))
    expect(attempts.map(({ name }) => name)).toEqual(begun.slice(-8))
    const header = browser.jar.headerFor(new URL('https://login.example/'), {
      isSameSite: true,
      isSafeTopLevel: true,
    })
    expect(header!.length).toBeLessThan(8 * 1024)
    const page = await signIn(browser, world.otrotl, { returnTo: '/x' })
    expect(page.url.pathname).toBe('/x')
  })

  it('stay small when each of them wants to go far', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    for (let i = 0; i < 10; i += 1) {
      await browser.request(startUrl(world.otrotl, { returnTo: `/${i}${'x'.repeat(1900)}` }))
    }
    const attempts = browser.jar.list(HOST).filter(({ name }) => name.includes('attempt'))
    const total = attempts.reduce((sum, { name, value }) => sum + name.length + value.length, 0)
    expect(total).toBeLessThanOrEqual(12 * 1024)
    const page = await signIn(browser, world.otrotl, { returnTo: '/x' })
    expect(page.url.pathname).toBe('/x')
  })

  it('take cookies that we cannot read along', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    await browser.request(startUrl(world.otrotl))
    const [cookie] = browser.jar.list(HOST).filter(({ name }) => name.includes('attempt'))
    browser.jar.put(HOST, { ...cookie!, name: '__Host-drawbridge_attempt_unknown', value: 'junk' })
    await browser.request(startUrl(world.otrotl))
    const names = browser.jar.list(HOST).map(({ name }) => name)
    expect(names).not.toContain('__Host-drawbridge_attempt_unknown')
    expect(names).toContain(cookie!.name)
  })
})

describe('a lost cookie', () => {
  it('begins the sign-in anew, once, and it still leads to where the person was going', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    const callback = await comeBack(browser, world.otrotl, { returnTo: '/x' })
    browser.jar.remove(HOST, /attempt/)
    const log = captureLog()
    const answer = await browser.request(callback)
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toBe(
      'https://login.example/auth/sso/login/otrotl?return_to=%2Fx&restarted=1',
    )
    expect(decisions(log.lines)).toMatchObject([
      { event: 'login.rejected', reason: 'attempt_not_in_this_browser', restarted: true },
    ])
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(0)
    const page = await browser.navigate(callback)
    expect(page.url.href).toBe('https://login.example/x')
    expect(await liveSession(browser.session())).toBeDefined()
  })

  it('begins it anew with all that the link had asked of the provider', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    const ask = {
      prompt: 'login',
      max_age: '60',
      login_hint: 'ada@example.com',
      acr_values: 'gold',
    }
    const callback = await comeBack(browser, world.otrotl, { returnTo: '/x', ask })
    browser.jar.remove(HOST, /attempt/)
    const restart = new URL((await browser.request(callback)).headers.get('location')!)
    expect(Object.fromEntries(restart.searchParams)).toEqual({
      return_to: '/x',
      ...ask,
      restarted: '1',
    })
    const lostAgain = await world.otrotl.authorize(
      new URL((await browser.request(restart)).headers.get('location')!),
      { as: 'alice' },
    )
    browser.jar.remove(HOST, /attempt/)
    const page = await (await browser.request(lostAgain)).text()
    expect(page).toContain('attempt_not_in_this_browser')
    for (const [name, value] of Object.entries(ask)) {
      expect(page).toContain(new URLSearchParams({ [name]: value }).toString())
    }
  })

  it('lost together with all the others does the same', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    const callback = await comeBack(browser, world.otrotl, { returnTo: '/x' })
    browser.jar.remove(HOST, /./)
    expect((await browser.navigate(callback)).url.href).toBe('https://login.example/x')
  })

  it('never loops in a browser that keeps none', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    browser.jar.store = () => undefined
    const page = await signIn(browser, world.otrotl)
    expect(page.response.status).toBe(400)
    expect(await page.response.text()).toContain('attempt_not_in_this_browser')
    expect(page.trail.filter(({ pathname }) => pathname === '/authorize')).toHaveLength(2)
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(0)
  })

  it('of a second authentication is refused, and the session from before stays', async () => {
    const clock = freezeClock()
    const world = await createWorld()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    clock.advance(10)
    const callback = await comeBack(browser, world.otrotl, { ask: { prompt: 'login' } })
    browser.jar.remove(HOST, /attempt/)
    await expectRefusal(() => browser.request(callback), 'attempt_not_in_this_browser')
    expect(await liveSession(browser.session())).toBeDefined()
  })

  it('of an attempt that is too old is refused', async () => {
    const clock = freezeClock()
    const world = await createWorld()
    const browser = world.newBrowser()
    const callback = await comeBack(browser, world.otrotl)
    clock.advance(600)
    await expectRefusal(() => browser.request(callback), 'attempt_expired')
  })
})

describe('the same callback twice', { timeout: 30_000 }, () => {
  it('after the sign-in is a harmless way to the same page', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    const callback = await comeBack(browser, world.otrotl, { returnTo: '/x' })
    await browser.request(callback)
    const before = await snapshot()
    const cookie = browser.session()
    const answer = await browser.request(callback)
    expect([answer.status, answer.headers.get('location')]).toEqual([
      303,
      'https://login.example/x',
    ])
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(browser.session()).toBe(cookie)
    expect(await snapshot()).toEqual(before)
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(1)
  })

  it('after the session is gone is refused, and no sign-in begins', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    const callback = await comeBack(browser, world.otrotl)
    await browser.request(callback)
    browser.jar.remove(HOST, /session/)
    await expectRefusal(() => browser.request(callback), 'attempt_already_used')
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(1)
  })

  it('with all cookies put back is refused all the same', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    const callback = await comeBack(browser, world.otrotl)
    const kept = browser.jar.list(HOST)
    await browser.request(callback)
    browser.jar.remove(HOST, /./)
    for (const cookie of kept) browser.jar.put(HOST, cookie)
    await expectRefusal(() => browser.request(callback), 'attempt_already_used')
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(1)
  })

  it('in parallel sends the code once and opens one session', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    const callback = await comeBack(browser, world.otrotl)
    const answers = await Promise.all(Array.from({ length: 20 }, () => browser.request(callback)))
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(19)
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(1)
    expect(await world.claims()).toBe(1)
    expect(
      answers.filter((answer) => answer.headers.getSetCookie().join().includes('_session=')),
    ).toHaveLength(1)
  })

  it('sends the code once, from whatever continents it comes in', async () => {
    const world = await createWorld()
    const continents = ['EU', 'AS', undefined, 'NA', 'XX']
    let requests = 0
    const browser = createBrowser({
      async fetch(request) {
        const continent = continents[requests % continents.length]
        requests += 1
        return world.fetch(new Request(request, { cf: { continent } } as RequestInit))
      },
      providers: [world.otrotl],
    })
    const callback = await comeBack(browser, world.otrotl)
    const answers = await Promise.all(Array.from({ length: 10 }, () => browser.request(callback)))
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1)
    expect(world.internet.requestsTo(TOKEN)).toHaveLength(1)
    expect(await world.claims()).toBe(1)
  })
})
