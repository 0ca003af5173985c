import { exports } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { captureLog, decisions } from '../world/log-lines.ts'
import { snapshot } from '../world/snapshot.ts'
import { createWorld, signIn } from '../world/sign-in.ts'
import { ask, pushUser, registerSite, startShared } from '../world/sites.ts'
import { check, register, socialize, told } from '../world/socialize.ts'

const ISSUER = 'https://login.example'

async function twoSites() {
  const world = await createWorld()
  const shop = await registerSite({ subdomain: 'shop' })
  const blog = await registerSite({ subdomain: 'blog' })
  const { userToken, identityToken } = await pushUser(shop, { login: 'ada' })
  const token = await startShared(shop, identityToken, { top_realm: 'a', sub_realm: 'b' })
  return { world, shop, blog, userToken, identityToken, token, browser: world.newBrowser() }
}

describe('a browser that one site has registered a session in', () => {
  it('is known at the other, which is told once', async () => {
    const { browser, shop, blog, token, userToken, identityToken } = await twoSites()
    const back = await register(browser, shop, token)
    expect([back.status, back.headers.get('location')]).toEqual([
      303,
      'https://shop.example/account',
    ])
    const cookie = back.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(
      /^__Host-drawbridge_shared_[\w-]{22}=.*; Secure; HttpOnly; SameSite=Lax$/,
    )
    expect(cookie).not.toContain(token)
    const page = await check(browser, blog)
    expect(page.headers.get('cache-control')).toBe('no-store')
    const { status, action, oaAction, token: connection } = await told(page)
    expect([status, action, oaAction]).toEqual([200, 'https://blog.example/', 'single_sign_on'])
    const read = await ask(blog, 'GET', `/connection/${connection}.json`)
    expect(read.status).toBe(200)
    expect(read.result).toMatchObject({ status: { flag: 'success', code: 200 } })
    expect(read.data).toMatchObject({
      connection: { connection_token: connection, plugin: 'single_sign_on' },
      plugin: { key: 'single_sign_on', data: { status: 'success' } },
      user: { user_token: userToken, identity: { identity_token: identityToken } },
    })
    expect((await ask(blog, 'GET', `/connections/${connection}.json`)).status).toBe(404)
    const list = await ask(blog, 'GET', '/connections.json')
    expect(list.data.connections.entries).toEqual([
      expect.objectContaining({ connection_token: connection, status: 'succeeded' }),
    ])
    expect((await ask(shop, 'GET', '/connections.json')).data.connections.count).toBe(0)
    const session = await ask(shop, 'GET', `/sso/sessions/${token}.json`)
    expect(session.data.sso_session.num_cookies_set).toBe(1)
  })

  it('is brought on to our own host from the site’s, where it carries nothing', async () => {
    const { shop } = await twoSites()
    const page = encodeURIComponent('https://shop.example/')
    const asked = `/socialize/sso/check?callback_uri=${page}&return_to=${page}`
    const answer = await exports.default.fetch(`https://shop.api.login.example${asked}`, {
      redirect: 'manual',
    })
    expect([answer.status, answer.headers.get('location')]).toEqual([
      303,
      `${ISSUER}/oneall/${shop.subdomain}${asked}`,
    ])
  })

  it('is nobody with two cookies of one name, of which one may be somebody else’s', async () => {
    const { world, browser, shop, token } = await twoSites()
    const registered = await register(browser, shop, token)
    const [cookie = ''] = (registered.headers.get('set-cookie') ?? '').split(';')
    const page = encodeURIComponent('https://shop.example/')
    const url = `${socialize(shop)}/sso/check?callback_uri=${page}&return_to=${page}`
    const status = async (cookies: string) =>
      (await world.fetch(new Request(url, { headers: { cookie: cookies } }))).status
    expect(await status(cookie)).toBe(200)
    expect(await status(`${cookie}; ${cookie}`)).toBe(303)
  })

  it('is nobody to the site of another company, nor are its connections', async () => {
    const { browser, shop, token } = await twoSites()
    const foreign = await registerSite({ subdomain: 'foreign', group: 'other' })
    await register(browser, shop, token)
    const answer = await check(browser, foreign)
    expect([answer.status, answer.headers.get('location')]).toEqual([
      303,
      'https://foreign.example/',
    ])
    const { token: connection } = await told(await check(browser, shop))
    for (const other of [foreign, await registerSite({ subdomain: 'sister' })]) {
      expect((await ask(other, 'GET', `/connections/${connection}.json`)).status).toBe(404)
    }
    expect((await ask(shop, 'GET', `/connections/${connection}.json`)).status).toBe(200)
  })

  it('stays known, though a site of another company registers one that is soon over', async () => {
    const { browser, shop, blog, token } = await twoSites()
    const foreign = await registerSite({ subdomain: 'foreign', group: 'other' })
    const { identityToken } = await pushUser(foreign)
    const brief = await startShared(foreign, identityToken, { lifetime: 60 })
    await register(browser, shop, token)
    await register(browser, foreign, brief)
    expect((await check(browser, foreign)).status).toBe(200)
    vi.setSystemTime(Date.now() + 61_000)
    expect((await check(browser, foreign)).status).toBe(303)
    expect((await check(browser, blog)).status).toBe(200)
    vi.useRealTimers()
  })

  it('is known only with the realms of the session, where a site asks for realms', async () => {
    const { browser, shop, blog, token } = await twoSites()
    await register(browser, shop, token)
    const status = async (changes: Record<string, string>) =>
      (await check(browser, blog, changes)).status
    expect(await status({ top_realm: 'a', sub_realm: 'b' })).toBe(200)
    expect(await status({ top_realm: '', sub_realm: '' })).toBe(200)
    expect(await status({ top_realm: 'a' })).toBe(303)
    expect(await status({ top_realm: 'a', sub_realm: 'c' })).toBe(303)
  })

  it('is nobody again when the session has ended, and an unused connection is worth nothing', async () => {
    const { browser, shop, blog, token } = await twoSites()
    await register(browser, shop, token)
    const { token: connection } = await told(await check(browser, blog))
    await ask(shop, 'DELETE', `/sso/sessions/${token}.json?confirm_deletion=true`)
    expect((await check(browser, blog)).status).toBe(303)
    expect((await ask(blog, 'GET', `/connections/${connection}.json`)).status).toBe(404)
  })

  it('brings a connection that is taken once by ten who ask at once', async () => {
    const { browser, shop, blog, token } = await twoSites()
    await register(browser, shop, token)
    const { token: connection } = await told(await check(browser, blog))
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => ask(blog, 'GET', `/connections/${connection}.json`)),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      200,
      ...Array.from({ length: 9 }, () => 404),
    ])
  })

  it('brings a connection that is not told, and not listed as told, when its identity is gone', async () => {
    const { world, shop } = await twoSites()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const { token: first } = await told(await check(browser, shop))
    const { data } = await ask(shop, 'GET', `/connections/${first}.json`)
    const { token: unused } = await told(await check(browser, shop))
    const { identity_token: identity } = data.user.identity
    await ask(shop, 'DELETE', `/identities/${identity}.json?confirm_deletion=true`)
    const before = await snapshot()
    expect((await ask(shop, 'GET', `/connections/${unused}.json`)).status).toBe(404)
    expect(await snapshot()).toEqual(before)
    const list = await ask(shop, 'GET', '/connections.json')
    expect(list.data.connections.count).toBe(1)
  })

  it('brings a connection that is over after two minutes', async () => {
    const { browser, shop, blog, token } = await twoSites()
    await register(browser, shop, token)
    const { token: connection } = await told(await check(browser, blog))
    vi.setSystemTime(Date.now() + 121_000)
    expect((await ask(blog, 'GET', `/connections/${connection}.json`)).status).toBe(404)
    vi.useRealTimers()
  })

  it('tells a page that only wants to know whose session it is', async () => {
    const { browser, shop, blog, token, identityToken } = await twoSites()
    await register(browser, shop, token)
    const answer = await check(browser, blog, { mode: 'event', callback_uri: '' })
    expect(answer.headers.get('location')).toContain(
      `https://blog.example/#oneall:identity_token=${identityToken}`,
    )
  })
})

describe('a browser is brought back to allowed pages only', () => {
  it.each([
    'https://evil.example/',
    'https://shop.example.evil.example/',
    'https://shop.example@evil.example/',
    'https://ada@shop.example/',
    'https://:secret@shop.example/',
    'https://evil.example\\@shop.example/',
    'http://shop.example/',
    'https://shop.example:8443/',
    '//shop.example/',
    'javascript:alert(1)//shop.example',
    'data:text/html,x',
    'https:shop.example',
    'https://shop.example /',
    '',
  ])('not to %s', async (page) => {
    const { browser, shop, token } = await twoSites()
    await register(browser, shop, token)
    for (const changes of [{ callback_uri: page }, { return_to: page }]) {
      const answer = await check(browser, shop, changes)
      expect([answer.status, answer.headers.get('location')]).toEqual([400, null])
    }
    const registered = await register(browser, shop, token, {
      from: 'https://shop.example/',
      returnTo: page,
    })
    expect([registered.status, registered.headers.get('location')]).toEqual([400, null])
    expect(registered.headers.get('set-cookie')).toBeNull()
  })
})

describe('a page on this very machine', () => {
  it('may be plain http, on any port where none is named', async () => {
    const { newBrowser } = await createWorld()
    const site = await registerSite({
      subdomain: 'shop',
      allowedDomains: ['localhost', 'a.example'],
    })
    const back = async (page: string) =>
      (await check(newBrowser(), site, { callback_uri: page, return_to: page })).status
    expect(await back('http://localhost:9091/')).toBe(303)
    for (const page of ['http://a.example/', 'https://a.example:9091/', 'ws://localhost:9091/']) {
      expect([page, await back(page)]).toEqual([page, 400])
    }
  })
})

describe('a page that is not the site’s', () => {
  it('registers nothing in a browser', async () => {
    const { browser, shop, token } = await twoSites()
    for (const from of ['https://evil.example/', 'https://blog.example/', undefined]) {
      const answer = await browser.request(`${socialize(shop)}/sso/register`, {
        method: 'POST',
        from,
        body: new URLSearchParams({
          sso_session_token: token,
          return_to: 'https://shop.example/',
        }),
      })
      expect([answer.status, answer.headers.get('set-cookie')]).toEqual([400, null])
    }
    const read = await browser.request(`${socialize(shop)}/sso/register`, {
      from: 'https://shop.example/',
    })
    expect(read.status).toBe(404)
  })

  it('registers no session that is not there', async () => {
    const { browser, shop } = await twoSites()
    for (const wrong of [crypto.randomUUID(), '', "' OR 1=1"]) {
      const answer = await register(browser, shop, wrong)
      expect([answer.status, answer.headers.get('set-cookie')]).toEqual([303, null])
    }
  })
})

describe('somebody who signs in with us', () => {
  it('is known at the company’s sites, under one user, and gone from all when they sign out', async () => {
    const { world, shop, blog } = await twoSites()
    const browser = world.newBrowser()
    expect((await check(browser, shop)).status).toBe(303)
    await signIn(browser, world.otrotl)
    const users: string[] = []
    for (const site of [shop, blog]) {
      const { token: connection } = await told(await check(browser, site))
      const read = await ask(site, 'GET', `/connections/${connection}.json`)
      expect(read.data.user.identity).toMatchObject({ provider: 'otrotl' })
      users.push(read.data.user.user_token)
    }
    expect(users[0]).toBe(users[1])
    const { token: unused } = await told(await check(browser, shop))
    await browser.fetch('/auth/sessions', { method: 'DELETE' })
    await browser.request(`${ISSUER}/auth/sso/logout`, { method: 'POST', from: ISSUER })
    expect((await check(browser, shop)).status).toBe(303)
    expect((await ask(shop, 'GET', `/connections/${unused}.json`)).status).toBe(404)
  })

  it('is not told to a site that is not the company’s own', async () => {
    const world = await createWorld()
    const guest = await registerSite({ subdomain: 'guest', isFirstParty: false })
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    expect((await check(browser, guest)).status).toBe(303)
    const callback = encodeURIComponent('https://guest.example/')
    const link = `${socialize(guest)}/connect/direct/otrotl/?callback_uri=${callback}`
    expect((await browser.request(link)).status).toBe(403)
  })

  it('comes to a site by a link to a provider, and the site learns which way', async () => {
    const { world, shop } = await twoSites()
    const browser = world.newBrowser()
    const callback = encodeURIComponent('https://shop.example/callback?x=1')
    const link = `${socialize(shop)}/connect/direct/otrotl/?service=social_login&callback_uri=${callback}`
    const page = await browser.navigate(link, { from: ISSUER, as: 'alice' })
    const { status, action, oaAction, token } = await told(page.response)
    expect([status, action, oaAction]).toEqual([
      200,
      'https://shop.example/callback?x=1',
      'social_login',
    ])
    const read = await ask(shop, 'GET', `/connections/${token}.json`)
    expect(read.data.connection.plugin).toBe('social_login')
    const { user } = read.data
    // The site may start a shared session on it, which ends with everything of the user's.
    const shared = await startShared(shop, user.identity.identity_token)
    const removed = await ask(
      shop,
      'DELETE',
      `/users/${user.user_token}.json?confirm_deletion=true`,
    )
    expect(removed.status).toBe(200)
    expect((await ask(shop, 'GET', `/sso/sessions/${shared}.json`)).status).toBe(404)
    const unknown = await browser.request(link.replace('otrotl', 'nobody'))
    expect(unknown.status).toBe(403)
  })
})

describe('whoever is brought here', () => {
  it('is told to wait where too many come from one network', async () => {
    const { lines } = captureLog()
    const SIGN_IN_LIMIT = { limit: async () => ({ success: false }) }
    const { newBrowser } = await createWorld({}, { SIGN_IN_LIMIT })
    const answer = await check(newBrowser(), await registerSite({ subdomain: 'shop' }))
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '60'])
    expect(decisions(lines).map(({ event }) => event)).toEqual(['rate.limited'])
  })

  it('leaves one event of each decision', async () => {
    const { browser, shop, token } = await twoSites()
    const { lines } = captureLog()
    await register(browser, shop, token)
    await register(browser, shop, crypto.randomUUID())
    await register(browser, shop, token, { from: 'https://evil.example/' })
    await check(browser, shop, { callback_uri: 'https://evil.example/' })
    await check(browser, shop, { mode: 'event', callback_uri: '' })
    await check(browser, shop)
    expect(decisions(lines).map(({ event, reason }) => [event, reason])).toEqual([
      ['shared_session.registered', undefined],
      ['shared_session.refused', 'no_session'],
      ['connection.refused', 'page_not_allowed'],
      ['connection.refused', 'page_not_allowed'],
      ['site.read', undefined],
      ['connection.issued', undefined],
    ])
    expect(JSON.stringify(lines)).not.toContain(token)
  })
})

describe('the library', () => {
  it('is served under both addresses of a site, and knows where to bring browsers', async () => {
    await registerSite({ subdomain: 'shop' })
    for (const url of [
      `${ISSUER}/oneall/shop/socialize/library.js`,
      'https://shop.api.login.example/socialize/library.js',
    ]) {
      const answer = await exports.default.fetch(url)
      expect([answer.status, answer.headers.get('content-type')]).toEqual([
        200,
        'text/javascript; charset=utf-8',
      ])
      expect(await answer.text()).toContain('"https://login.example/oneall/shop"')
      const head = await exports.default.fetch(url, { method: 'HEAD' })
      expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([
        200,
        'text/javascript; charset=utf-8',
        '',
      ])
    }
    const unknown = await exports.default.fetch(`${ISSUER}/oneall/nosuch/socialize/library.js`)
    expect(unknown.status).toBe(404)
  })
})
