import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { freezeClock } from '../world/clock.ts'
import { captureLog, decisions } from '../world/log-lines.ts'
import { comeBack, createWorld, liveSession, signIn, startUrl } from '../world/sign-in.ts'

const start = (path: string) => `https://login.example${path}`

describe('a person signs in', () => {
  it('and comes back to where they wanted to go, with a session', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    const page = await signIn(browser, world.otrotl, { returnTo: '/health?x=1#top' })
    expect(page.url.href).toBe('https://login.example/health?x=1#top')
    expect(await liveSession(browser.session())).toMatchObject({
      authentication: {
        providerId: 'otrotl',
        issuer: 'https://otrotl.example',
        subject: 'sub-alice',
        upstreamSid: world.otrotl.grants[0]!.sid,
      },
      profile: { name: 'Alice Archer', email: 'alice@example.org', emailVerified: true },
      device: 'Firefox on Linux',
    })
  })

  it('and comes back to an allowed application', async () => {
    const world = await createWorld()
    const page = await signIn(world.newBrowser(), world.otrotl, {
      returnTo: 'https://app.example/a?b#c',
    })
    expect(page.url.href).toBe('https://app.example/a?b#c')
  })

  it('and comes to the default page when nothing was asked for, by the first provider', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    const page = await browser.navigate(start('/auth/sso/login'))
    expect(page.url.href).toBe('https://login.example/dashboard')
    expect((await liveSession(browser.session()))?.authentication.providerId).toBe('otrotl')
  })

  it('and the answer is a 303 to a clean URL that is never stored', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    const answer = await browser.request(await comeBack(browser, world.otrotl, { returnTo: '/x' }))
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toBe('https://login.example/x')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
    expect(answer.headers.get('etag')).toBeNull()
    const session = answer.headers.getSetCookie().find((line) => line.includes('_session='))
    expect(session).toMatch(/^__Host-drawbridge_session=[^;]+; /)
    expect(session?.split('; ').slice(1).toSorted()).toEqual(
      ['HttpOnly', 'Max-Age=43200', 'Path=/', 'SameSite=Lax', 'Secure'].toSorted(),
    )
    expect(
      browser.jar
        .list('login.example')
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['__Host-drawbridge_browser', '__Host-drawbridge_session'])
  })

  it('and the upstream session can be found afterwards', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const session = await liveSession(browser.session())
    const row = await env.DIRECTORY.prepare('SELECT * FROM upstream_sessions').first()
    expect(row).toEqual({
      issuer: 'https://otrotl.example',
      upstream_sid: world.otrotl.grants[0]!.sid,
      user_id: session?.userId,
      sid: session?.sid,
      expires_at: session?.absoluteDeadlineAt,
    })
  })

  it('and each step leaves one audit event, with no secret in any line', async () => {
    const world = await createWorld()
    const log = captureLog()
    const browser = world.newBrowser()
    const page = await signIn(browser, world.otrotl)
    expect(decisions(log.lines).map(({ event }) => event)).toEqual([
      'login.started',
      'login.accepted',
    ])
    const { code, accessToken, nonce, sid } = world.otrotl.grants[0]!
    const state = page.trail[1]!.searchParams.get('state')!
    const secrets = [
      code,
      accessToken,
      nonce,
      sid,
      state,
      browser.session()!,
      'alice@',
      'sub-alice',
    ]
    for (const secret of secrets) expect(log.text()).not.toContain(secret)
    const stored = await env.DIRECTORY.prepare('SELECT event, user_id FROM audit_events').all()
    expect(stored.results).toHaveLength(1)
    expect(stored.results[0]).toMatchObject({ event: 'login.accepted' })
  })

  it('with what was asked of the provider checked at the return', async () => {
    const world = await createWorld()
    const ask = {
      max_age: '300',
      acr_values: 'gold silver',
      login_hint: 'alice@example.org',
      prompt: 'login',
    }
    const browser = world.newBrowser()
    const page = await signIn(browser, world.otrotl, { ask })
    const asked = Object.fromEntries(page.trail[1]!.searchParams)
    expect(asked).toMatchObject(ask)
    expect((await liveSession(browser.session()))?.authentication.acr).toBe('gold')
  })

  it('for as long as ten minutes', async () => {
    const clock = freezeClock()
    const world = await createWorld()
    const browser = world.newBrowser()
    const callback = await comeBack(browser, world.otrotl)
    clock.advance(599)
    expect((await browser.request(callback)).status).toBe(303)
  })
})

describe('a session before the sign-in', () => {
  it('set by an attacker never becomes the victim’s', async () => {
    const world = await createWorld()
    const mallory = world.newBrowser()
    await signIn(mallory, world.otrotl, { as: 'mallory' })
    const victim = world.newBrowser()
    for (const planted of [mallory.session()!, 'planted', '', 's_0000']) {
      victim.jar.remove('login.example', /./)
      victim.jar.put('login.example', {
        ...mallory.jar.list('login.example')[0]!,
        name: '__Host-drawbridge_session',
        value: planted,
      })
      await signIn(victim, world.otrotl, { as: 'bob', ask: { prompt: 'login' } })
      expect(victim.session()).not.toBe(planted)
      expect((await liveSession(victim.session()))?.authentication.subject).toBe('sub-bob')
      expect(await liveSession(planted)).toBeUndefined()
    }
  })

  it('of another person ends, and nothing of it is mixed in', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl, { as: 'alice' })
    const alice = browser.session()
    await signIn(browser, world.otrotl, { as: 'bob', ask: { prompt: 'login' } })
    expect(await liveSession(alice)).toBeUndefined()
    expect(await liveSession(browser.session())).toMatchObject({
      profile: { name: 'Bob Brewer', email: 'bob@example.org' },
      authentication: { subject: 'sub-bob' },
    })
    const token = await browser.fetch('/auth/sso/token')
    expect(await token.json()).toMatchObject({ user: { name: 'Bob Brewer' } })
    const ended = await env.DIRECTORY.prepare(
      `SELECT details FROM audit_events WHERE event = 'session.ended'`,
    ).all()
    expect(ended.results.map(({ details }) => JSON.parse(String(details)) as unknown)).toEqual([
      { cause: 'replaced_by_sign_in' },
    ])
  })

  it('of the same person in another browser stays', async () => {
    const world = await createWorld()
    const [home, work] = [world.newBrowser(), world.newBrowser()]
    await signIn(home, world.otrotl)
    await signIn(work, world.otrotl)
    const sessions = await Promise.all([liveSession(home.session()), liveSession(work.session())])
    expect(sessions[0]?.userId).toBe(sessions[1]?.userId)
    expect(sessions[0]?.sid).not.toBe(sessions[1]?.sid)
  })
})

describe('a live session', () => {
  const location = async (path: string | URL, more: Parameters<typeof createWorld>[0] = {}) => {
    const world = await createWorld(more)
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl, { ask: { acr_values: 'gold' } })
    const answer = await browser.request(new URL(path, 'https://login.example'))
    return { status: answer.status, location: answer.headers.get('location'), answer }
  }

  it.each([
    '/auth/sso/login?return_to=/x',
    '/auth/sso/login/otrotl?return_to=/x',
    '/auth/sso/login?return_to=/x&prompt=none',
    '/auth/sso/login?return_to=/x&acr_values=silver+gold',
    '/auth/sso/login?iss=https://otrotl.example&target_link_uri=/x',
  ])('is enough for %s', async (path) => {
    const { status, location: to, answer } = await location(path)
    expect([status, to]).toEqual([303, 'https://login.example/x'])
    expect(answer.headers.getSetCookie()).toEqual([])
  })

  it.each([
    '/auth/sso/login/second',
    '/auth/sso/login?iss=https://second.example',
    '/auth/sso/login?prompt=login',
    '/auth/sso/login?prompt=select_account+consent',
    '/auth/sso/login?max_age=0',
    '/auth/sso/login?max_age=99999',
    '/auth/sso/login?acr_values=platinum',
  ])('is not enough for %s', async (path) => {
    const { status, location: to } = await location(path)
    expect(status).toBe(303)
    expect(to).toMatch(/^https:\/\/(otrotl|second)\.example\/authorize\?/)
  })

  it('that has run out is not enough', async () => {
    const clock = freezeClock()
    const world = await createWorld()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    clock.advance(3600)
    const answer = await browser.request(startUrl(world.otrotl))
    expect(answer.headers.get('location')).toMatch(/^https:\/\/otrotl\.example\/authorize/)
  })
})

describe('the sign-in page', () => {
  it('has a way to sign in with each provider, and takes return_to along', async () => {
    const world = await createWorld()
    const page = await world.newBrowser().request(start('/auth/login?return_to=/a%3Fb%3D1'))
    const html = await page.text()
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(html).toContain('Sign in with <bdi>OTROTL</bdi>')
    expect(html).toContain('href="/auth/sso/login/otrotl?return_to=%2Fa%3Fb%3D1"')
    expect(html).toContain('href="/auth/sso/login/second?return_to=%2Fa%3Fb%3D1"')
    expect(html).not.toContain('signed in already')
  })

  it('says who is signed in and offers to go on', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const html = await (await browser.request(start('/auth/login?return_to=/x'))).text()
    expect(html).toContain('Continue as <bdi>Alice Archer</bdi>')
    expect(html).toContain('href="https://login.example/x"')
  })

  it('links nowhere that was not checked', async () => {
    const world = await createWorld()
    for (const bad of ['//evil.example', 'javascript:alert(1)', 'https://evil.example']) {
      const url = start(`/auth/login?return_to=${encodeURIComponent(bad)}`)
      const html = await (await world.newBrowser().request(url)).text()
      expect(html).not.toContain('evil.example')
      expect(html).not.toContain('javascript')
      expect(html).toContain('return_to=%2Fdashboard')
    }
  })
})
