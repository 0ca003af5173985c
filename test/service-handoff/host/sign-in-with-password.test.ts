import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import {
  createLocalCredentials,
  parseNewCredential,
} from '../../../src/core/users/local-credentials.ts'
import { LOCAL_PROVIDER_ID } from '../../../src/core/sessions/session.ts'
import type { UserId } from '../../../src/core/sessions/session.ts'
import { toUuid } from '../../../src/core/applications/handoff-sessions.ts'
import { createOperator } from '../../admin/operator.ts'
import { ring } from '../../core/sessions/published-hint.ts'
import { rowsOf } from '../../core/sessions/signed-in-user.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { createService } from '../../world/service.ts'
import type { Service } from '../../world/service.ts'
import { settings } from '../../world/settings.ts'
import { createWorld, signIn, liveSession } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'
import { snapshot } from '../../world/snapshot.ts'
import { steppedBindings } from '../../world/stepped-bindings.ts'

const LOGIN = '/api/v1/user/login/'
const PASSWORD = 'correct horse battery'

let clock: TestClock
let world: World
let app: Service
let userId: UserId

beforeEach(async () => {
  clock = freezeClock()
  world = await createWorld()
  app = await createService(world, {
    handoff: { refreshToken: true },
    oauth: { grantTypes: ['password'], scope: ['openid'] },
  })
  const browser = world.newBrowser()
  await signIn(browser, world.otrotl)
  userId = (await liveSession(browser.session()))!.userId
  const credential = await parseNewCredential('alice', PASSWORD)
  if (!credential.ok) throw new Error(credential.refusal.code)
  await createLocalCredentials(env.DIRECTORY).insertion(userId, credential.value, NOON).run()
})

const login = (username: string, password: string, service = app) =>
  service.ask(LOGIN, { username, password })

describe('a username and a password', () => {
  it('give tokens, as a hand-off would, under a session of their own', async () => {
    const { status, body } = await login('Alice', PASSWORD)
    expect([status, Object.keys(body)]).toEqual([
      200,
      ['api_sid', 'refresh', 'access', 'expires_in'],
    ])
    const bearer = String(body.access)
    const asked = await app.ask('/api/v1/sso/service-request/', { service: app.id }, { bearer })
    expect(asked.status).toBe(200)
    const shown = await app.verify(String(asked.body.token))
    expect((shown.body.user as { id: string }).id).toBe(userId)
    const renewed = await app.ask('/api/v1/sso/token-refresh/', { refresh: body.refresh })
    expect(renewed.status).toBe(200)
    const told = await world.fetch(
      new Request(`${settings.ISSUER}/oauth/userinfo`, {
        headers: { authorization: `Bearer ${String(renewed.body.access)}` },
      }),
    )
    expect(told.status).toBe(200)
  })

  it('give an api_sid, by which the application hears of the end of that session, and ends it itself', async () => {
    const acknowledge = async () => {
      const { api_sid } = (await login('alice', PASSWORD)).body
      const { status } = await app.ask('/api/v1/sso/login-acknowledgement/', { api_sid })
      expect(status).toBe(200)
      return api_sid
    }
    const [left, ended] = [await acknowledge(), await acknowledge()]
    expect((await app.ask('/api/v1/sso/logout/', { api_sid: left })).status).toBe(200)
    const live = await world.core.sessions.list(userId, clock.now())
    // The browser's, and the other one of the application.
    expect(live).toMatchObject({ ok: true, value: { length: 2 } })
    await createOperator().ask('DELETE', `/users/${userId}/sessions`)
    await ring(userId)
    await vi.waitFor(() => expect(app.told).toEqual([ended]))
  })

  it('tell the application no other name of the session than the one that it has for it', async () => {
    const { api_sid } = (await login('alice', PASSWORD)).body
    const rows = await rowsOf(userId, 'SELECT client_sid FROM participants')
    expect(rows.map(({ client_sid }) => toUuid(String(client_sid)))).toEqual([api_sid])
  })

  it('work in a form, without a slash at the end', async () => {
    const body = { username: 'alice', password: PASSWORD }
    const { status } = await app.ask('/api/v1/user/login', body, { asForm: true })
    expect(status).toBe(200)
  })

  it('that are not right are refused in one answer, and open nothing', async () => {
    const log = captureLog()
    const answers = new Set<string>()
    for (const [username, password] of [
      ['alice', 'wrong password'],
      ['nobody', PASSWORD],
      ['alice', 'x'.repeat(2000)],
      ["' OR 1=1 --", PASSWORD],
    ] as const) {
      const { status, body } = await login(username, password)
      answers.add(JSON.stringify([status, body.code, body.detail]))
    }
    expect([...answers]).toEqual([
      JSON.stringify([
        401,
        'no_active_account',
        'No active account found with the given credentials.',
      ]),
    ])
    expect(log.text()).not.toContain(PASSWORD)
    expect(log.text()).not.toContain('wrong password')
  })

  it('are tried too often, and then even the right one is refused for a while', async () => {
    for (let i = 0; i < 12; i += 1) await login('alice', 'wrong password')
    expect((await login('alice', PASSWORD)).status).toBe(401)
    clock.advance(3600)
    expect((await login('alice', PASSWORD)).status).toBe(200)
  })

  it('open nothing where the password is changed once it was found right, at whatever step', async () => {
    const stepped = steppedBindings()
    const watched = await createWorld({}, stepped.bindings)
    const operator = createOperator()
    const change = (password: string) =>
      operator.ask('PUT', `/users/${userId}/password`, { username: 'alice', password })
    const call = (password: string) =>
      watched.fetch(
        new Request(settings.ISSUER + LOGIN, {
          method: 'POST',
          headers: { apikey: app.key },
          body: new URLSearchParams({ username: 'alice', password }),
        }),
      )
    let current = PASSWORD
    // Until the fifth the key and the password are looked up.
    for (let step = 5; ; step += 1) {
      const [before, after] = [current, `${PASSWORD} ${step}`]
      const { value, wasInterrupted } = await stepped.interrupt(
        step,
        () => change(after),
        () => call(before),
      )
      if (!wasInterrupted) {
        expect([value.status, step > 7]).toEqual([200, true])
        break
      }
      expect([200, 401], `step ${step}`).toContain(value.status)
      const live = await world.core.sessions.list(userId, clock.now())
      const opened = live.ok && live.value.map(({ authentication }) => authentication.providerId)
      expect(opened, `step ${step}`).not.toContain(LOCAL_PROVIDER_ID)
      clock.advance(3600)
      current = after
    }
  }, 60_000)

  it('are not for an application that is not registered for them, or shows no key', async () => {
    const plain = await createService(world, { origin: 'https://plain.example' })
    const before = await snapshot()
    const refused = await login('alice', PASSWORD, plain)
    expect([refused.status, refused.body.code]).toEqual([403, 'service_not_allowed'])
    const body = { username: 'alice', password: PASSWORD }
    expect((await app.ask(LOGIN, body, { key: '' })).status).toBe(401)
    expect((await app.ask(LOGIN, { username: 'alice' })).status).toBe(400)
    expect(await snapshot()).toEqual(before)
  })

  it('are not for a service that takes only people who come from a provider', async () => {
    const strict = await createService(world, {
      origin: 'https://strict.example',
      handoff: { identityProviders: ['otrotl'] },
      oauth: { grantTypes: ['password'], scope: ['openid'] },
    })
    const before = await snapshot()
    const refused = await login('alice', PASSWORD, strict)
    expect([refused.status, refused.body.code]).toEqual([403, 'service_not_allowed'])
    expect(await snapshot()).toEqual(before)
  })
})
