/** What no client of OneAll's sends, with a site's good keys and without. */
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { createApplication } from '../world/application.ts'
import { createService } from '../world/service.ts'
import { settings } from '../world/settings.ts'
import { snapshot } from '../world/snapshot.ts'
import { createWorld } from '../world/sign-in.ts'
import { ask, pushUser, registerSite, startShared } from '../world/sites.ts'

const USERS = '/storage/users.json'
const SYNCHRONIZE = '/storage/users/user/synchronize.json'
const LOOK_UP = '/storage/users/user/lookup.json'

describe('a body that means harm changes nothing', () => {
  it.each<[string, string | Uint8Array<ArrayBuffer>, number]>([
    ['a byte more than 256 KB', `{"a":"${'x'.repeat(256 * 1024 - 7)}"}`, 413],
    ['a depth of ten thousand', '['.repeat(10_000) + ']'.repeat(10_000), 400],
    [
      'a hundred thousand addresses',
      `{"request":{"user":{"identity":{"emails":[${'{},'.repeat(70_000)}{}]}}}}`,
      400,
    ],
    ['the same member twice', '{"request":{"user":{"login":"a","login":"b"}}}', 400],
    [
      'the same member twice, once spelled out',
      '{"request":{"user":{"login":"a","l\\u006fgin":"b"}}}',
      400,
    ],
    ['bytes that are no UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400],
    ['half of a character', '{"request":{"user":{"login":"\\ud800"}}}', 400],
    [
      'an id that would be read as that of the next person',
      '{"request":{"user":{"externalid":9007199254740993},"synchronize":{"identifier":{"field":"externalid","value":9007199254740993}}}}',
      400,
    ],
    ['a list for the request', '{"request":[1]}', 400],
    ['nothing but a number', '7', 400],
  ])('with %s', async (_what, text, status) => {
    const site = await registerSite({ subdomain: 'shop' })
    const before = await snapshot()
    for (const [method, path] of [
      ['POST', USERS],
      ['PUT', SYNCHRONIZE],
      ['POST', LOOK_UP],
    ] as const) {
      const body = { text: text as string }
      const answer = await ask(site, method, path, undefined, body)
      expect([path, answer.status, answer.result]).toEqual([path, status, undefined])
    }
    expect(await snapshot()).toEqual(before)
  })
})

describe('what would mean something to a database means nothing', () => {
  const WILD = [`' OR '1'='1`, '%', '_', 'a%', `a'; DROP TABLE site_users; --`, 'a\\', '*', '?1']

  it('as a name of a person: each is found by its own, and no other', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const made = await Promise.all(
      WILD.map(async (login) => ({
        login,
        ...(await pushUser(site, { login, externalid: login })),
      })),
    )
    for (const { login, userToken } of made) {
      for (const user of [{ login }, { externalid: login }]) {
        const found = await ask(site, 'POST', LOOK_UP, { user })
        expect([found.status, found.data.user.user_token]).toEqual([200, userToken])
      }
      const identifier = { field: 'login', value: login }
      const again = await ask(site, 'PUT', SYNCHRONIZE, { synchronize: { identifier } })
      expect([again.status, again.data.user.user_token]).toEqual([200, userToken])
    }
    expect((await ask(site, 'GET', '/users.json')).data.users.count).toBe(WILD.length)
  })

  it('as a token, a filter, an order or a page', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const foreign = await registerSite({ subdomain: 'foreign', group: 'other' })
    const { identityToken } = await pushUser(foreign)
    await startShared(foreign, identityToken)
    const before = await snapshot()
    for (const wild of WILD) {
      const text = encodeURIComponent(wild)
      for (const path of [
        '/users',
        '/identities',
        '/sso/sessions',
        '/connections',
        '/sso/sessions/identities',
      ]) {
        expect([wild, (await ask(site, 'GET', `${path}/${text}.json`)).status]).toEqual([wild, 404])
      }
      for (const list of ['users', 'identities', 'connections']) {
        const query = `page=${text}&entries_per_page=${text}&order_direction=${text}`
        const answer = await ask(site, 'GET', `/${list}.json?${query}`)
        expect([answer.status, answer.data[list].count]).toEqual([200, 0])
      }
      const filtered = await ask(site, 'GET', `/users.json?date_creation_gt=${text}`)
      expect(filtered.status).toBe(400)
      const identifier = { field: wild, value: 'x' }
      const other = await ask(site, 'PUT', SYNCHRONIZE, { synchronize: { identifier } })
      expect(other.status).toBe(400)
    }
    const nul = await ask(site, 'POST', LOOK_UP, { user: { login: 'a\0b' } })
    expect(nul.status).toBe(400)
    expect(await snapshot()).toEqual(before)
  })
})

describe('a key of another role', () => {
  it('opens no site: of an application, of a service, of a widget, of operators', async () => {
    const world = await createWorld()
    const site = await registerSite({ subdomain: 'shop' })
    await pushUser(site)
    const service = await createService(world, { origin: 'https://books.example' })
    const application = await createApplication(world)
    const before = await snapshot()
    const { publicKey } = site.keys
    const secrets = [settings.ADMIN_API_KEY, settings.HANDLE_KEY, service.key, application.id]
    for (const privateKey of secrets) {
      for (const keys of [
        { publicKey, privateKey },
        { publicKey: application.id, privateKey },
        { publicKey: crypto.randomUUID(), privateKey },
      ]) {
        const answer = await ask({ ...site, keys }, 'GET', '/users.json')
        expect([answer.status, answer.result]).toEqual([401, undefined])
      }
      for (const headers of [{ apikey: privateKey }, { authorization: `Bearer ${privateKey}` }]) {
        const bare = { subdomain: site.subdomain }
        const answer = await ask(bare, 'GET', '/users.json', undefined, { headers })
        expect(answer.status).toBe(401)
      }
    }
    expect(await snapshot()).toEqual(before)
    const { results } = await env.DIRECTORY.prepare('SELECT hash FROM site_keys').all()
    expect(JSON.stringify(results)).not.toContain(site.keys.privateKey)
  })
})
