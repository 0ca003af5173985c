import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import type { UserId } from '../../src/core/sessions/session.ts'
import { ring } from '../core/sessions/published-hint.ts'
import { rowsOf } from '../core/sessions/signed-in-user.ts'
import { freezeClock } from '../world/clock.ts'
import { countedDirectory } from '../world/counted-directory.ts'
import { createWorld } from '../world/sign-in.ts'
import { snapshot } from '../world/snapshot.ts'
import { ask, pushUser, registerSite, startShared } from '../world/sites.ts'

const put = (externalid?: string) => ({ identifier: { field: 'externalid', value: externalid } })

describe('a person who is pushed', () => {
  it('becomes a user with a storage identity, under tokens of their own', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const answer = await ask(site, 'POST', '/storage/users.json', {
      user: {
        externalid: 4711,
        login: 'ada',
        password: 'secret',
        identity: {
          preferredUsername: 'ada',
          displayName: 'Ada Lovelace',
          emails: [{ value: 'ada@shop.example', is_verified: '1' }],
          customData: { any: ['thing'] },
        },
      },
    })
    expect(answer.status).toBe(201)
    const uuid = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(answer.data.user).toMatchObject({
      user_token: uuid,
      externalid: '4711',
      login: 'ada',
      num_logins: 0,
      date_last_login: null,
      identity: {
        identity_token: uuid,
        provider: 'storage',
        source: { name: 'Cloud Storage', key: 'storage' },
        displayName: 'Ada Lovelace',
        emails: [{ value: 'ada@shop.example', is_verified: true }],
        customData: { any: ['thing'] },
      },
    })
    expect(JSON.stringify(answer.data)).not.toContain('secret')
    const kept = await env.DIRECTORY.prepare('SELECT * FROM users').first()
    expect(kept).toMatchObject({
      name: 'Ada Lovelace',
      email: 'ada@shop.example',
      email_verified: 0,
    })
    const identity = await env.DIRECTORY.prepare('SELECT * FROM identities').first()
    const { identity_token: subject } = answer.data.user.identity
    expect(identity).toMatchObject({
      issuer: 'https://login.example',
      subject,
      provider_id: 'storage',
    })
  })

  it('gets a number where the site brings none, of its company’s own sequence', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const foreign = await registerSite({ subdomain: 'foreign', group: 'other' })
    const numbers: string[] = []
    for (const one of [site, site, foreign]) {
      const made = await ask(one, 'POST', '/storage/users.json', { user: [] })
      expect(made.status).toBe(201)
      numbers.push(made.data.user.externalid)
    }
    expect(numbers).toEqual(['100000001', '100000002', '100000001'])
  })

  it('gets a number also where the company has brought a run of the next ones itself', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    for (let number = 100_000_001; number <= 100_000_008; number += 1) {
      await pushUser(site, { externalid: number })
    }
    const made = await ask(site, 'POST', '/storage/users.json', { user: { login: 'ada' } })
    expect(made.status).toBe(201)
    expect(Number(made.data.user.externalid)).toBeGreaterThan(100_000_008)
  })

  it('is not pushed twice under one external id or login', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const blog = await registerSite({ subdomain: 'blog' })
    const foreign = await registerSite({ subdomain: 'foreign', group: 'other' })
    await pushUser(site, { externalid: '1', login: 'ada' })
    for (const user of [{ externalid: '1' }, { login: 'ada' }, { externalid: '1', login: 'x' }]) {
      expect((await ask(blog, 'POST', '/storage/users.json', { user })).status).toBe(409)
    }
    expect((await ask(site, 'GET', '/users.json')).data.users.count).toBe(1)
    const users = await env.DIRECTORY.prepare('SELECT COUNT(*) AS n FROM users').first()
    expect(users).toEqual({ n: 1 })
    await pushUser(foreign, { externalid: '1', login: 'ada' })
  })

  it.each([
    ['a token and an id', { user_token: 'a', id: 'b', user_id: 'c', created_by: 'd' }],
    ['a company', { company: 'other', site: 'foreign' }],
    [
      'roles and tokens in the identity',
      { identity: { identity_token: 'x', provider: 'google', roles: [{ value: 'admin' }] } },
    ],
    ['a source', { identity: { source: { key: 'google', name: 'Google' } } }],
  ])('is not what the site says beyond the person: %s', async (_what, more) => {
    const site = await registerSite({ subdomain: 'shop' })
    const answer = await ask(site, 'POST', '/storage/users.json', {
      user: { login: 'ada', ...more },
    })
    expect(answer.status).toBe(201)
    const { user } = answer.data
    expect([user.login, user.identity.provider]).toEqual(['ada', 'storage'])
    expect(user.user_token).toHaveLength(36)
    expect(user.identity.identity_token).toHaveLength(36)
    expect(user.identity.source).toEqual({ name: 'Cloud Storage', key: 'storage' })
    expect(user.identity).not.toHaveProperty('roles')
  })

  it.each([
    ['not JSON', '{'],
    ['a text', '"request"'],
    ['a member twice', '{"request":{"user":{"login":"a","login":"b"}}}'],
    ['a prototype', '{"request":{"user":{"__proto__":{"login":"b"}}}}'],
    [
      'too deep a value',
      `{"request":{"user":{"identity":{"customData":${'['.repeat(40)}${']'.repeat(40)}}}}}`,
    ],
    ['a user that is a text', '{"request":{"user":"ada"}}'],
    ['a login that is an object', '{"request":{"user":{"login":{"a":1}}}}'],
    ['a login with NUL', '{"request":{"user":{"login":"a\\u0000b"}}}'],
    ['a password of 2 KB', `{"request":{"user":{"password":"${'x'.repeat(2000)}"}}}`],
    ['emails that are a text', '{"request":{"user":{"identity":{"emails":"a@b.c"}}}}'],
    [
      'a note of more than 4096 characters',
      `{"request":{"user":{"identity":{"note":"${'x'.repeat(4097)}"}}}}`,
    ],
    ['a name that is a list', '{"request":{"user":{"identity":{"name":["a"]}}}}'],
    [
      'a thousand addresses',
      `{"request":{"user":{"identity":{"emails":${JSON.stringify(Array.from({ length: 1000 }, () => ({ value: 'a' })))}}}}}`,
    ],
  ])('is not made of %s', async (_what, text) => {
    const site = await registerSite({ subdomain: 'shop' })
    const answer = await ask(site, 'POST', '/storage/users.json', undefined, { text })
    expect([answer.status, answer.result]).toEqual([400, undefined])
    expect((await ask(site, 'GET', '/users.json')).data.users.count).toBe(0)
  })

  it('is not read from a body beyond 256 KB', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const text = JSON.stringify({ request: { user: { note: 'x'.repeat(256 * 1024) } } })
    expect((await ask(site, 'POST', '/storage/users.json', undefined, { text })).status).toBe(413)
  })

  it.each([undefined, 'application/x-www-form-urlencoded', 'text/plain', 'application/json'])(
    'is read from a body that says it is %s',
    async (type) => {
      const site = await registerSite({ subdomain: 'shop' })
      const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type }
      const text = JSON.stringify({ request: { user: { login: 'ada' } } })
      const answer = await ask(site, 'POST', '/storage/users.json', undefined, { text, headers })
      expect([answer.status, answer.data.user.login]).toEqual([201, 'ada'])
    },
  )
})

describe('a person who is pushed again', () => {
  it.each([
    ['text', { note: 'x'.repeat(4000), aboutMe: 'x'.repeat(4000) }],
    [
      'a list',
      { urls: Array.from({ length: 100 }, (_, i) => ({ value: `https://b.example/${i}` })) },
    ],
  ])(
    'is refused, and not dropped in silence, where there is more than is kept: %s',
    async (_what, more) => {
      const site = await registerSite({ subdomain: 'shop' })
      const urls = [{ value: 'https://a.example' }]
      const { userToken } = await pushUser(site, {
        identity: { customData: 'x'.repeat(60_000), urls },
      })
      const before = await snapshot()
      const user = { login: 'ada', identity: more }
      const path = `/storage/users/${userToken}.json`
      const answer = await ask(site, 'PUT', path, { update_mode: 'append', user })
      expect([answer.status, answer.result]).toEqual([409, undefined])
      expect(await snapshot()).toEqual(before)
    },
  )

  it('keeps what is not mentioned, loses what is blank, and has lists replaced or appended to', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken } = await pushUser(site, {
      login: 'ada',
      identity: {
        displayName: 'Ada',
        note: 'first',
        aboutMe: 'counts',
        name: { givenName: 'Ada', familyName: 'Byron' },
        emails: [{ value: 'a@shop.example' }],
      },
    })
    const path = `/storage/users/${userToken}.json`
    const replaced = await ask(site, 'PUT', path, {
      update_mode: 'replace',
      user: {
        identity: {
          note: null,
          aboutMe: '',
          name: { familyName: 'Lovelace' },
          emails: [{ value: 'b@shop.example' }],
        },
      },
    })
    expect(replaced.status).toBe(200)
    const { identity } = replaced.data.user
    expect(identity).toMatchObject({
      displayName: 'Ada',
      name: { givenName: 'Ada', familyName: 'Lovelace' },
      emails: [{ value: 'b@shop.example' }],
    })
    expect(identity).not.toHaveProperty('note')
    expect(identity).not.toHaveProperty('aboutMe')
    const appended = await ask(site, 'PUT', path, {
      update_mode: 'append',
      user: { identity: { emails: [{ value: 'b@shop.example' }, { value: 'c@shop.example' }] } },
    })
    expect(appended.data.user.identity.emails).toEqual([
      { value: 'b@shop.example' },
      { value: 'c@shop.example' },
    ])
    expect(appended.data.user.login).toBe('ada')
    const posted = await ask(site, 'POST', path, { user: { externalid: 'mapped' } })
    expect([posted.status, posted.data.user.externalid]).toEqual([200, 'mapped'])
  })

  it('loses its login where that is blank in an update that replaces, and in no other', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken } = await pushUser(site, { login: 'ada', externalid: '7' })
    const path = `/storage/users/${userToken}.json`
    const blank = { user: { login: '' } }
    const loginAfter = async (where: string, body: unknown) =>
      (await ask(site, 'PUT', where, body)).data.user.login
    expect(await loginAfter(path, { update_mode: 'append', ...blank })).toBe('ada')
    const synchronize = { ...put('7'), ...blank }
    const other = '/storage/users/user/synchronize.json'
    expect(await loginAfter(other, { synchronize })).toBe('ada')
    expect(await loginAfter(path, blank)).toBeNull()
  })

  it('takes no name of another, and nothing else of a request that asks for it', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    await pushUser(site, { login: 'grace' })
    const { userToken } = await pushUser(site, { login: 'ada' })
    const before = await ask(site, 'GET', `/users/${userToken}.json`)
    const answer = await ask(site, 'PUT', `/storage/users/${userToken}.json`, {
      user: { login: 'grace', identity: { displayName: 'Grace' } },
    })
    expect(answer.status).toBe(409)
    expect((await ask(site, 'GET', `/users/${userToken}.json`)).data).toEqual(before.data)
  })

  it('by ten requests at once has what each of them has added', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken } = await pushUser(site)
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        ask(site, 'PUT', `/storage/users/${userToken}.json`, {
          update_mode: 'append',
          user: { identity: { urls: [{ value: `https://shop.example/${i}` }] } },
        }),
      ),
    )
    const accepted = answers.filter(({ status }) => status === 200).length
    const conflicts = answers.filter(({ status }) => status === 409).length
    expect(accepted + conflicts).toBe(10)
    const read = await ask(site, 'GET', `/users/${userToken}.json`)
    expect(read.data.user.identities[0].urls).toHaveLength(accepted)
  })

  it('by synchronizing is made first, and found after that', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const blog = await registerSite({ subdomain: 'blog' })
    const path = '/storage/users/user/synchronize.json'
    const first = await ask(site, 'PUT', path, { synchronize: { ...put('7'), user: [] } })
    expect([first.status, first.data.user.externalid]).toEqual([201, '7'])
    const second = await ask(blog, 'PUT', path, {
      synchronize: { ...put('7'), user: { login: 'ada', identity: { note: 'x' } } },
    })
    expect(second.status).toBe(200)
    expect(second.data.user.user_token).toBe(first.data.user.user_token)
    expect(second.data.user).toMatchObject({ login: 'ada', identity: { note: 'x' } })
    for (const identifier of [{}, { field: 'email', value: 'x' }, { field: 'login', value: '' }]) {
      const refused = await ask(site, 'PUT', path, { synchronize: { identifier } })
      expect(refused.status).toBe(400)
    }
    const unknown = { field: 'user_token', value: crypto.randomUUID() }
    const chosen = await ask(site, 'PUT', path, { synchronize: { identifier: unknown, user: {} } })
    expect(chosen.status).toBe(404)
  })

  it.each(['Append', 'merge', 7, {}])(
    'is not replaced by an update of the mode %j',
    async (mode) => {
      const site = await registerSite({ subdomain: 'shop' })
      const emails = [{ value: 'a@shop.example' }]
      const { userToken } = await pushUser(site, { externalid: '7', identity: { emails } })
      const before = await snapshot()
      const more = {
        update_mode: mode,
        user: { identity: { emails: [{ value: 'b@shop.example' }] } },
      }
      for (const [path, body] of [
        [`/storage/users/${userToken}.json`, more],
        ['/storage/users/user/synchronize.json', { synchronize: { ...put('7'), ...more } }],
      ] as const) {
        const answer = await ask(site, 'PUT', path, body)
        expect([path, answer.status]).toEqual([path, 400])
      }
      expect(await snapshot()).toEqual(before)
    },
  )

  it('by ten synchronizations at once is one person', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const path = '/storage/users/user/synchronize.json'
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => ask(site, 'PUT', path, { synchronize: put('7') })),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect((await ask(site, 'GET', '/users.json')).data.users.count).toBe(1)
  })
})

describe('looking somebody up', () => {
  const path = '/storage/users/user/lookup.json'

  it('finds them by what is given, if all of it is right', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken } = await pushUser(site, { externalid: '1', login: 'ada', password: 'right' })
    const look = async (user: unknown) => (await ask(site, 'POST', path, { user })).status
    expect(await look({ login: 'ada' })).toBe(200)
    expect(await look({ externalid: 1 })).toBe(200)
    expect(await look({ user_token: userToken, login: 'ada', password: 'right' })).toBe(200)
    expect(await look({ login: 'ada', password: 'wrong' })).toBe(401)
    expect(await look({ login: 'ada', externalid: '2' })).toBe(404)
    expect(await look({ login: 'nobody', password: 'right' })).toBe(404)
    expect(await look({ login: '%' })).toBe(404)
    expect(await look({ login: "' OR 1=1 --" })).toBe(404)
    expect(await look({})).toBe(400)
    expect(await look([])).toBe(400)
    const read = await ask(site, 'POST', path, { user: { login: 'ada' } })
    expect(read.data.user.num_logins).toBe(1)
    expect(read.data.user).toHaveProperty('identity.identity_token')
  })

  it('takes no blank for a right password, as a form sends it that nobody has filled in', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    await pushUser(site, { login: 'ada', password: 'right' })
    for (const password of ['', []]) {
      const blank = await ask(site, 'POST', path, { user: { login: 'ada', password } })
      expect([password, blank.status, blank.result]).toEqual([password, 401, undefined])
    }
    const unset = await ask(site, 'POST', path, { user: { login: 'ada', password: null } })
    expect([unset.status, unset.data.user.num_logins]).toEqual([200, 0])
  })

  it('takes no password of somebody who is disabled, and counts no login', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    await pushUser(site, { login: 'ada', password: 'right' })
    await env.DIRECTORY.exec(`UPDATE users SET status = 'disabled'`)
    const look = (user: unknown) => ask(site, 'POST', path, { user })
    const right = await look({ login: 'ada', password: 'right' })
    expect([right.status, right.result]).toEqual([409, undefined])
    expect((await look({ login: 'ada', password: 'wrong' })).status).toBe(401)
    const found = await look({ login: 'ada' })
    expect([found.status, found.data.user.num_logins]).toEqual([200, 0])
  })

  it('takes no password from somebody who was given none', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    await pushUser(site, { login: 'ada' })
    for (const password of ['null', 'undefined', '0']) {
      expect((await ask(site, 'POST', path, { user: { login: 'ada', password } })).status).toBe(401)
    }
  })

  it('stops looking at passwords after ten wrong ones, for that person alone', async () => {
    freezeClock()
    const site = await registerSite({ subdomain: 'shop' })
    await pushUser(site, { login: 'ada', password: 'right' })
    await pushUser(site, { login: 'grace', password: 'right' })
    const guesses = await Promise.all(
      Array.from({ length: 15 }, () =>
        ask(site, 'POST', path, { user: { login: 'ada', password: 'wrong' } }),
      ),
    )
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(10)
    const waits = guesses.flatMap(({ headers }) => headers.get('retry-after') ?? [])
    expect(waits).toEqual(Array.from({ length: 5 }, () => '900'))
    const late = await ask(site, 'POST', path, { user: { login: 'ada', password: 'right' } })
    expect(late.status).toBe(429)
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(800)
    const other = await ask(site, 'POST', path, { user: { login: 'grace', password: 'right' } })
    expect(other.status).toBe(200)
    expect((await ask(site, 'POST', path, { user: { login: 'ada' } })).status).toBe(200)
  })
})

describe('a right password', () => {
  it('makes up for the wrong ones before it', async () => {
    freezeClock()
    const site = await registerSite({ subdomain: 'shop' })
    await pushUser(site, { login: 'ada', password: 'right' })
    const path = '/storage/users/user/lookup.json'
    const look = async (password: string) =>
      (await ask(site, 'POST', path, { user: { login: 'ada', password } })).status
    for (let round = 0; round < 2; round += 1) {
      const wrong = await Promise.all(Array.from({ length: 9 }, () => look('wrong')))
      expect(new Set(wrong)).toEqual(new Set([401]))
      expect(await look('right')).toBe(200)
    }
  })
})

describe('a person who is removed', () => {
  it('is gone with everything that was pushed of them, and their sessions with them', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken, identityToken } = await pushUser(site, { login: 'ada', externalid: '1' })
    const token = await startShared(site, identityToken)
    const path = `/users/${userToken}.json`
    expect((await ask(site, 'DELETE', path)).status).toBe(400)
    expect((await ask(site, 'DELETE', `${path}?confirm_deletion=true`)).status).toBe(200)
    for (const gone of [path, `/identities/${identityToken}.json`, `/sso/sessions/${token}.json`]) {
      expect((await ask(site, 'GET', gone)).status).toBe(404)
    }
    for (const table of ['users', 'identities', 'site_users', 'site_identities', 'site_sessions']) {
      const { results } = await env.DIRECTORY.prepare(`SELECT * FROM ${table}`).all()
      expect([table, results]).toEqual([table, []])
    }
    const again = await ask(site, 'DELETE', `${path}?confirm_deletion=true`)
    expect(again.status).toBe(404)
    await pushUser(site, { login: 'ada', externalid: '1' })
  })

  it('has left no name in what is kept of their sessions', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const emails = [{ value: 'ada@shop.example' }]
    const { userToken, identityToken } = await pushUser(site, {
      identity: { displayName: 'Ada Lovelace', emails },
    })
    const { user_id: userId } = (await env.DIRECTORY.prepare(
      'SELECT user_id FROM site_users',
    ).first<{ user_id: UserId }>())!
    await startShared(site, identityToken, { lifetime: 2_678_400 })
    const kept = async () => JSON.stringify(await rowsOf(userId, 'SELECT * FROM sessions'))
    expect(await kept()).toMatch(/Ada Lovelace.*ada@shop\.example/)
    await ask(site, 'DELETE', `/users/${userToken}.json?confirm_deletion=true`)
    // The sessions of an ended epoch are written down by the alarm, which may be ringing already.
    await ring(userId)
    await vi.waitFor(async () => expect(await kept()).not.toMatch(/Ada|ada@/), 5000)
  })

  it('has no session that began while they were removed', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken, identityToken } = await pushUser(site)
    const start = `/sso/sessions/identities/${identityToken}.json`
    const [, ...started] = await Promise.all([
      ask(site, 'DELETE', `/users/${userToken}.json?confirm_deletion=true`),
      ask(site, 'PUT', start),
      ask(site, 'PUT', start),
    ])
    for (const { status } of started) expect([201, 404, 409]).toContain(status)
    expect((await ask(site, 'GET', start)).status).toBe(404)
    expect((await ask(site, 'GET', '/sso/sessions.json')).data.sso_sessions.count).toBe(0)
  })
})

describe('an identity', () => {
  it('that is removed takes its session along', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const { userToken, identityToken } = await pushUser(site)
    const token = await startShared(site, identityToken)
    const path = `/identities/${identityToken}.json`
    expect((await ask(site, 'DELETE', path)).status).toBe(400)
    expect((await ask(site, 'DELETE', `${path}?confirm_deletion=true`)).status).toBe(200)
    expect((await ask(site, 'GET', `/sso/sessions/${token}.json`)).status).toBe(404)
    expect((await ask(site, 'GET', `/users/${userToken}.json`)).data.user.identities).toEqual([])
    const renewed = await ask(site, 'PUT', `/storage/users/${userToken}.json`, {
      user: { identity: { displayName: 'Ada' } },
    })
    expect(renewed.status).toBe(201)
  })

  it('that is linked to another user is theirs, and no session of before goes on', async () => {
    const site = await registerSite({ subdomain: 'shop' })
    const from = await pushUser(site)
    const to = await pushUser(site)
    const token = await startShared(site, from.identityToken)
    const link = `/identities/${from.identityToken}/link.json`
    const user = { user_token: to.userToken }
    const occupied = await ask(site, 'PUT', link, { user })
    expect(occupied.status).toBe(409)
    expect((await ask(site, 'GET', `/sso/sessions/${token}.json`)).status).toBe(200)
    await ask(site, 'DELETE', `/identities/${to.identityToken}.json?confirm_deletion=true`)
    const linked = await ask(site, 'PUT', link, { user })
    expect(linked.status).toBe(200)
    expect(linked.data.user.identities[0].identity_token).toBe(from.identityToken)
    expect((await ask(site, 'GET', `/sso/sessions/${token}.json`)).status).toBe(404)
    const read = await ask(site, 'GET', `/identities/${from.identityToken}.json`)
    expect(read.data.identity.user_token).toBe(to.userToken)
    const fresh = await startShared(site, from.identityToken)
    const session = await ask(site, 'GET', `/sso/sessions/${fresh}.json`)
    expect(session.data.sso_session.user_token).toBe(to.userToken)
  })
})

describe('a list of people or identities', () => {
  // A page may have 500 entries, a person 64 KB, and an isolate 128 MB for all that it is doing.
  it.each(['/users.json', '/identities.json'])(
    'at %s is read without what is known of each',
    async (path) => {
      const site = await registerSite({ subdomain: 'shop' })
      const aboutMe = 'a'.repeat(4000)
      for (let i = 0; i < 3; i += 1) await pushUser(site, { identity: { aboutMe } })
      const { directory, charactersRead } = countedDirectory(env.DIRECTORY)
      const world = await createWorld({}, { DIRECTORY: directory })
      const read = await charactersRead(async () => {
        const fetch = (request: Request) => world.fetch(request)
        const answer = await ask(site, 'GET', path, undefined, { fetch })
        expect(Object.values(answer.data)).toMatchObject([{ count: 3 }])
      })
      expect(read).toBeLessThan(aboutMe.length)
    },
  )
})
