/** What OneAll's clients are known to send and to look at, where it is not what one would expect: the flows as they go. */
import { exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { settings } from '../world/settings.ts'
import { createWorld, signIn } from '../world/sign-in.ts'
import { ask, pushUser, registerSite, startShared } from '../world/sites.ts'
import type { TestSite } from '../world/sites.ts'
import { check, register, told } from '../world/socialize.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const FORM = 'application/x-www-form-urlencoded'

/** As curl in PHP sends it: JSON under the type of a form. */
const askAsPlugin = (site: TestSite, method: string, path: string, request?: unknown) =>
  ask(site, method, path, undefined, {
    headers: { 'content-type': FORM },
    ...(request !== undefined && { text: JSON.stringify({ request }) }),
  })

async function sha1(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text))
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

describe('WordPress and Magento', () => {
  it('send a hash of their own in the place of a password, but the password itself at first', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const hash = await sha1(`${site.keys.publicKey}${'p4ssw0rd'}${site.subdomain}`)
    const { userToken } = await pushUser(site, { login: 'ada', password: 'p4ssw0rd' })
    const path = '/storage/users/user/lookup.json'
    const look = async (password: string) =>
      (await askAsPlugin(site, 'POST', path, { user: { login: 'ada', password } })).status
    expect(await look('p4ssw0rd')).toBe(200)
    expect(await look(hash)).toBe(401)
    const update = { update_mode: 'replace', user: { password: hash } }
    const updated = await askAsPlugin(site, 'PUT', `/storage/users/${userToken}.json`, update)
    expect(updated.status).toBe(200)
    expect(await look(hash)).toBe(200)
    expect(await look('p4ssw0rd')).toBe(401)
  })

  it('look somebody up by login alone before they create them, with 404 for “not yet”', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const user = { login: 'ada@shop.example' }
    const path = '/storage/users/user/lookup.json'
    expect((await askAsPlugin(site, 'POST', path, { user })).status).toBe(404)
    const made = await askAsPlugin(site, 'POST', '/storage/users.json', {
      user: {
        ...user,
        externalid: 7,
        password: 'x',
        identity: { emails: [{ value: user.login }] },
      },
    })
    expect(made.status).toBe(201)
    const found = await askAsPlugin(site, 'POST', path, { user })
    expect(found.data.user).toMatchObject({
      user_token: made.data.user.user_token,
      identity: { identity_token: made.data.user.identity.identity_token },
    })
  })

  it('start a session with the site’s address for its data; at a 404 they make the person anew, and try once more', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const session = { lifetime: 86400, data: 'https://shop.example', top_realm: '', sub_realm: '' }
    const start = (token: string) =>
      askAsPlugin(site, 'PUT', `/sso/sessions/identities/${token}.json`, { sso_session: session })
    const gone = await pushUser(site, { login: 'ada' })
    await ask(site, 'DELETE', `/users/${gone.userToken}.json?confirm_deletion=true`)
    expect((await start(gone.identityToken)).status).toBe(404)
    const anew = await pushUser(site, { login: 'ada' })
    const started = await start(anew.identityToken)
    expect([started.status, started.data.sso_session.data]).toEqual([201, 'https://shop.example'])
    expect(started.data.sso_session.date_expiration).toEqual(expect.any(String))
  })

  it('take no connection token but a lower-case UUID, and no address but one that is marked verified by a boolean', async () => {
    const world = await createWorld()
    const site = await registerSite({ subdomain: 'shop' })
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const { token, oaAction } = await told(await check(browser, site))
    expect([token, oaAction]).toEqual([expect.stringMatching(UUID), 'single_sign_on'])
    const { data } = await ask(site, 'GET', `/connections/${token}.json`)
    expect(data.user.user_token).toMatch(UUID)
    expect(data.user.identity.identity_token).toMatch(UUID)
    expect(data.user.identity.emails).toEqual([{ value: 'alice@example.org', is_verified: true }])
    // `roles` would have WordPress call what PHP 8 does not have any more.
    expect(data.user.identity).not.toHaveProperty('roles')
  })

  it('bring a person who has a site’s role, of which nothing is told', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken } = await pushUser(site, {
      identity: { roles: [{ value: 'administrator' }] },
    })
    const { data } = await ask(site, 'GET', `/users/${userToken}.json`)
    expect(JSON.stringify(data)).not.toContain('administrator')
  })
})

describe('the PHP library', () => {
  it('writes empty arrays for what is an object, with and without anything else', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const synchronize = { identifier: { field: 'externalid', value: '1' }, user: [] }
    const path = '/storage/users/user/synchronize.json'
    const made = await ask(site, 'PUT', path, undefined, {
      text: JSON.stringify({ request: { synchronize } }),
    })
    expect(made.status).toBe(201)
    const { identity_token: identity } = made.data.user.identity
    const started = await ask(site, 'PUT', `/sso/sessions/identities/${identity}.json`, undefined, {
      text: '{"request":{"sso_session":[]}}',
    })
    expect(started.status).toBe(201)
  })

  it('maps an account by POST where others PUT', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken } = await pushUser(site)
    const path = `/storage/users/${userToken}.json`
    const mapped = await ask(site, 'POST', path, { user: { externalid: 4711 } })
    expect([mapped.status, mapped.data.user.externalid]).toEqual([200, '4711'])
  })

  it('splits an answer at its first blank line, and reads to the end: there are no chunks', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { identityToken } = await pushUser(site)
    for (const [method, path] of [
      ['PUT', `/sso/sessions/identities/${identityToken}.json`],
      ['GET', '/sso/sessions.json'],
      ['GET', '/users/nobody.json'],
    ] as const) {
      const { headers, request } = await ask(site, method, path)
      expect(Number(headers.get('content-length'))).toBeGreaterThan(0)
      expect(headers.get('transfer-encoding')).toBeNull()
      expect(request.resource).toBe(path)
    }
  })

  it('links an identity, and has it synchronized', async () => {
    const world = await createWorld()
    const site = await registerSite({ subdomain: 'shop' })
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const { token } = await told(await check(browser, site))
    const read = await ask(site, 'GET', `/connections/${token}.json`)
    const { identity_token: identity } = read.data.user.identity
    const synchronize = { update_user_data: true, force_token_update: false }
    const path = `/identities/${identity}/synchronize.json`
    const answer = await ask(site, 'PUT', path, { synchronize })
    expect([answer.status, answer.data.identity.displayName]).toEqual([200, 'Alice Archer'])
  })
})

describe('the Python library', () => {
  it('declares JSON where it sends none, and asks for a connection in the singular', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const headers = { 'content-type': 'application/json' }
    const users = await ask(site, 'GET', '/users.json?page=1', undefined, { headers })
    expect(users.status).toBe(200)
    const path = `/connection/${crypto.randomUUID()}.json`
    expect((await ask(site, 'GET', path, undefined, { headers })).status).toBe(404)
  })

  it('goes on from page to page until one is the last, also where there is nothing', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const readAll = async () => {
      const seen: string[] = []
      for (let page = 1; page < 20; page += 1) {
        const { data } = await ask(site, 'GET', `/users.json?page=${page}&entries_per_page=2`)
        const { entries, pagination } = data.users
        seen.push(...entries.map((entry: { user_token: string }) => entry.user_token))
        if (pagination.current_page === pagination.total_pages) return seen
      }
      throw new Error('there was no last page')
    }
    expect(await readAll()).toEqual([])
    for (let made = 0; made < 4; made += 1) await pushUser(site)
    expect(await readAll()).toHaveLength(4)
  })
})

describe('OpenCart', () => {
  it('asks in its callback for the session of the identity, to learn its token', async () => {
    const world = await createWorld()
    const shop = await registerSite({ subdomain: 'shop' })
    const blog = await registerSite({ subdomain: 'blog' })
    const { identityToken } = await pushUser(shop, {
      identity: { emails: [{ value: 'a@b.example' }] },
    })
    const shared = await startShared(shop, identityToken)
    const browser = world.newBrowser()
    await register(browser, shop, shared)
    // It looks at the token alone, and its callback is the page that somebody happens to be on.
    const page = 'https://blog.example/product?id=7&x=%C3%A4'
    const form = await told(await check(browser, blog, { callback_uri: page, return_to: page }))
    expect(form.action?.replaceAll('&amp;', '&')).toBe(page)
    const read = await ask(blog, 'GET', `/connections/${form.token}.json`)
    const { identity_token: identity } = read.data.user.identity
    const session = await ask(blog, 'GET', `/sso/sessions/identities/${identity}.json`)
    expect(session.data.sso_session.sso_session_token).toBe(shared)
    const { data } = await ask(blog, 'GET', `/users/${read.data.user.user_token}.json`)
    expect(data.user.identities[0].emails[0].value).toBe('a@b.example')
  })
})

describe('phpBB', () => {
  it('reads how it went apart from how the request went', async () => {
    const world = await createWorld()
    const site = await registerSite({ subdomain: 'shop' })
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const { token } = await told(await check(browser, site))
    const { result, request } = await ask(site, 'GET', `/connections/${token}.json`)
    expect(request.status).toMatchObject({ flag: 'success', code: 200 })
    expect(result).toMatchObject({
      status: { flag: 'success', code: 200, info: expect.any(String) },
      data: {
        plugin: {
          key: 'single_sign_on',
          data: { action: 'login', operation: 'login', status: 'success' },
        },
      },
    })
  })
})

describe('every plugin', () => {
  it('tries the connection by a page that says ok, under the names that they have for it', async () => {
    const { hostname } = new URL(settings.ISSUER)
    for (const host of [`www.${hostname}`, `www.api.${hostname}`, hostname]) {
      const url = `https://${host}/ping.html`
      const answer = await exports.default.fetch(url)
      expect([answer.status, await answer.text()]).toEqual([200, 'ok'])
    }
  })

  it('verifies its settings by what the site may do, and tells a wrong name from wrong keys', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const right = await ask(site, 'GET', '/site.json')
    expect(right.data.site.subscription_plan.features.has_single_signon).toBe(true)
    const keys = { ...site.keys, privateKey: crypto.randomUUID() }
    expect((await ask({ ...site, keys }, 'GET', '/site.json')).status).toBe(401)
    expect((await ask({ ...site, subdomain: 'shopp' }, 'GET', '/site.json')).status).toBe(404)
  })
})
