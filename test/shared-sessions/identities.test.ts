/** Identities that a provider vouches for, as sites read, link and remove them. */
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { parseNewCredential } from '../../src/core/users/local-credentials.ts'
import { createSiteUsers } from '../../src/core/users/site-users.ts'
import { gatewayFor } from '../../src/gateway.ts'
import { systemClock } from '../../src/platform/clock.ts'
import type { Browser } from '../world/browser.ts'
import { captureLog } from '../world/log-lines.ts'
import { settings } from '../world/settings.ts'
import { snapshot } from '../world/snapshot.ts'
import { createWorld, liveSession, signIn } from '../world/sign-in.ts'
import { steppedBindings } from '../world/stepped-bindings.ts'
import { ask, pushUser, registerSite, startShared } from '../world/sites.ts'
import type { TestSite } from '../world/sites.ts'
import { check, told } from '../world/socialize.ts'

const { core } = gatewayFor(env)
const facts = { requestId: 'test', clientKey: 'x', waitUntil: () => {}, continent: undefined }

/** Who the browser's person is to the site's company. */
async function known(site: TestSite, browser: Browser) {
  const { token } = await told(await check(browser, site))
  const read = await ask(site, 'GET', `/connections/${token}.json`)
  const { user } = read.data
  return { userToken: user.user_token, identityToken: user.identity.identity_token }
}

async function someoneSignedIn() {
  const world = await createWorld()
  const site = await registerSite({ subdomain: 'shop' })
  const browser = world.newBrowser()
  await signIn(browser, world.otrotl)
  return { world, site, browser, ...(await known(site, browser)) }
}

const link = (site: TestSite, identityToken: string, userToken: string) =>
  ask(site, 'PUT', `/identities/${identityToken}/link.json`, { user: { user_token: userToken } })

const userIdOf = async (userToken: string) =>
  (await env.DIRECTORY.prepare('SELECT user_id FROM site_users WHERE user_token = ?')
    .bind(userToken)
    .first<{ user_id: never }>())!.user_id

describe('an identity that a provider vouches for', () => {
  it('linked to another user takes the sign-ins along, and ends what there was of before', async () => {
    const { world, site, browser, identityToken } = await someoneSignedIn()
    const shared = await startShared(site, identityToken)
    const { userToken } = await pushUser(site, { login: 'ada' })
    const linked = await link(site, identityToken, userToken)
    expect(linked.status).toBe(200)
    expect(
      linked.data.user.identities.map(({ provider }: { provider: string }) => provider),
    ).toEqual(expect.arrayContaining(['storage', 'otrotl']))
    expect((await ask(site, 'GET', `/sso/sessions/${shared}.json`)).status).toBe(404)
    expect(await liveSession(browser.session())).toBeUndefined()
    await signIn(browser, world.otrotl)
    expect((await liveSession(browser.session()))?.userId).toBe(await userIdOf(userToken))
    expect(await known(site, browser)).toEqual({ userToken, identityToken })
  })

  it('is not linked where one of the two is known to others, or disabled; and no session ends', async () => {
    const { site, browser, userToken, identityToken } = await someoneSignedIn()
    const shared = await startShared(site, identityToken)
    const other = await pushUser(site, { login: 'ada' })
    const foreign = await registerSite({ subdomain: 'foreign', group: 'other' })
    const { userToken: theirs } = await known(foreign, browser)
    const before = await snapshot()
    expect((await link(site, identityToken, other.userToken)).status).toBe(409)
    expect((await link(site, other.identityToken, userToken)).status).toBe(409)
    expect(await snapshot()).toEqual(before)
    expect((await ask(site, 'GET', `/sso/sessions/${shared}.json`)).status).toBe(200)
    await env.DIRECTORY.prepare('DELETE FROM site_users WHERE user_token = ?').bind(theirs).run()
    const now = systemClock()
    await core!.disableUser.disable(facts, { userId: await userIdOf(userToken), now })
    const disabled = await snapshot()
    expect((await link(site, identityToken, other.userToken)).status).toBe(409)
    expect((await link(site, other.identityToken, userToken)).status).toBe(409)
    expect(await snapshot()).toEqual(disabled)
  })

  it('is told as it is now, also after the person has signed in under another name', async () => {
    const { world, site, browser, identityToken } = await someoneSignedIn()
    world.otrotl.behaviour.userInfo = { name: 'Alice Baker' }
    await signIn(browser, world.otrotl, { ask: { prompt: 'login' } })
    expect((await known(site, browser)).identityToken).toBe(identityToken)
    const read = await ask(site, 'GET', `/identities/${identityToken}.json`)
    expect(read.data.identity.displayName).toBe('Alice Baker')
  })

  it('of a person who is removed is the person’s still', async () => {
    const { world, site, browser, userToken } = await someoneSignedIn()
    const removed = await ask(site, 'DELETE', `/users/${userToken}.json?confirm_deletion=true`)
    expect(removed.status).toBe(200)
    expect(await liveSession(browser.session())).toBeDefined()
    await signIn(browser, world.otrotl)
    expect((await known(site, browser)).userToken).not.toBe(userToken)
  })
})

it('a person whom an operator has given a password stays, whoever removes what sites have pushed', async () => {
  const site = await registerSite({ subdomain: 'shop' })
  const { userToken } = await pushUser(site)
  const userId = await userIdOf(userToken)
  const credential = await parseNewCredential('ada', 'correct horse battery')
  if (!credential.ok) throw new Error(credential.refusal.code)
  await core!.localCredentials.set(userId, credential.value, systemClock())
  const removed = await ask(site, 'DELETE', `/users/${userToken}.json?confirm_deletion=true`)
  expect(removed.status).toBe(200)
  expect(await core!.users.find(userId)).toMatchObject({ status: 'active' })
  expect(await core!.localCredentials.find(userId)).toMatchObject({ username: 'ada' })
})

describe('a person who is removed after the identity that a provider vouches for', () => {
  it('stays signed in to what is not the company’s', async () => {
    const { site, browser, userToken, identityToken } = await someoneSignedIn()
    for (const path of [`/identities/${identityToken}`, `/users/${userToken}`]) {
      const { status } = await ask(site, 'DELETE', `${path}.json?confirm_deletion=true`)
      expect(status).toBe(200)
    }
    expect(await liveSession(browser.session())).toBeDefined()
  })
})

describe('what sites push of a person', () => {
  it('is what the directory says of them, whole, as long as nobody else has said anything', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const emails = [{ value: 'ada@shop.example' }]
    const { userToken } = await pushUser(site, { identity: { preferredUsername: 'ada', emails } })
    const userId = await userIdOf(userToken)
    const named = { name: 'ada', email: 'ada@shop.example', details: { preferredUsername: 'ada' } }
    expect(await core!.users.find(userId)).toMatchObject(named)
    const identity = { preferredUsername: null, emails: [], displayName: 'Grace' }
    await ask(site, 'PUT', `/storage/users/${userToken}.json`, { user: { identity } })
    const after = await core!.users.find(userId)
    expect(after).toMatchObject({ name: 'Grace', email: undefined })
    expect(after!.details).toEqual({})
  })

  it.each(['email_verified = 0', 'last_sign_in_at = NULL'])(
    'is not the directory’s word on whom a provider vouches for, nor an operator (%s)',
    async (otherwise) => {
      const { site, userToken } = await someoneSignedIn()
      const userId = await userIdOf(userToken)
      await env.DIRECTORY.exec(`UPDATE users SET ${otherwise}`)
      const before = await core!.users.find(userId)
      expect(before).toMatchObject({ name: expect.any(String), email: expect.any(String) })
      const identity = { displayName: 'Eve', emails: [{ value: 'eve@example.com' }] }
      const pushed = await ask(site, 'PUT', `/storage/users/${userToken}.json`, {
        user: { identity },
      })
      expect(pushed.status).toBe(201)
      expect(await core!.users.find(userId)).toEqual(before)
    },
  )
})

describe('what sites read of people', () => {
  it('is in the log: which site, and what', async () => {
    const { site, userToken, identityToken } = await someoneSignedIn()
    await pushUser(site, { login: 'ada' })
    const { lines } = captureLog()
    const asked: readonly (readonly [string, string, unknown?])[] = [
      ['GET', '/users.json'],
      ['GET', `/users/${userToken}.json`],
      ['GET', '/identities.json'],
      ['GET', `/identities/${identityToken}.json`],
      ['POST', '/storage/users/user/lookup.json', { user: { login: 'ada' } }],
      ['PUT', `/identities/${identityToken}/synchronize.json`],
    ]
    for (const [method, path, body] of asked) {
      expect((await ask(site, method, path, body)).status).toBe(200)
    }
    await ask(site, 'GET', `/users/${crypto.randomUUID()}.json`)
    await ask(site, 'GET', '/site.json')
    const reads = lines.filter(({ event }) => event === 'site.read')
    expect(reads.map(({ application, resource }) => [application, resource])).toEqual(
      ['/users', '/users/*', '/identities', '/identities/*']
        .map((path) => [site.id, path])
        .concat([
          [site.id, '/storage/users/user/lookup'],
          [site.id, '/identities/*/synchronize'],
        ]),
    )
    const { results } = await env.DIRECTORY.prepare(
      `SELECT 1 FROM audit_events WHERE event = 'site.read'`,
    ).all()
    expect(results).toEqual([])
  })
})

const companyOf = async (userToken: string) =>
  (await env.DIRECTORY.prepare('SELECT company FROM site_users WHERE user_token = ?')
    .bind(userToken)
    .first<string>('company'))!

type Tokens = Awaited<ReturnType<typeof pushUser>>

describe('a person whom no site has pushed yet', () => {
  it('is pushed by two sites at once as by one after the other, at whatever step the other comes', async () => {
    const stepped = steppedBindings()
    const world = await createWorld({}, stepped.bindings)
    const fetch = (request: Request) => world.fetch(request)
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken, identityToken } = await pushUser(site)
    let pushed = identityToken
    const push = (urls: string, more = {}) => {
      const user = { identity: { urls: [{ value: urls }] } }
      const body = { update_mode: 'append', user }
      return ask(site, 'PUT', `/storage/users/${userToken}.json`, body, more)
    }
    for (let step = 1; ; step += 1) {
      await ask(site, 'DELETE', `/identities/${pushed}.json?confirm_deletion=true`)
      const { value, wasInterrupted } = await stepped.interrupt(
        step,
        () => push('https://blog.example'),
        () => push('https://shop.example', { fetch }),
      )
      expect([step, value.status]).toEqual([
        step,
        wasInterrupted ? expect.toBeOneOf([200, 201]) : 201,
      ])
      const { data } = await ask(site, 'GET', `/users/${userToken}.json`)
      const [identity] = data.user.identities
      expect([step, identity.urls.length]).toEqual([step, wasInterrupted ? 2 : 1])
      if (!wasInterrupted) break
      pushed = identity.identity_token
    }
  })
})

describe('a user who is removed, whatever step of a change it comes before,', () => {
  const LOGIN = { identifier: { field: 'login', value: 'ada' }, user: { identity: { note: 'x' } } }

  it.each<
    [string, (of: Tokens, other: Tokens) => readonly [method: string, path: string, body?: unknown]]
  >([
    [
      'an update',
      ({ userToken }) => ['PUT', `/storage/users/${userToken}.json`, { user: LOGIN.user }],
    ],
    [
      'a synchronization',
      () => ['PUT', '/storage/users/user/synchronize.json', { synchronize: LOGIN }],
    ],
    [
      'a link to them',
      ({ userToken }, { identityToken }) => [
        'PUT',
        `/identities/${identityToken}/link.json`,
        { user: { user_token: userToken } },
      ],
    ],
    ['a session', ({ identityToken }) => ['PUT', `/sso/sessions/identities/${identityToken}.json`]],
  ])('is answered as such, beside %s', async (_what, request) => {
    const stepped = steppedBindings()
    const world = await createWorld({}, stepped.bindings)
    const fetch = (request: Request) => world.fetch(request)
    const site = await registerSite({ subdomain: 'shop' })
    for (let step = 1; ; step += 1) {
      const ada = await pushUser(site, { login: 'ada' })
      const other = await pushUser(site)
      const identity = `/identities/${ada.identityToken}.json?confirm_deletion=true`
      if (!request(ada, other)[1].includes(ada.identityToken)) await ask(site, 'DELETE', identity)
      const remove = (userToken: string) =>
        ask(site, 'DELETE', `/users/${userToken}.json?confirm_deletion=true`)
      const [method, path, body] = request(ada, other)
      const { value, wasInterrupted } = await stepped.interrupt(
        step,
        () => remove(ada.userToken),
        () => ask(site, method, path, body, { fetch }),
      )
      expect([step, value.status]).toEqual([step, expect.toSatisfy((code) => code < 500)])
      const found = await ask(site, 'POST', '/storage/users/user/lookup.json', {
        user: { login: 'ada' },
      })
      if (found.status === 200) await remove(found.data.user.user_token)
      if (!wasInterrupted) break
    }
  })

  it('leaves nothing behind, with an update that was written while they were removed', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken, identityToken } = await pushUser(site)
    const company = await companyOf(userToken)
    const user = (await core!.siteUsers.find(company, { userToken }))!
    await ask(site, 'DELETE', `/identities/${identityToken}.json?confirm_deletion=true`)
    const writing = Promise.withResolvers<void>()
    const removing = Promise.withResolvers<void>()
    const change = {
      merge: () => ({}),
      profileOf: () => ({ emailVerified: false, details: {} }) as never,
    }
    const updated = usersBefore(async () => {
      writing.resolve()
      await removing.promise
    }).update(company, userToken, { change } as never, systemClock())
    await writing.promise
    await core!.siteUsers.leave(user)
    await usersBefore(async () => {
      removing.resolve()
      await updated
    }).remove(user)
    for (const table of ['users', 'identities', 'site_identities']) {
      const { results } = await env.DIRECTORY.prepare(`SELECT * FROM ${table}`).all()
      expect([table, results]).toEqual([table, []])
    }
  })
})

describe('an identity that is linked to a user while they are removed', () => {
  it('stays where it was, and nothing of that user stays behind', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const gone = await pushUser(site)
    const other = await pushUser(site)
    await ask(site, 'DELETE', `/identities/${gone.identityToken}.json?confirm_deletion=true`)
    const company = await companyOf(gone.userToken)
    const goneId = await userIdOf(gone.userToken)
    const user = (await core!.siteUsers.find(company, { userToken: gone.userToken }))!
    const identity = (await core!.siteUsers.findIdentity(company, other.identityToken))!
    await core!.siteUsers.leave(user)
    await usersBefore(async () => {
      const linked = await core!.siteUsers.link(identity, user, systemClock())
      expect(linked).toEqual({ ok: false, refusal: { code: 'not_theirs' } })
    }).remove(user)
    expect(await core!.users.find(goneId)).toBeUndefined()
    const read = await ask(site, 'GET', `/identities/${other.identityToken}.json`)
    expect(read.data.identity.user_token).toBe(other.userToken)
  })
})

/** What is kept of sites' people, with something before each transaction. */
const usersBefore = (before: () => Promise<void>) =>
  createSiteUsers({
    issuer: settings.ISSUER,
    directory: new Proxy(env.DIRECTORY, {
      get(database, name) {
        if (name !== 'batch') return Reflect.get(database, name).bind(database) as unknown
        return async (statements: D1PreparedStatement[]) => {
          await before()
          return database.batch(statements)
        }
      },
    }),
  })
