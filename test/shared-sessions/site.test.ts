import { env, exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { applicationRegistry } from '../world/applications.ts'
import { createWorld } from '../world/sign-in.ts'
import { ask, pushUser, registerSite } from '../world/sites.ts'

describe('a site', () => {
  it('is addressed by its path or by its host', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const byHost = { origin: 'https://shop.api.login.example', prefix: '' }
    const answer = await ask(site, 'GET', '/site.json?a=1', undefined, byHost)
    expect(answer.status).toBe(200)
    expect(answer.request).toMatchObject({
      resource: '/site.json?a=1',
      status: { flag: 'success', code: 200 },
    })
    expect((await ask(site, 'GET', '/site.json?a=1')).request.resource).toBe('/site.json?a=1')
    expect(answer.data.site.subscription_plan.features.has_single_signon).toBe(true)
    const wrongHost = { ...byHost, origin: 'https://blog.api.login.example' }
    expect((await ask(site, 'GET', '/site.json', undefined, wrongHost)).status).toBe(404)
  })

  it('has nothing but its own resources on its host', async () => {
    await registerSite({ subdomain: 'shop' })
    for (const path of [
      '/auth/login',
      '/dashboard',
      '/admin/api/users',
      '/oneall/shop/site.json',
    ]) {
      const url = `https://shop.api.login.example${path}`
      expect((await exports.default.fetch(url, { redirect: 'manual' })).status).toBe(401)
    }
  })

  it('is asked for its own keys, in the one way that is published', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const blog = await registerSite({ subdomain: 'blog' })
    const { publicKey, privateKey } = site.keys
    const asked = [
      { subdomain: 'shop' },
      { subdomain: 'shop', keys: blog.keys },
      { subdomain: 'shop', keys: { publicKey, privateKey: blog.keys.privateKey } },
      { subdomain: 'shop', keys: { publicKey: privateKey, privateKey: publicKey } },
      { subdomain: 'shop', keys: { publicKey, privateKey: '' } },
      { subdomain: 'shop', keys: { publicKey: '', privateKey } },
      { subdomain: 'shop', keys: { publicKey: '%', privateKey } },
    ]
    for (const one of asked) {
      const answer = await ask(one, 'GET', '/users.json')
      expect([answer.status, answer.result]).toEqual([401, undefined])
      expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /)
    }
    const query = `?public_key=${publicKey}&private_key=${privateKey}`
    expect((await ask({ subdomain: 'shop' }, 'GET', `/users.json${query}`)).status).toBe(401)
    const headers = { authorization: `Bearer ${privateKey}` }
    const bearer = await ask({ subdomain: 'shop' }, 'GET', '/users.json', undefined, { headers })
    expect(bearer.status).toBe(401)
    expect((await ask({ ...site, subdomain: 'nosuch' }, 'GET', '/users.json')).status).toBe(404)
  })

  it('is let in by its keys, however often strangers have tried others', async () => {
    const full = { limit: async () => ({ success: false }) }
    const world = await createWorld({}, { BACK_CHANNEL_LIMIT: full, SIGN_IN_LIMIT: full })
    const fetch = (request: Request) => world.fetch(request)
    const site = await registerSite({ subdomain: 'shop' })
    expect((await ask(site, 'GET', '/site.json', undefined, { fetch })).status).toBe(200)
    const wrong = { ...site, keys: { ...site.keys, privateKey: crypto.randomUUID() } }
    const unknown = { ...site, subdomain: 'nosuch' }
    const keyless = { subdomain: 'shop' }
    for (const [caller, path] of [
      [wrong, '/site.json'],
      [unknown, '/site.json'],
      [keyless, '/site.json'],
      // Where nobody needs keys.
      [keyless, '/providers.json'],
    ] as const) {
      const { status, headers, result } = await ask(caller, 'GET', path, undefined, { fetch })
      expect([status, headers.get('retry-after'), result]).toEqual([429, '60', undefined])
    }
  })

  it('that is disabled, or whose keys have run out, is nobody', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const registry = applicationRegistry()
    await registry.setStatus(site.id, 'disabled', systemClock())
    expect((await ask(site, 'GET', '/site.json')).status).toBe(404)
    await registry.setStatus(site.id, 'active', systemClock())
    expect((await ask(site, 'GET', '/site.json')).status).toBe(200)
    const expiresAt = (at: number) =>
      env.DIRECTORY.prepare('UPDATE site_keys SET expires_at = ?1').bind(at).run()
    await expiresAt(systemClock() + 60)
    expect((await ask(site, 'GET', '/site.json')).status).toBe(200)
    await expiresAt(systemClock())
    expect((await ask(site, 'GET', '/site.json')).status).toBe(401)
    await registry.remove(site.id)
    expect((await ask(site, 'GET', '/site.json')).status).toBe(404)
  })

  it('does not take another’s subdomain', async () => {
    await registerSite({ subdomain: 'shop' })
    await expect(registerSite({ subdomain: 'shop' })).rejects.toThrow('/shared_sessions/subdomain')
  })

  it('is registered with everything that is wrong named at once', async () => {
    const registered = await applicationRegistry().register(
      {
        name: 'Shop',
        sharedSessions: {
          subdomain: 'Not a label',
          group: 'A B',
          allowedDomains: ['https://shop.example', 'shop.example', '*.com', '0x7f.1', 'a.b:443'],
        },
      },
      systemClock(),
    )
    const pointers = registered.ok ? [] : registered.problems.map(({ pointer }) => pointer)
    expect(pointers.toSorted()).toEqual([
      '/shared_sessions/allowed_domains/0',
      '/shared_sessions/allowed_domains/2',
      '/shared_sessions/allowed_domains/3',
      '/shared_sessions/allowed_domains/4',
      '/shared_sessions/group',
      '/shared_sessions/subdomain',
    ])
  })

  it('reads and changes the domains that people are brought back to', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const path = '/site/allowed-domains.json'
    expect((await ask(site, 'GET', path)).data.allowed_domains).toEqual(['shop.example'])
    const domains = ['https://www.shop.example/', 'localhost:9091', '*.shop.example']
    const changed = await ask(site, 'PUT', path, { allowed_domains: domains })
    expect(changed.data.allowed_domains).toEqual([
      'www.shop.example',
      'localhost:9091',
      '*.shop.example',
    ])
    const many = Array.from({ length: 101 }, (_, i) => `s${i}.example`)
    for (const allowed_domains of [
      many,
      ['javascript:x'],
      ['a b'],
      ['evil.example/x'],
      'x',
      [7],
      [''],
    ]) {
      expect((await ask(site, 'PUT', path, { allowed_domains })).status).toBe(400)
    }
    expect((await ask(site, 'GET', path)).data.allowed_domains).toHaveLength(3)
  })
})

describe('the API', () => {
  it('answers everything in its envelope, what it does not do with 501', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const id = crypto.randomUUID()
    for (const [method, path, status] of [
      ['GET', '/nothing.json', 404],
      ['GET', `/users/${id}.json`, 404],
      ['GET', '/users/.json', 404],
      ['GET', '/users', 404],
      ['DELETE', '/users.json', 405],
      ['PATCH', '/users.json', 405],
      ['OPTIONS', '/users.json', 405],
      ['GET', '/users.xml', 501],
      ['PUT', '/users.json', 400],
      ['GET', `/users/${id}/contacts.json`, 501],
      ['POST', `/users/${id}/publish.json`, 501],
      ['GET', '/sharing/messages.json', 501],
      ['GET', '/shorturls.json', 501],
      ['GET', '/discussions.json', 501],
      // What the PHP library and OneAll's examples for it call besides.
      ['POST', '/push/identities/x/facebook/picture.json', 501],
      ['GET', '/pull/identities/x/facebook/posts.json?num_posts=50', 501],
      ['GET', '/pull/identities/x/linkedin/company/1/posts.json', 501],
      ['GET', '/search/twitter/tweets.json', 501],
      ['GET', '/site/providers/twitter/tweets/search.json', 501],
      ['GET', '/providers/facebook/pages.json', 501],
      ['GET', `/identities/${id}/facebook/posts.json`, 501],
      ['GET', `/identities/${id}/contacts.json?disable_cache=true`, 501],
      ['PUT', '/loudvoice/discussions.json', 501],
      ['GET', `/identities/${id}/nothing.json`, 404],
    ] as const) {
      const answer = await ask(site, method, path)
      expect([path, answer.status, answer.request.status.code]).toEqual([path, status, status])
      expect(answer.request.status.flag).toBe('error')
      expect(answer.result).toBeUndefined()
      expect(answer.headers.get('cache-control')).toBe('no-store')
    }
  })

  it('tells the length of its answers, for clients that cannot read chunks', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const answer = await ask(site, 'GET', '/site.json')
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(Number(answer.headers.get('content-length'))).toBeGreaterThan(100)
  })

  it('lists page by page', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const tokens: string[] = []
    for (let i = 0; i < 5; i += 1) tokens.push((await pushUser(site)).userToken)
    const page = async (query: string) =>
      (await ask(site, 'GET', `/users.json?${query}`)).data.users
    const seen: string[] = []
    for (const number of [1, 2, 3]) {
      const { pagination, count, entries } = await page(`page=${number}&entries_per_page=2`)
      expect(pagination).toMatchObject({ current_page: number, total_pages: 3, total_entries: 5 })
      expect(count).toBe(entries.length)
      seen.push(...entries.map(({ user_token }: { user_token: string }) => user_token))
    }
    expect(seen.toSorted()).toEqual(tokens.toSorted())
    expect((await page('page=9')).entries).toEqual([])
    expect((await page('page=999999999')).pagination.current_page).toBe(100_000)
    for (const query of ['page=0', 'page=x', 'page=-1', 'entries_per_page=9999', 'page=1;DROP']) {
      expect((await page(query)).pagination).toMatchObject({
        current_page: 1,
        entries_per_page: 250,
      })
    }
    const descending = await page('order_direction=desc&entries_per_page=5')
    expect(descending.pagination.order).toEqual({ field: 'date_creation', direction: 'desc' })
    expect((await page('date_creation[gt]=4000000000')).count).toBe(0)
    expect((await page('date_creation_lt=4000000000')).count).toBe(5)
    expect((await page('date_creation[gt]=2001-02-03')).count).toBe(5)
    const text = encodeURIComponent('Thu, 23 Jan 2014 17:05:58 +0100')
    expect((await page(`filters[date_creation][lt]=${text}`)).count).toBe(0)
    expect((await ask(site, 'GET', '/users.json?date_creation_lt=never')).status).toBe(400)
  })

  it('says without keys which providers there are, and that it is there', async () => {
    await registerSite({ subdomain: 'shop' })
    const providers = await ask({ subdomain: 'shop' }, 'GET', '/providers.json')
    expect(providers.data.providers.entries.map(({ key }: { key: string }) => key)).toEqual([
      'otrotl',
      'second',
    ])
    for (const url of [
      'https://login.example/ping.html',
      'https://login.example/oneall/shop/ping.html',
      'https://www.api.login.example/ping.html',
    ]) {
      const answer = await exports.default.fetch(url)
      expect([answer.status, await answer.text()]).toEqual([200, 'ok'])
    }
  })

  it('notes who signed in with a form', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken } = await pushUser(site, { login: 'ada' })
    const connection = { action: 'signin', username: 'ada', email: 'ada@shop.example' }
    expect((await ask(site, 'POST', '/site/connections.json', { connection })).status).toBe(201)
    const read = await ask(site, 'GET', `/users/${userToken}.json`)
    expect(read.data.user.num_logins).toBe(1)
    const wrong = { connection: { action: 'delete' } }
    expect((await ask(site, 'POST', '/site/connections.json', wrong)).status).toBe(400)
  })
})
