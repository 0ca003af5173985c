import { env } from 'cloudflare:workers'
import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { UserId } from '../../../src/core/sessions/session.ts'
import {
  createLocalCredentials,
  parseNewCredential,
} from '../../../src/core/users/local-credentials.ts'
import { parseProfileClaims } from '../../../src/core/users/profile-claims.ts'
import { createUsers } from '../../../src/core/users/users.ts'
import type { RegisteredApplication } from '../../world/applications.ts'
import { NOON } from '../../world/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { lostAnswers } from '../../world/lost-answers.ts'
import { openInput, rowsOf, sessionsOf } from '../../core/sessions/signed-in-user.ts'
import { expectError, expectUntouched } from './expect-answer.ts'
import { registerShop, tokenWorld, tokenWorldWith } from './token-world.ts'
import type { Answer, TokenWorld } from './token-world.ts'

const PASSWORD = 'correct horse battery'

let world: TokenWorld
let shop: RegisteredApplication

const registerLegacy = (oauth: object = {}) =>
  registerShop({
    name: 'Legacy',
    oauth: { redirectUris: [], grantTypes: ['password', 'refresh_token'], ...oauth },
  })

async function createPerson(username = 'ada', password = PASSWORD): Promise<UserId> {
  const credential = await parseNewCredential(username, password)
  if (!credential.ok) throw new Error(credential.refusal.code)
  const created = await createUsers(env.DIRECTORY).create(
    {
      profile: parseProfileClaims({ name: 'Ada Lovelace', email: `${username}@example.com` }),
      credential: (id) =>
        createLocalCredentials(env.DIRECTORY).insertion(id, credential.value, NOON),
    },
    NOON,
  )
  if (!created.ok) throw new Error(created.refusal.code)
  return created.value
}

const login = (
  password: string | undefined = PASSWORD,
  form: Record<string, string | undefined> = {},
  application = shop,
): Promise<Answer> =>
  world.asClient('/oauth/token', application, {
    grant_type: 'password',
    username: 'ada',
    password,
    scope: 'openid email',
    ...form,
  })

beforeEach(async () => {
  world = await tokenWorld()
  shop = await registerLegacy()
})

describe('a username and a password for tokens (RFC 6749 §4.3)', () => {
  it('open a session that is the application’s own, with all that follows from one', async () => {
    const userId = await createPerson()
    const { status, body } = await login()
    expect(status).toBe(200)
    expect(decodeJwt(body.id_token!)).toMatchObject({
      sub: userId,
      aud: shop.id,
      auth_time: NOON,
      amr: ['pwd'],
      email: 'ada@example.com',
    })
    expect((await world.userInfo(body.access_token)).body.sub).toBe(userId)
    const listed = await sessionsOf().list(userId, NOON)
    expect(listed.ok && listed.value.map(({ authentication }) => authentication)).toMatchObject([
      { providerId: 'local', applicationId: shop.id },
    ])
    const { body: refreshed } = await world.refresh(shop, body.refresh_token)
    expect(decodeJwt(refreshed.id_token!).sub).toBe(userId)
    await sessionsOf().endAll(userId, 'person', NOON)
    expect((await world.userInfo(refreshed.access_token)).status).toBe(401)
    expectError(await world.refresh(shop, refreshed.refresh_token), 'invalid_grant')
  })

  it('give no refresh token where that is not registered', async () => {
    await createPerson()
    const few = await registerLegacy({ grantTypes: ['password'], scope: ['openid', 'email'] })
    const { status, body } = await login(PASSWORD, {}, few)
    expect(status).toBe(200)
    expect(body).not.toHaveProperty('refresh_token')
    expect((await world.userInfo(body.access_token)).status).toBe(200)
  })

  it('give the scope as it was spelled only where all of it is granted', async () => {
    await createPerson()
    const rule = { rule: 'scope_map', from: 'mail', to: ['email'] }
    const adapted = await registerLegacy({ requestAdapter: [rule] })
    const scopeFor = async (scope: string) => (await login(PASSWORD, { scope }, adapted)).body.scope
    expect(await scopeFor('mail openid')).toBe('mail openid')
    expect(await scopeFor('mail openid orders')).toBe('email openid')
  })

  it('are of no use to an application without the grant, before anything is looked at', async () => {
    await createPerson()
    const other = await registerShop()
    await expectUntouched('unauthorized_client', () => login(PASSWORD, {}, other))
    await expectUntouched('unauthorized_client', () => login('wrong', {}, other))
    await expectUntouched('invalid_scope', () => login(PASSWORD, { scope: 'orders' }))
    const adapted = await registerLegacy({ requestAdapter: [{ rule: 'scope_drop', scope: 'a' }] })
    await expectUntouched('invalid_scope', () => login(PASSWORD, { scope: 'a' }, adapted))
    await expectUntouched('invalid_target', () =>
      login(PASSWORD, { resource: 'https://x.example' }),
    )
    await expectUntouched('invalid_request', () => login(undefined, { password: undefined }))
    await expectUntouched('invalid_request', () => login(PASSWORD, { username: '' }))
    await expectUntouched('invalid_request', () =>
      world.post(`/oauth/token?password=${encodeURIComponent(PASSWORD)}`, { client_id: shop.id }),
    )
  })

  it('are refused in one and the same way, whatever is wrong', async () => {
    const userId = await createPerson()
    const disabled = await createPerson('bob')
    await createUsers(env.DIRECTORY).disable(disabled, NOON)
    const held = await createPerson('carol')
    await sessionsOf().disable(held, NOON)
    const answers = [
      await login('wrong'),
      await login(PASSWORD, { username: 'nobody' }),
      await login(PASSWORD, { username: 'bob' }),
      await login(PASSWORD, { username: 'carol' }),
      await login(`${PASSWORD}\0`),
      await login('x'.repeat(1025)),
      await login('é'.repeat(600)),
    ]
    const seen = answers.map(({ status, body }) => ({ status, ...body, request_id: '' }))
    for (const [at, answer] of answers.entries()) {
      expectError(answer, 'invalid_grant')
      expect(seen[at]).toEqual(seen[0])
    }
    for (const user of [userId, disabled, held]) {
      const listed = await sessionsOf().list(user, NOON)
      expect(listed.ok && listed.value).toEqual([])
    }
  })

  it('look at no cookie and open nothing for other origins', async () => {
    await createPerson()
    const { cookie } = await world.person()
    const answer = await world.asClient(
      '/oauth/token',
      shop,
      { grant_type: 'password', username: 'ada', password: 'wrong' },
      { cookie: `__Host-drawbridge_session=${cookie}`, origin: 'https://app.example' },
    )
    expectError(answer, 'invalid_grant')
    expect(answer.headers.get('set-cookie')).toBeNull()
    expect((await login()).headers.get('set-cookie')).toBeNull()
  })
})

describe('guessing a password', () => {
  it('comes to ten tries in a quarter of an hour, from wherever, and then to nothing', async () => {
    const userId = await createPerson()
    for (let tries = 0; tries < 10; tries += 1) expectError(await login('wrong'), 'invalid_grant')
    expectError(await login(PASSWORD), 'invalid_grant')
    // Only passwords are throttled: who comes by their provider is not kept out.
    expect((await sessionsOf().open(openInput(world.clock.now(), userId))).ok).toBe(true)
    world.clock.advance(900)
    expect((await login(PASSWORD)).status).toBe(200)
  }, 30_000)

  it('is counted anew after the right one', async () => {
    await createPerson()
    for (let round = 0; round < 2; round += 1) {
      for (let tries = 0; tries < 9; tries += 1) expectError(await login('wrong'), 'invalid_grant')
      expect((await login(PASSWORD)).status).toBe(200)
    }
  }, 30_000)

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'and a directory that fails from its query %i on: 503, and no session',
    async (working) => {
      const userId = await createPerson()
      let queries = 0
      const directory = new Proxy(env.DIRECTORY, {
        get(target, name) {
          if (name !== 'prepare') return Reflect.get(target, name) as unknown
          return (query: string) => {
            // What is written down afterwards is no part of the decision.
            if (query.includes('audit_events')) return target.prepare(query)
            queries += 1
            if (queries >= working) throw new Error('down')
            return target.prepare(query)
          }
        },
      })
      world = await tokenWorldWith({ DIRECTORY: directory })
      const log = captureLog()
      const answer = await login()
      if (answer.status !== 200) expectError(answer, 'temporarily_unavailable', 503)
      const list = await sessionsOf().list(userId, NOON)
      expect(list.ok && list.value.length).toBe(answer.status === 200 ? 1 : 0)
      // The eighth asks whether the password is still the one; the ninth there is not.
      const ends = log.lines.filter(({ event }) => event === 'session.ended')
      expect(ends.map(({ cause }) => cause)).toEqual(working === 8 ? ['sign_in_unfinished'] : [])
      expect(answer.status).toBe(working === 9 ? 200 : 503)
    },
  )

  it('opens nothing under a name that has changed hands since the try was counted', async () => {
    const people = [await createPerson('ada', 'somebody else’s'), await createPerson('grace')]
    const handOver = ['ada/former', 'grace/ada'].map((names) =>
      env.DIRECTORY.prepare(
        'UPDATE local_credentials SET username_key = ?2 WHERE username_key = ?1',
      ).bind(...names.split('/')),
    )
    const directory = new Proxy(env.DIRECTORY, {
      get(target, name) {
        if (name !== 'prepare') return Reflect.get(target, name) as unknown
        return (query: string) => {
          const statement = target.prepare(query)
          if (!query.includes('password_hash, version FROM')) return statement
          const bind = (...values: unknown[]) => ({
            async first() {
              await env.DIRECTORY.batch(handOver)
              return statement.bind(...values).first()
            },
          })
          return { bind }
        }
      },
    })
    world = await tokenWorldWith({ DIRECTORY: directory })
    expectError(await login(), 'invalid_grant')
    for (const id of people) {
      expect(await sessionsOf().list(id, NOON)).toMatchObject({ ok: true, value: [] })
    }
    world = await tokenWorldWith({})
    expect((await login()).status).toBe(200)
  })

  it('leaves no session open that nobody has heard of', async () => {
    const userId = await createPerson()
    world = await tokenWorldWith({ USER_SESSIONS: lostAnswers('openSession') })
    expectError(await login(), 'temporarily_unavailable', 503)
    await vi.waitFor(async () => {
      const sessions = await rowsOf(userId, 'SELECT end_cause FROM sessions')
      expect(sessions).toEqual([{ end_cause: 'sign_in_unfinished' }])
    })
  })

  it('is impossible while nobody can count', async () => {
    await createPerson()
    const down = {
      getByName: () => {
        throw new Error('down')
      },
    } as unknown as Env['USER_SESSIONS']
    world = await tokenWorldWith({ USER_SESSIONS: down })
    for (const username of ['ada', 'nobody']) {
      const answer = await login(PASSWORD, { username })
      expectError(answer, 'temporarily_unavailable', 503)
    }
  })
})
