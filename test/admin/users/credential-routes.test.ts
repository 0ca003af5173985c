import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import type { UserId } from '../../../src/core/sessions/session.ts'
import { createLocalCredentials } from '../../../src/core/users/local-credentials.ts'
import { gatewayFor } from '../../../src/gateway.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { createWorld, liveSession, signIn } from '../../world/sign-in.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { snapshot } from '../../world/snapshot.ts'
import { steppedBindings } from '../../world/stepped-bindings.ts'
import { openInput } from '../../core/sessions/signed-in-user.ts'
import { createOperator, unreachable } from '../operator.ts'

let log: ReturnType<typeof captureLog>

beforeEach(async () => {
  log = captureLog()
  await prepareKeyRing(systemClock())
})

const PASSWORD = 'correct horse battery'
const alice = {
  username: 'alice',
  password: PASSWORD,
  given_name: 'Alice',
  family_name: 'Archer',
  email: 'alice@corp.test',
  email_verified: true,
  address: { country: 'GB' },
}

const { ask } = createOperator()

const isRight = async (username: string, password: string) =>
  (await createLocalCredentials(env.DIRECTORY).check(username, password)).ok

describe('a user with a password of ours', () => {
  it('is created with a profile, and the password is nowhere to be read', async () => {
    const created = await ask('POST', '/users', alice)
    expect([created.status, created.body.username]).toEqual([201, 'alice'])
    const id = created.body.id as string
    expect(created.headers.get('location')).toBe(`/admin/api/users/${id}`)
    const shown = await ask('GET', `/users/${id}`)
    expect(shown.body).toMatchObject({
      name: 'Alice Archer',
      email: 'alice@corp.test',
      identities: [],
    })
    const credential = await ask('GET', `/users/${id}/password`)
    expect(credential.body).toEqual({
      id,
      username: 'alice',
      created_at: expect.any(Number),
      updated_at: expect.any(Number),
    })
    expect(await isRight('alice', PASSWORD)).toBe(true)
    const seen = JSON.stringify([created.body, shown.body, await snapshot()]) + log.text()
    expect(seen).not.toContain(PASSWORD.slice(0, 8))
  })

  it('is created where it is said that nothing is verified, also of a number that is not there', async () => {
    const unverified = { phone_number_verified: false, email_verified: false }
    const created = await ask('POST', '/users', { ...alice, ...unverified })
    expect(created.status).toBe(201)
    const told = await ask('GET', `/users/${created.body.id as string}/export`)
    expect(told.body.claims).toMatchObject(unverified)
  })

  it.each([
    ['no username', { ...alice, username: undefined }, '#/username'],
    ['a username with a blank', { ...alice, username: 'a b' }, '#/username'],
    ['a short password', { ...alice, password: '1234567' }, '#/password'],
    ['a long password', { ...alice, password: 'x'.repeat(1025) }, '#/password'],
    ['a number as a password', { ...alice, password: 12345678 }, '#/password'],
    ['an address of e-mail that is none', { ...alice, email: 'a@b@c' }, '#/email'],
    ['a name with marks that turn text around', { ...alice, name: 'A\u202e' }, '#/name'],
    ['a picture that is no https URL', { ...alice, picture: 'javascript:alert(1)' }, '#/picture'],
    ['an unknown member', { ...alice, id: '0'.repeat(32) }, '#/id'],
    [
      'an unknown member of the address',
      { ...alice, address: { planet: 'Earth' } },
      '#/address/planet',
    ],
  ])('is not created with %s', async (_, body, pointer) => {
    const before = await snapshot()
    const answer = await ask('POST', '/users', body)
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request'])
    const pointers = (answer.body.errors as { pointer: string }[]).map((error) => error.pointer)
    expect(pointers).toContain(pointer)
    expect(JSON.stringify(answer.body)).not.toContain(PASSWORD.slice(0, 8))
    expect(await snapshot()).toEqual(before)
  })

  it('is not created under a name, or with a verified address, that somebody has', async () => {
    await ask('POST', '/users', alice)
    const before = await snapshot()
    const named = await ask('POST', '/users', { username: 'ALICE', password: PASSWORD })
    expect([named.status, named.body.code]).toEqual([409, 'username_taken'])
    const addressed = await ask('POST', '/users', { ...alice, username: 'bob' })
    expect([addressed.status, addressed.body.code]).toEqual([409, 'email_taken'])
    expect(await snapshot()).toEqual(before)
  })
})

describe('the password of a user', () => {
  async function signedIn() {
    const world = await createWorld()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const session = await liveSession(browser.session())
    const bridge = async () => (await browser.fetch('/auth/sso/token')).status
    return { id: session!.userId as string, bridge }
  }

  it('is set, and every session of the user ends', async () => {
    const { id, bridge } = await signedIn()
    expect((await ask('GET', `/users/${id}/password`)).status).toBe(404)
    const set = await ask('PUT', `/users/${id}/password`, { username: 'alice', password: PASSWORD })
    expect([set.status, set.body]).toEqual([200, { id, username: 'alice', ended_sessions: 1 }])
    expect(await bridge()).toBe(401)
    expect(await isRight('alice', PASSWORD)).toBe(true)
    const again = await ask('PUT', `/users/${id}/password`, { password: 'another password' })
    expect(again.body).toEqual({ id, username: 'alice', ended_sessions: 0 })
    expect([await isRight('alice', PASSWORD), await isRight('alice', 'another password')]).toEqual([
      false,
      true,
    ])
    const { results } = await env.DIRECTORY.prepare(
      `SELECT details FROM audit_events WHERE event = 'sessions.ended'`,
    ).all()
    expect(results).toEqual([{ details: '{"cause":"password_changed","ended":1}' }])
  })

  it('is removed, and every session of the user ends', async () => {
    const { id, bridge } = await signedIn()
    await ask('PUT', `/users/${id}/password`, { username: 'alice', password: PASSWORD })
    const removed = await ask('DELETE', `/users/${id}/password`)
    expect([removed.status, removed.body]).toEqual([200, { id, ended_sessions: 0 }])
    expect([await bridge(), await isRight('alice', PASSWORD)]).toEqual([401, false])
    expect((await ask('DELETE', `/users/${id}/password`)).status).toBe(404)
  })

  it('is removed with every session that it has opened by then, at whatever step', async () => {
    const stepped = steppedBindings()
    const operator = createOperator(stepped.bindings)
    const { core } = gatewayFor(env)
    const body = { username: 'alice', password: PASSWORD }
    const id = (await ask('POST', '/users', body)).body.id as UserId
    const path = `/users/${id}/password`
    for (let step = 1; ; step += 1) {
      await ask('PUT', path, body)
      const opened: string[] = []
      const { value, wasInterrupted } = await stepped.interrupt(
        step,
        async () => {
          if ((await createLocalCredentials(env.DIRECTORY).find(id)) === undefined) return
          const session = await core!.sessions.open(openInput(systemClock(), id))
          if (session.ok) opened.push(session.value.cookie)
        },
        () => operator.ask('DELETE', path),
      )
      const { ended_sessions: ended } = value.body
      expect([step, value.status, ended]).toEqual([step, 200, opened.length])
      for (const cookie of opened) {
        expect((await core!.sessions.peek(cookie, systemClock())).ok, `step ${step}`).toBe(false)
      }
      if (!wasInterrupted) break
    }
  })

  it('is not set without a name, to a bad one, or for nobody', async () => {
    const { id, bridge } = await signedIn()
    const before = await snapshot()
    expect((await ask('PUT', `/users/${id}/password`, { password: PASSWORD })).status).toBe(400)
    expect(
      (await ask('PUT', `/users/${id}/password`, { username: 'alice', password: 'x' })).status,
    ).toBe(400)
    for (const nobody of ['0'.repeat(32), 'nobody']) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const body = method === 'PUT' ? { username: 'eve', password: PASSWORD } : undefined
        expect((await ask(method, `/users/${nobody}/password`, body)).status, method).toBe(404)
      }
    }
    expect(await snapshot()).toEqual(before)
    expect(await bridge()).toBe(200)
  })

  it('whose sessions do not end is answered 503, and asked for again they do', async () => {
    const { id, bridge } = await signedIn()
    const away = createOperator({ USER_SESSIONS: unreachable() })
    const body = { username: 'alice', password: PASSWORD }
    const answer = await away.ask('PUT', `/users/${id}/password`, body)
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable'])
    expect((await ask('PUT', `/users/${id}/password`, body)).body.ended_sessions).toBe(1)
    expect(await bridge()).toBe(401)
  })
})
