import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { gatewayFor } from '../../src/gateway.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { captureLog } from '../world/log-lines.ts'
import type { Members } from '../world/provider-behaviour.ts'
import { snapshot } from '../world/snapshot.ts'
import { createWorld, liveSession, signIn } from '../world/sign-in.ts'
import type { World } from '../world/sign-in.ts'
import { ask, pushUser, registerSite, startShared } from '../world/sites.ts'
import type { TestSite } from '../world/sites.ts'
import { check, told } from '../world/socialize.ts'

const OURS = 'tuberaker'
const PHONE = 'tuberaker-on-phones'
const STRANGERS = 'quiz-of-the-day'
const { core } = gatewayFor(env)
const facts = { requestId: 'test', clientKey: 'x', waitUntil: () => {}, continent: undefined }

/** A provider that says whom it has issued a token to, and knows one application of ours. */
async function prepare(settings: Readonly<Record<string, unknown>> = {}) {
  const world = await createWorld({ otrotl: { native_client_ids: [PHONE], ...settings } })
  world.otrotl.behaviour.discovery = {
    introspection_endpoint: 'https://otrotl.example/introspection',
  }
  const site = await registerSite({ subdomain: 'shop' })
  return { world, site, otrotl: world.otrotl }
}

interface Brought {
  readonly accessToken?: unknown
  readonly idToken?: unknown
  readonly userToken?: string | undefined
  readonly key?: string
}

const bring = (
  { fetch }: Pick<World, 'fetch'>,
  site: Partial<TestSite> & { readonly subdomain: string },
  { accessToken, idToken, userToken, key = 'otrotl' }: Brought,
) =>
  ask(
    site,
    'PUT',
    '/users.json',
    {
      user: {
        action: 'import_from_access_token',
        ...(userToken !== undefined && { user_token: userToken }),
        identity: {
          source: {
            key,
            ...(accessToken !== undefined && { access_token: { key: accessToken } }),
            ...(idToken !== undefined && { id_token: { value: idToken } }),
          },
        },
      },
    },
    { fetch },
  )

const keyless = { subdomain: 'shop' }

const otrotlRequests = ({ internet }: World) =>
  internet.requests.map(({ url }) => new URL(url)).filter(({ host }) => host === 'otrotl.example')

describe('a person whose access token an application brings', () => {
  it('is the user that they are when they sign in with us', async () => {
    const { world, site, otrotl } = await prepare()
    const { accessToken } = await otrotl.issueTo(PHONE, 'alice')
    const first = await bring(world, site, { accessToken })
    expect(first.status).toBe(201)
    expect(first.data.user).toMatchObject({
      num_logins: 0,
      identity: {
        provider: 'otrotl',
        displayName: 'Alice Archer',
        emails: [{ value: 'alice@example.org', is_verified: true }],
      },
    })
    const { accessToken: other } = await otrotl.issueTo(OURS, 'alice')
    const again = await bring(world, site, { accessToken: other })
    expect([again.status, again.data.user.user_token]).toEqual([200, first.data.user.user_token])
    const browser = world.newBrowser()
    await signIn(browser, otrotl)
    const { token } = await told(await check(browser, site))
    const read = await ask(site, 'GET', `/connections/${token}.json`)
    expect(read.data.user.identity.identity_token).toBe(first.data.user.identity.identity_token)
  })

  it('has no session of it, and is in the audit trail', async () => {
    const { world, site, otrotl } = await prepare()
    const { lines } = captureLog()
    const { accessToken } = await otrotl.issueTo(PHONE, 'alice')
    expect((await bring(world, site, { accessToken })).status).toBe(201)
    const row = await env.DIRECTORY.prepare('SELECT id FROM users').first<{ id: never }>()
    const sessions = await core!.sessions.list(row!.id, systemClock())
    expect(sessions.ok && sessions.value).toEqual([])
    expect(lines).toContainEqual(
      expect.objectContaining({
        event: 'site_user.changed',
        what: 'imported',
        by: 'server',
        provider: 'otrotl',
      }),
    )
    expect(JSON.stringify(lines)).not.toContain(accessToken)
  })

  it('is one user, by ten at once', async () => {
    const { world, site, otrotl } = await prepare()
    const { accessToken } = await otrotl.issueTo(PHONE, 'alice')
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => bring(world, site, { accessToken })),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(9)
    expect(new Set(answers.map(({ data }) => data.user.user_token)).size).toBe(1)
    expect((await ask(site, 'GET', '/users.json')).data.users.count).toBe(1)
  })

  it('is told of themselves alone where nobody brings keys', async () => {
    const { world, site, otrotl } = await prepare()
    const { accessToken } = await otrotl.issueTo(PHONE, 'alice')
    const known = await bring(world, site, { accessToken })
    const { user_token: userToken } = known.data.user
    await ask(site, 'PUT', `/storage/users/${userToken}.json`, {
      user: { login: 'secret-login', identity: { note: 'owes us money' } },
    })
    const answer = await bring(world, keyless, { accessToken })
    expect(answer.status).toBe(200)
    expect(Object.keys(answer.data.user).toSorted()).toEqual(['identity', 'user_token', 'uuid'])
    expect(answer.data.user).toMatchObject({
      user_token: userToken,
      identity: { provider: 'otrotl' },
    })
    expect(JSON.stringify(answer.data)).not.toMatch(/secret-login|money/)
  })
})

describe('an access token is refused, and nothing changes,', () => {
  it.each<[string, Members]>([
    ['that is not active', { active: false }],
    ['of which nobody says whom it was issued to', { client_id: undefined }],
    ['issued to a name like ours', { client_id: `${OURS}-2` }],
    ['issued to several', { client_id: [OURS] }],
    ['of another issuer', { iss: 'https://second.example' }],
    ['that has run out', { exp: 1 }],
    ['that begins later', { nbf: 4_000_000_000 }],
    ['that is a refresh token', { token_type: 'refresh_token' }],
    ['that is bound to a key', { cnf: { jkt: 'x' } }],
    ['of nobody', { sub: undefined }],
    ['of somebody who is no text', { sub: 7 }],
    ['of somebody else than UserInfo says', { sub: 'sub-bob' }],
  ])('%s', async (_what, introspection) => {
    const { world, site, otrotl } = await prepare()
    const { accessToken } = await otrotl.issueTo(PHONE, 'alice')
    otrotl.behaviour.introspection = introspection
    const before = await snapshot()
    for (const caller of [site, keyless]) {
      const answer = await bring(world, caller, { accessToken })
      expect([answer.status, answer.result]).toEqual([400, undefined])
      expect(JSON.stringify(answer.request)).not.toContain(accessToken)
    }
    expect(await snapshot()).toEqual(before)
  })

  it('that another client of the same provider has got', async () => {
    const { world, site, otrotl } = await prepare()
    const { accessToken } = await otrotl.issueTo(STRANGERS, 'alice')
    const before = await snapshot()
    const { lines } = captureLog()
    expect((await bring(world, site, { accessToken })).status).toBe(400)
    expect(await snapshot()).toEqual(before)
    expect(lines).toContainEqual(
      expect.objectContaining({
        event: 'site_user.refused',
        reason: 'token_refused',
        check: 'client_id',
      }),
    )
    // Who that is, nobody was asked.
    expect(otrotlRequests(world).map(({ pathname }) => pathname)).not.toContain('/userinfo')
  })

  it.each(['', 'a b', 'a\r\nb', 'ä', 'x'.repeat(9000), { a: 1 }])('that is %j', async (token) => {
    const { world, site } = await prepare()
    const before = await snapshot()
    expect((await bring(world, site, { accessToken: token })).status).toBe(400)
    expect(await snapshot()).toEqual(before)
    const paths = otrotlRequests(world).map(({ pathname }) => pathname)
    expect(paths).not.toContain('/introspection')
  })

  it('of a provider that does not say whom tokens are for: it does not even see it', async () => {
    const { world, site, otrotl } = await prepare()
    otrotl.behaviour.discovery = undefined
    const { accessToken } = await otrotl.issueTo(OURS, 'alice')
    const before = await snapshot()
    expect((await bring(world, site, { accessToken })).status).toBe(400)
    expect(await snapshot()).toEqual(before)
    const paths = otrotlRequests(world).map(({ pathname }) => pathname)
    expect(paths.filter((path) => /userinfo|introspection/.test(path))).toEqual([])
  })

  it('that UserInfo does not take, or where an answer is none', async () => {
    const { world, site, otrotl } = await prepare()
    const { accessToken } = await otrotl.issueTo(OURS, 'alice')
    const before = await snapshot()
    const status = async () => (await bring(world, site, { accessToken })).status
    for (const refusal of [401, 403]) {
      otrotl.behaviour.answers = { userinfo: () => new Response(null, { status: refusal }) }
      expect(await status()).toBe(400)
    }
    otrotl.behaviour.answers = { userinfo: () => new Response(null, { status: 500 }) }
    expect(await status()).toBe(503)
    const jwt = { 'content-type': 'application/token-introspection+jwt' }
    for (const introspection of [
      () => new Response('away', { status: 500 }),
      () => Response.json({ error: 'invalid_client' }, { status: 401 }),
      () => Response.redirect('https://second.example/introspection'),
      () => Response.json({ active: 'true', client_id: OURS, sub: 'sub-alice' }),
      () => new Response('a.b.c', { headers: jwt }),
      () => new Response('x'.repeat(600_000)),
    ]) {
      otrotl.behaviour.answers = { introspection }
      const answer = await bring(world, site, { accessToken })
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    }
    expect(await snapshot()).toEqual(before)
  })

  it.each<[string, number, Partial<Brought>]>([
    ['beside no known provider', 400, { key: 'nobody' }],
    ['beside a provider of another kind', 400, { key: 'storage' }],
    ['for a user who is not there', 404, { userToken: crypto.randomUUID() }],
  ])('%s', async (_what, status, more) => {
    const { world, site, otrotl } = await prepare()
    const { accessToken } = await otrotl.issueTo(OURS, 'alice')
    const before = await snapshot()
    expect((await bring(world, site, { accessToken, ...more })).status).toBe(status)
    expect(await snapshot()).toEqual(before)
  })

  it('by a site that is not the company’s own, by wrong keys, and with another action', async () => {
    const { world, site, otrotl } = await prepare()
    const guest = await registerSite({ subdomain: 'guest', isFirstParty: false })
    const { accessToken } = await otrotl.issueTo(OURS, 'alice')
    const before = await snapshot()
    expect((await bring(world, guest, { accessToken })).status).toBe(403)
    expect((await bring(world, { subdomain: 'guest' }, { accessToken })).status).toBe(403)
    const wrong = { ...site, keys: guest.keys }
    expect((await bring(world, wrong, { accessToken })).status).toBe(401)
    const user = { action: 'delete', identity: { source: { key: 'otrotl' } } }
    const fetch = (request: Request) => world.fetch(request)
    const other = await ask(site, 'PUT', '/users.json', { user }, { fetch })
    expect(other.status).toBe(400)
    expect(await snapshot()).toEqual(before)
  })

  it('of somebody who is disabled, or may not come by that provider', async () => {
    const { world, site, otrotl } = await prepare({ allowed_email_domains: ['example.org'] })
    const { accessToken } = await otrotl.issueTo(OURS, 'alice')
    await bring(world, site, { accessToken })
    const row = await env.DIRECTORY.prepare('SELECT id FROM users').first<{ id: never }>()
    await core!.disableUser.disable(facts, { userId: row!.id, now: systemClock() })
    const before = await snapshot()
    expect((await bring(world, site, { accessToken })).status).toBe(409)
    const unverified = await otrotl.issueTo(OURS, 'mallory')
    const answer = await bring(world, site, { accessToken: unverified.accessToken })
    expect(answer.status).toBe(403)
    expect(await snapshot()).toEqual(before)
  })
})

describe('a user whom the site names for the identity', () => {
  it('gets it, and is who signs in with it from then on', async () => {
    const { world, site, otrotl } = await prepare()
    const { userToken } = await pushUser(site, { login: 'alice' })
    const { accessToken } = await otrotl.issueTo(OURS, 'alice')
    const answer = await bring(world, site, { accessToken, userToken })
    expect([answer.status, answer.data.user.user_token]).toEqual([201, userToken])
    expect(answer.data.user.identities).toHaveLength(2)
    const browser = world.newBrowser()
    await signIn(browser, otrotl)
    const session = await liveSession(browser.session())
    const { results } = await env.DIRECTORY.prepare('SELECT user_id FROM site_users').all()
    expect(results).toEqual([{ user_id: session!.userId }])
    expect((await bring(world, site, { accessToken, userToken })).status).toBe(200)
  })

  it('takes it over from another user of the company, whose sessions end', async () => {
    const { world, site, otrotl } = await prepare()
    const { userToken } = await pushUser(site, { login: 'alice' })
    const browser = world.newBrowser()
    await signIn(browser, otrotl)
    const { token } = await told(await check(browser, site))
    const read = await ask(site, 'GET', `/connections/${token}.json`)
    const shared = await startShared(site, read.data.user.identity.identity_token)
    const { accessToken } = await otrotl.issueTo(OURS, 'alice')
    const answer = await bring(world, site, { accessToken, userToken })
    expect([answer.status, answer.data.user.user_token]).toEqual([200, userToken])
    expect((await ask(site, 'GET', `/sso/sessions/${shared}.json`)).status).toBe(404)
    expect(await liveSession(browser.session())).toBeUndefined()
  })

  it('is named by the site’s server only', async () => {
    const { world, site, otrotl } = await prepare()
    const { userToken } = await pushUser(site, { login: 'alice' })
    const { accessToken } = await otrotl.issueTo(OURS, 'mallory')
    const before = await snapshot()
    expect((await bring(world, keyless, { accessToken, userToken })).status).toBe(401)
    expect(await snapshot()).toEqual(before)
  })

  it('does not get what is somebody else’s, nor a second one of the provider', async () => {
    const { world, site, otrotl } = await prepare()
    const { userToken } = await pushUser(site, { login: 'alice' })
    // Alice has been here, and never at the company.
    await signIn(world.newBrowser(), otrotl)
    const { accessToken } = await otrotl.issueTo(OURS, 'alice')
    const before = await snapshot()
    expect((await bring(world, site, { accessToken, userToken })).status).toBe(409)
    expect(await snapshot()).toEqual(before)
    const bob = await otrotl.issueTo(OURS, 'bob')
    await bring(world, site, { accessToken: bob.accessToken, userToken })
    const mallory = await otrotl.issueTo(OURS, 'mallory')
    const settled = await snapshot()
    const second = await bring(world, site, { accessToken: mallory.accessToken, userToken })
    expect(second.status).toBe(409)
    expect(await snapshot()).toEqual(settled)
  })

  it('does not get it while another company knows them, or while they are disabled', async () => {
    const { world, site, otrotl } = await prepare()
    const foreign = await registerSite({ subdomain: 'foreign', group: 'other' })
    const bob = await world.second.issueTo('drawbridge-at-second', 'bob')
    world.second.behaviour.discovery = {
      introspection_endpoint: 'https://second.example/introspection',
    }
    const tokens: string[] = []
    for (const one of [site, foreign]) {
      const known = await bring(world, one, { accessToken: bob.accessToken, key: 'second' })
      tokens.push(known.data.user.user_token)
    }
    const { accessToken } = await otrotl.issueTo(OURS, 'alice')
    const before = await snapshot()
    const [userToken] = tokens
    expect((await bring(world, site, { accessToken, userToken })).status).toBe(409)
    expect(await snapshot()).toEqual(before)
    const pushed = await pushUser(site, { login: 'gone' })
    const row = await env.DIRECTORY.prepare('SELECT user_id FROM site_users WHERE user_token = ?')
      .bind(pushed.userToken)
      .first<{ user_id: never }>()
    await core!.disableUser.disable(facts, { userId: row!.user_id, now: systemClock() })
    const settled = await snapshot()
    const disabled = await bring(world, site, { accessToken, userToken: pushed.userToken })
    expect(disabled.status).toBe(409)
    expect(await snapshot()).toEqual(settled)
  })
})

describe('an ID token that an application brings', () => {
  it.each<[string, Members]>([
    ['that was issued to it', {}],
    ['that it has asked for in our name, as on phones', { aud: OURS, azp: PHONE }],
  ])('%s is proof by itself', async (_what, changes) => {
    const { world, otrotl, site } = await prepare()
    otrotl.behaviour.discovery = undefined
    const { claims } = await otrotl.issueTo(PHONE, 'alice')
    const named = { ...claims, ...changes, name: 'Alice' }
    const answer = await bring(world, site, { idToken: await otrotl.sign(named) })
    expect(answer.status).toBe(201)
    expect(answer.data.user.identity).toMatchObject({ provider: 'otrotl', displayName: 'Alice' })
  })

  it('beside an access token binds it, and UserInfo is asked', async () => {
    const { world, otrotl, site } = await prepare()
    otrotl.behaviour.discovery = undefined
    const { accessToken, claims } = await otrotl.issueTo(PHONE, 'alice')
    const idToken = await otrotl.sign(claims)
    const answer = await bring(world, site, { accessToken, idToken })
    expect(answer.status).toBe(201)
    expect(answer.data.user.identity.displayName).toBe('Alice Archer')
  })

  it.each<[string, Members, Members?]>([
    ['that we got at a sign-in of our own', { aud: OURS }],
    ['that says so of us', { aud: OURS, azp: OURS }],
    ['of another client', { aud: STRANGERS }],
    ['of another client, in our name', { aud: OURS, azp: STRANGERS }],
    ['for others too', { aud: [PHONE, STRANGERS] }],
    ['for nobody', { aud: [] }],
    ['for another, by our application', { aud: STRANGERS, azp: PHONE }],
    ['of another issuer', { iss: 'https://second.example' }],
    ['that has run out', { exp: 1 }],
    ['that never does', { exp: undefined }],
    ['that is old', { iat: 1_000_000_000 }],
    ['of nobody', { sub: undefined }],
    ['of a name that is empty', { sub: '' }],
    ['of a name that is no visible ASCII', { sub: 'sub-älice' }],
    ['that is a logout token', { events: {} }],
    ['that is an access token', {}, { typ: 'at+jwt' }],
    ['beside an access token of another', { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }],
    ['that does not say beside which access token', { at_hash: undefined }],
  ])('%s is refused', async (_what, changes, header = {}) => {
    const { world, otrotl, site } = await prepare()
    const { accessToken, claims } = await otrotl.issueTo(PHONE, 'alice')
    const changed = Object.entries({ ...claims, ...changes }).filter(([, v]) => v !== undefined)
    const idToken = await otrotl.sign(Object.fromEntries(changed), header)
    const before = await snapshot()
    expect((await bring(world, site, { accessToken, idToken })).status).toBe(400)
    expect(await snapshot()).toEqual(before)
  })

  it('is refused where no application is named, or another provider has signed it', async () => {
    const { world, otrotl, site } = await prepare({ native_client_ids: [] })
    const { claims } = await otrotl.issueTo(PHONE, 'alice')
    const before = await snapshot()
    const idToken = await otrotl.sign(claims)
    expect((await bring(world, site, { idToken })).status).toBe(400)
    expect((await bring(world, site, { idToken, key: 'second' })).status).toBe(400)
    expect((await bring(world, site, { idToken: 'a.b.c' })).status).toBe(400)
    expect((await bring(world, site, {})).status).toBe(400)
    expect(await snapshot()).toEqual(before)
  })
})
