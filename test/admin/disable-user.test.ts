import {
  createExecutionContext,
  runDurableObjectAlarm,
  waitOnExecutionContext,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { runChores } from '../../src/background.ts'
import { CANARY_USER_ID } from '../../src/core/revocation/canary.ts'
import { createDisableUser } from '../../src/core/revocation/disable-user.ts'
import { newUserId } from '../../src/core/sessions/session.ts'
import type { UserId } from '../../src/core/sessions/session.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { storageName } from '../../src/platform/digest.ts'
import { refuse } from '../../src/platform/refusal.ts'
import { freezeClock } from '../world/clock.ts'
import { captureLog } from '../world/log-lines.ts'
import { createWorld, liveSession, signIn } from '../world/sign-in.ts'
import { keyRing, prepareKeyRing } from '../world/signed-by-us.ts'
import { openInput, sessionsOf } from '../core/sessions/signed-in-user.ts'
import { createOperator, unreachable } from './operator.ts'

beforeEach(async () => {
  captureLog()
  await prepareKeyRing(systemClock())
})

async function signedIn() {
  const world = await createWorld()
  const browser = world.newBrowser()
  await signIn(browser, world.otrotl)
  const session = await liveSession(browser.session())
  const { access_token: token } = await (
    await browser.fetch('/auth/sso/token')
  ).json<{ access_token: string }>()
  return {
    world,
    browser,
    id: session!.userId as string,
    bridge: async () => (await browser.fetch('/auth/sso/token')).status,
    api: async () =>
      (await browser.fetch('/api/me', { headers: { authorization: `Bearer ${token}` } })).status,
    signInAgain: async () => {
      const fresh = world.newBrowser()
      await signIn(fresh, world.otrotl)
      return (await fresh.fetch('/auth/sso/token')).status
    },
  }
}

const statusOf = (id: string) =>
  env.DIRECTORY.prepare('SELECT status, is_disable_pending AS pending FROM users WHERE id = ?')
    .bind(id)
    .first()

/** The key ring's heartbeat, when the last token has expired. */
async function forgetTold() {
  freezeClock(systemClock() + 361)
  await runDurableObjectAlarm(await keyRing())
}

/** The cron, as it runs with these objects. */
async function chores(bindings: object) {
  const there = { ...env, ...bindings }
  const context = createExecutionContext()
  await runChores(there, context)
  await waitOnExecutionContext(context)
}

/** Objects of which only the canary's cannot be reached, so that no test waits for its watch. */
async function withoutCanary(): Promise<{ USER_SESSIONS: Env['USER_SESSIONS'] }> {
  const canary = await storageName('user', CANARY_USER_ID)
  return {
    USER_SESSIONS: new Proxy(env.USER_SESSIONS, {
      get(namespace, member) {
        if (member !== 'getByName') return Reflect.get(namespace, member) as unknown
        return (name: string, options?: object) =>
          name === canary
            ? unreachable<Env['USER_SESSIONS']>().getByName(name)
            : namespace.getByName(name, options)
      },
    }),
  }
}

describe('a disabled user', () => {
  it('has no session, no token and no way to sign in', async () => {
    const alice = await signedIn()
    const { ask } = createOperator()
    const answer = await ask('POST', `/users/${alice.id}/disable`)
    expect([answer.status, answer.body]).toEqual([
      200,
      { id: alice.id, status: 'disabled', ended_sessions: 1 },
    ])
    expect(await statusOf(alice.id)).toEqual({ status: 'disabled', pending: 0 })
    expect([await alice.bridge(), await alice.api(), await alice.signInAgain()]).toEqual([
      401, 401, 401,
    ])
    const { body } = await ask('GET', `/audit?user=${alice.id}&limit=5`)
    expect(JSON.stringify(body)).toContain('"actor":"operator"')
  })

  it('costs the key ring no question, where their object answers', async () => {
    const alice = await signedIn()
    const { text } = captureLog()
    const { ask } = createOperator({ KEY_RING: unreachable() })
    expect((await ask('POST', `/users/${alice.id}/disable`)).status).toBe(200)
    expect(text()).not.toContain('not_reached')
  })

  it('that is enabled may sign in again; no session comes back', async () => {
    const alice = await signedIn()
    const { ask } = createOperator()
    await ask('POST', `/users/${alice.id}/disable`)
    expect((await ask('POST', `/users/${alice.id}/enable`)).body).toEqual({
      id: alice.id,
      status: 'active',
    })
    const { body } = await ask('GET', `/audit?user=${alice.id}&limit=1`)
    expect(body.events).toMatchObject([{ event: 'user.enabled', actor: 'operator' }])
    expect([await alice.bridge(), await alice.api()]).toEqual([401, 401])
    expect(await alice.signInAgain()).toBe(200)
  })
})

describe('a user whose object does not answer (L16)', () => {
  it('is disabled in the directory and cut off, though the object would still say yes', async () => {
    const alice = await signedIn()
    const cut = createOperator({ USER_SESSIONS: unreachable() })
    const answer = await cut.ask('POST', `/users/${alice.id}/disable`)
    expect([answer.status, answer.body.code]).toEqual([503, 'disable_pending'])
    expect(answer.headers.get('retry-after')).toBe('60')
    expect(await statusOf(alice.id)).toEqual({ status: 'disabled', pending: 1 })

    // A gateway that comes to it now, with an object that answers and knows nothing of it.
    const other = await createWorld()
    const tab = other.newBrowser()
    for (const { name, value } of alice.browser.jar.list('login.example')) {
      tab.jar.store(`${name}=${value}; Secure; Path=/`, new URL('https://login.example/'))
    }
    expect((await tab.fetch('/auth/sso/token')).status).toBe(401)
    expect(await alice.signInAgain()).toBe(401)
  })

  it('is told by the cron, and stays cut off as long as a token from before could live', async () => {
    const alice = await signedIn()
    const { ask } = createOperator({ USER_SESSIONS: unreachable() })
    await ask('POST', `/users/${alice.id}/disable`)
    await chores({ USER_SESSIONS: unreachable() })
    expect(await statusOf(alice.id)).toEqual({ status: 'disabled', pending: 1 })
    await chores(await withoutCanary())
    expect(await statusOf(alice.id)).toEqual({ status: 'disabled', pending: 0 })
    expect([await alice.bridge(), await alice.api()]).toEqual([401, 401])
    const keys = createOperator().gateway.core!.keys
    expect(await keys.cutOffs(systemClock())).toMatchObject({ value: [{ id: alice.id }] })
    await forgetTold()
    expect(await createOperator().gateway.core!.keys.cutOffs(systemClock())).toMatchObject({
      value: [],
    })
  })

  it('is not enabled before the object has ended what was to end', async () => {
    const alice = await signedIn()
    const away = createOperator({ USER_SESSIONS: unreachable() })
    await away.ask('POST', `/users/${alice.id}/disable`)
    expect((await away.ask('POST', `/users/${alice.id}/enable`)).status).toBe(503)
    expect(await statusOf(alice.id)).toEqual({ status: 'disabled', pending: 1 })
    expect((await createOperator().ask('POST', `/users/${alice.id}/enable`)).status).toBe(200)
    expect(await statusOf(alice.id)).toEqual({ status: 'active', pending: 0 })
    expect([await alice.bridge(), await alice.api()]).toEqual([401, 401])
    expect(await alice.signInAgain()).toBe(200)
    // Nor is the cut-off needed then, once the last token from before has expired.
    await forgetTold()
    expect(await createOperator().gateway.core!.keys.cutOffs(systemClock())).toMatchObject({
      value: [],
    })
  })

  it('stays enabled, by an operator who was quicker than the cron', async () => {
    const alice = await signedIn()
    await createOperator({ USER_SESSIONS: unreachable() }).ask('POST', `/users/${alice.id}/disable`)
    const { ask, gateway } = createOperator()
    const core = gateway.core!
    const cron = createDisableUser({
      ...core,
      people: {
        pendingDisables: async () => [alice.id as UserId],
        async find(id) {
          const found = await core.people.find(id)
          expect((await ask('POST', `/users/${id}/enable`)).status).toBe(200)
          return found
        },
      },
    })
    const facts = { requestId: 'x', clientKey: 'cron', waitUntil: () => {}, continent: undefined }
    await cron.retryPending(facts, systemClock())
    expect(await statusOf(alice.id)).toEqual({ status: 'active', pending: 0 })
    expect(await alice.signInAgain()).toBe(200)
  })

  it('waits for few others who do not answer either', async () => {
    const core = createOperator().gateway.core!
    let waiting = 0
    const depths: number[] = []
    const cron = createDisableUser({
      ...core,
      people: {
        pendingDisables: async () => Array.from({ length: 50 }, newUserId),
        find: async () => ({ isDisablePending: true }) as never,
      },
      cutOffs: { ...core.cutOffs, add: async () => refuse('unavailable') },
      ends: {
        async disableUser() {
          depths.push((waiting += 1))
          await scheduler.wait(5)
          waiting -= 1
          return refuse('unavailable')
        },
      },
    })
    const facts = { requestId: 'x', clientKey: 'cron', waitUntil: () => {}, continent: undefined }
    expect(await cron.retryPending(facts, systemClock())).toBe(0)
    expect([depths.length, Math.max(...depths)]).toEqual([50, 20])
  })

  it('is disabled at once when the request is repeated and the object answers again', async () => {
    const alice = await signedIn()
    await createOperator({ USER_SESSIONS: unreachable() }).ask('POST', `/users/${alice.id}/disable`)
    const again = await createOperator().ask('POST', `/users/${alice.id}/disable`)
    expect([again.status, again.body.ended_sessions]).toEqual([200, 1])
    expect(await statusOf(alice.id)).toEqual({ status: 'disabled', pending: 0 })
    const keys = createOperator().gateway.core!.keys
    expect(await keys.cutOffs(systemClock())).toMatchObject({ value: [{ id: alice.id }] })
    await forgetTold()
    expect(await createOperator().gateway.core!.keys.cutOffs(systemClock())).toMatchObject({
      value: [],
    })
  })
})

describe('a user who is enabled and disabled at the same time', () => {
  const facts = { requestId: 'x', clientKey: 'x', waitUntil: () => {}, continent: undefined }

  it('may sign in, where the directory says so', async () => {
    const alice = await signedIn()
    const { ask, gateway } = createOperator()
    const core = gateway.core!
    await ask('POST', `/users/${alice.id}/disable`)
    const enabling = createDisableUser({
      ...core,
      users: {
        ...core.users,
        async enable(id, now) {
          expect((await ask('POST', `/users/${id}/disable`)).status).toBe(200)
          return core.users.enable(id, now)
        },
      },
    })
    const user = { userId: alice.id as UserId, now: systemClock() }
    expect((await enabling.enable(facts, user)).ok).toBe(true)
    expect(await statusOf(alice.id)).toEqual({ status: 'active', pending: 0 })
    expect(await alice.signInAgain()).toBe(200)
  })

  it('may open no session, where the directory does not', async () => {
    const alice = await signedIn()
    const core = createOperator().gateway.core!
    const user = { userId: alice.id as UserId, now: systemClock() }
    const objectIsTold = Promise.withResolvers<void>()
    const enablingIsOver = Promise.withResolvers<void>()
    const disabling = createDisableUser({
      ...core,
      users: {
        ...core.users,
        async confirmDisabled(id) {
          objectIsTold.resolve()
          await enablingIsOver.promise
          return core.users.confirmDisabled(id)
        },
      },
    })
    let disabled: ReturnType<typeof disabling.disable> | undefined
    const enabling = createDisableUser({
      ...core,
      people: {
        ...core.people,
        async find(id) {
          const found = await core.people.find(id)
          disabled ??= disabling.disable(facts, user)
          await objectIsTold.promise
          return found
        },
      },
    })
    expect((await enabling.enable(facts, user)).ok).toBe(false)
    enablingIsOver.resolve()
    expect((await disabled)?.ok).toBe(true)
    expect(await statusOf(alice.id)).toEqual({ status: 'disabled', pending: 0 })
    expect(await sessionsOf().open(openInput(systemClock(), user.userId))).toMatchObject({
      refusal: { code: 'user_disabled' },
    })
  })
})

describe('when neither the object nor the key ring answers', () => {
  it('sign-in refuses already, and the cron cuts the user off when the ring is back', async () => {
    const alice = await signedIn()
    const nothing = { USER_SESSIONS: unreachable(), KEY_RING: unreachable() }
    const answer = await createOperator(nothing).ask('POST', `/users/${alice.id}/disable`)
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable'])
    expect(await statusOf(alice.id)).toEqual({ status: 'disabled', pending: 1 })
    expect(await alice.signInAgain()).toBe(401)
    await chores({ USER_SESSIONS: unreachable() })
    const keys = createOperator().gateway.core!.keys
    expect(await keys.cutOffs(systemClock())).toMatchObject({
      value: [{ scope: 'user', id: alice.id, cause: 'user_disabled' }],
    })
  })
})

describe('when the directory does not take it', () => {
  it('nobody is disabled, and the operator may ask again', async () => {
    const alice = await signedIn()
    const directory = new Proxy(env.DIRECTORY, {
      get(database, name) {
        if (name !== 'prepare') return Reflect.get(database, name) as unknown
        return (sql: string) => {
          if (sql.includes('UPDATE users')) throw new Error('away')
          return database.prepare(sql)
        }
      },
    })
    const answer = await createOperator({ DIRECTORY: directory }).ask(
      'POST',
      `/users/${alice.id}/disable`,
    )
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable'])
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await statusOf(alice.id)).toEqual({ status: 'active', pending: 0 })
    expect(await alice.bridge()).toBe(200)
  })
})
