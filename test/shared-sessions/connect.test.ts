/** Links of a site, and of its application on a phone, to a sign-in with one of our providers. */
import { describe, expect, it, vi } from 'vitest'
import { captureLog } from '../world/log-lines.ts'
import { settings } from '../world/settings.ts'
import { snapshot } from '../world/snapshot.ts'
import { createWorld, signIn } from '../world/sign-in.ts'
import { ask, registerSite } from '../world/sites.ts'
import type { TestSite } from '../world/sites.ts'
import { socialize, told } from '../world/socialize.ts'

const { ISSUER } = settings
const APP = 'oneall://otrotl'
const NONCE = '5b1c8f4e-0d3a-4f6b-9c2d-7e8f9a0b1c2d'

const direct = (site: TestSite, changes: Record<string, string> = {}, provider = 'otrotl') => {
  const callback_uri = `https://${site.subdomain}.example/callback`
  const query = new URLSearchParams({ service: 'social_login', callback_uri, ...changes })
  return `${socialize(site)}/connect/direct/${provider}/?${query.toString()}`
}

const mobile = (site: TestSite, changes: Record<string, string> = {}) => {
  const query = new URLSearchParams({ nonce: NONCE, callback_uri: APP, ...changes })
  return `${socialize(site)}/connect/mobile/otrotl/?${query.toString()}`
}

const shopWithApp = () =>
  registerSite({ subdomain: 'shop', allowedDomains: ['shop.example', APP, 'com.shop.app://back'] })

/** The address that the page offers to open. */
const offered = async (response: Response): Promise<URL | undefined> => {
  const text = await response.text()
  const [, href] = /<a[^>]* id="open-app" href="([^"]*)"/.exec(text) ?? []
  return href === undefined ? undefined : new URL(href)
}

const redeem = (site: Pick<TestSite, 'subdomain'>, token: string, nonce: string) =>
  ask({ subdomain: site.subdomain }, 'GET', `/connection/${token}.json`, undefined, {
    headers: { authorization: `OneAllNonce ${nonce}` },
  })

describe('a link of an application on a phone', () => {
  it('signs in, asks, and leads back with a connection that only the application is told', async () => {
    const world = await createWorld()
    const shop = await shopWithApp()
    const browser = world.newBrowser()
    const page = await browser.navigate(mobile(shop, { login_data: 'x' }), { as: 'alice' })
    expect(page.response.headers.get('cache-control')).toBe('no-store')
    expect(page.response.headers.get('referrer-policy')).toBe('no-referrer')
    const address = await offered(page.response)
    expect(address?.href).toMatch(/^oneall:\/\/otrotl\?connection_token=[0-9a-f-]{36}$/)
    const token = address!.searchParams.get('connection_token')!
    const { lines } = captureLog()
    // The nonce in capitals, as some phones write it.
    const read = await redeem(shop, token, NONCE.toUpperCase())
    expect(read.status).toBe(200)
    expect(read.result).toMatchObject({ status: { flag: 'success', code: 200 } })
    expect(read.data).toMatchObject({
      connection: { connection_token: token, plugin: 'social_login' },
      user: { identity: { provider: 'otrotl', displayName: 'Alice Archer' } },
    })
    const { user } = read.data
    expect(Object.keys(user).toSorted()).toEqual(['identity', 'user_token', 'uuid'])
    expect(lines).toContainEqual(
      expect.objectContaining({ event: 'connection.taken', by: 'phone' }),
    )
    expect(JSON.stringify(lines)).not.toContain(NONCE)
    expect((await redeem(shop, token, NONCE)).status).toBe(404)
    const told = await ask(shop, 'GET', '/connections.json')
    expect(told.data.connections.entries[0]).toMatchObject({ callback_uri: APP })
  })

  it('gives nothing to who does not know its nonce, and can still be taken after that', async () => {
    const world = await createWorld()
    const shop = await shopWithApp()
    const blog = await registerSite({ subdomain: 'blog' })
    const page = await world.newBrowser().navigate(mobile(shop), { as: 'alice' })
    const token = (await offered(page.response))!.searchParams.get('connection_token')!
    const before = await snapshot()
    expect((await redeem(shop, token, crypto.randomUUID())).status).toBe(404)
    expect((await redeem(blog, token, NONCE)).status).toBe(404)
    for (const nonce of ['', 'x', `${NONCE} ${NONCE}`, NONCE.replaceAll('-', '')]) {
      expect((await redeem(shop, token, nonce)).status).toBe(401)
    }
    const keys = await ask(shop, 'GET', `/connection/${token}.json`)
    expect(keys.status).toBe(404)
    const nobody = await ask({ subdomain: 'shop' }, 'GET', `/connection/${token}.json`)
    expect(nobody.status).toBe(401)
    expect(await snapshot()).toEqual(before)
    expect((await redeem(shop, token, NONCE)).status).toBe(200)
  })

  it('does not open by a nonce what was made for the site', async () => {
    const world = await createWorld()
    const shop = await shopWithApp()
    const page = await world.newBrowser().navigate(direct(shop), { as: 'alice' })
    const { token } = await told(page.response)
    expect((await redeem(shop, token, NONCE)).status).toBe(404)
    expect((await ask(shop, 'GET', `/connection/${token}.json`)).status).toBe(200)
  })

  it('opens nothing else with its nonce', async () => {
    const shop = await shopWithApp()
    for (const [method, path] of [
      ['GET', '/users.json'],
      ['GET', '/connections.json'],
      ['PUT', '/users.json'],
      ['GET', '/site.json'],
      ['GET', '/providers.json'],
    ] as const) {
      const headers = { authorization: `OneAllNonce ${NONCE}` }
      const answer = await ask({ subdomain: shop.subdomain }, method, path, undefined, { headers })
      expect([path, answer.status]).toEqual([path, 401])
    }
  })

  it.each<[string, Record<string, string>]>([
    ['an application that the site has not named', { callback_uri: 'oneall://google' }],
    ['the same in other letters', { callback_uri: 'ONEALL://otrotl' }],
    ['one more path', { callback_uri: `${APP}/x` }],
    ['a parameter', { callback_uri: `${APP}?x=1` }],
    ['a page of the site’s', { callback_uri: 'https://shop.example/' }],
    ['a script', { callback_uri: 'javascript:alert(1)//' }],
    ['nothing', { callback_uri: '' }],
    ['a nonce that is none', { nonce: 'abc' }],
    ['no nonce', { nonce: '' }],
  ])('leads nowhere with %s', async (_what, changes) => {
    const world = await createWorld()
    const shop = await shopWithApp()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const before = await snapshot()
    const answer = await browser.request(mobile(shop, changes))
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null])
    expect(await snapshot()).toEqual(before)
  })

  it('waits for a click also where somebody is signed in, and is dead when they are not any more', async () => {
    const world = await createWorld()
    const shop = await shopWithApp()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const answer = await browser.request(mobile(shop, { callback_uri: 'com.shop.app://back' }))
    expect([answer.status, answer.headers.get('location')]).toEqual([200, null])
    const address = (await offered(answer))!
    expect(address.protocol).toBe('com.shop.app:')
    await browser.request(`${ISSUER}/auth/sso/logout`, { method: 'POST', from: ISSUER })
    const token = address.searchParams.get('connection_token')!
    expect((await redeem(shop, token, NONCE)).status).toBe(404)
  })

  it('is over after two minutes', async () => {
    const world = await createWorld()
    const shop = await shopWithApp()
    const page = await world.newBrowser().navigate(mobile(shop), { as: 'alice' })
    const token = (await offered(page.response))!.searchParams.get('connection_token')!
    vi.setSystemTime(Date.now() + 121_000)
    expect((await redeem(shop, token, NONCE)).status).toBe(404)
    vi.useRealTimers()
  })

  it('is no page that a browser may be brought back to otherwise', async () => {
    const world = await createWorld()
    const shop = await shopWithApp()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    expect((await browser.request(direct(shop, { callback_uri: APP }))).status).toBe(400)
    const path = '/site/allowed-domains.json'
    for (const app of ['javascript://x', 'intent://x', 'file://x', 'oneall://a/b', 'oneall:x']) {
      expect((await ask(shop, 'PUT', path, { allowed_domains: [app] })).status).toBe(400)
    }
    const apps = ['oneall://google', 'com.shop.app://back']
    expect((await ask(shop, 'PUT', path, { allowed_domains: apps })).data.allowed_domains).toEqual(
      apps,
    )
  })
})

describe('a link of a site', () => {
  it('posts the token under both of its names', async () => {
    const world = await createWorld()
    const shop = await registerSite({ subdomain: 'shop' })
    const page = await world.newBrowser().navigate(direct(shop), { as: 'alice' })
    const form = await told(page.response)
    expect(form).toMatchObject({ oaAction: 'social_login', olderToken: form.token })
  })

  it('asks for a sign-in with the provider that it names, whoever is there by another', async () => {
    const world = await createWorld()
    const shop = await registerSite({ subdomain: 'shop' })
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const page = await browser.navigate(direct(shop, {}, 'second'), { as: 'bob' })
    const { token } = await told(page.response)
    const read = await ask(shop, 'GET', `/connections/${token}.json`)
    expect(read.data.user.identity.provider).toBe('second')
  })

  it.each<[string, Record<string, string>]>([
    ['a prefetch', { 'sec-purpose': 'prefetch' }],
    ['a picture', { 'sec-fetch-dest': 'image', 'sec-fetch-mode': 'no-cors' }],
    ['a frame', { 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate' }],
  ])('tells nobody of a person who only had %s loaded', async (_, headers) => {
    const world = await createWorld()
    const shop = await shopWithApp()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const back = 'https://shop.example/'
    const query = new URLSearchParams({ callback_uri: back, return_to: back }).toString()
    const pages = [direct(shop), mobile(shop), `${socialize(shop)}/sso/check?${query}`]
    const before = await snapshot()
    for (const page of pages) {
      const answer = await browser.request(page, { headers })
      expect([answer.status, answer.headers.get('location')]).toEqual([403, null])
      expect(await answer.text()).toContain('not_a_navigation')
    }
    expect(await snapshot()).toEqual(before)
    for (const page of pages) expect((await browser.request(page)).status).toBe(200)
  })

  it('with force_reauth has the person sign in again, once', async () => {
    const world = await createWorld()
    const shop = await registerSite({ subdomain: 'shop' })
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const page = await browser.navigate(direct(shop, { force_reauth: '1' }), { as: 'alice' })
    const asked = page.trail.filter(({ host }) => host === 'otrotl.example')
    expect(asked.map(({ searchParams }) => searchParams.get('prompt'))).toEqual(['login'])
    expect((await told(page.response)).oaAction).toBe('social_login')
  })

  it('ends at a page of ours where a sign-in does not help, and not in a circle', async () => {
    const world = await createWorld()
    const shop = await registerSite({ subdomain: 'shop' })
    const browser = world.newBrowser()
    const once = await browser.request(direct(shop, { signed_in: '1' }))
    expect([once.status, once.headers.get('location')]).toEqual([403, null])
  })

  it('is one user of the company by two first ways at once', async () => {
    const world = await createWorld()
    const shop = await registerSite({ subdomain: 'shop' })
    const blog = await registerSite({ subdomain: 'blog' })
    const ways = [shop, blog, shop, blog].map(async (site) => {
      const page = await world.newBrowser().navigate(direct(site), { as: 'alice' })
      const { token } = await told(page.response)
      const read = await ask(site, 'GET', `/connections/${token}.json`)
      expect(read.status).toBe(200)
      return `${read.data.user.user_token} ${read.data.user.identity.identity_token}`
    })
    expect(new Set(await Promise.all(ways)).size).toBe(1)
    expect((await ask(shop, 'GET', '/users.json')).data.users.count).toBe(1)
    expect((await ask(shop, 'GET', '/identities.json')).data.identities.count).toBe(1)
  })
})
