/**
 * Every cause that ends a session, held against everything that must follow from an end. What differs from
 * cause to cause stands in the table; what must not differ stands below it, once.
 */
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import type { CutOffMessage } from '../src/core/revocation/cut-off-drain.ts'
import { MOST_LIVE_SESSIONS } from '../src/core/sessions/session-ends.ts'
import type { EndCause } from '../src/core/sessions/session.ts'
import { createOperator } from './admin/operator.ts'
import { ring } from './core/sessions/published-hint.ts'
import {
  ABSOLUTE_SECONDS,
  IDLE_SECONDS,
  openInput,
  rowsOf,
  sessionsOf,
} from './core/sessions/signed-in-user.ts'
import {
  askBridge,
  expectLives,
  expectNothingGranted,
  GAP_SECONDS,
  grantTo,
  HELD_SECONDS,
  isolate,
  judge,
  mint,
  watch,
} from './every-cause.ts'
import type { Gateway, Scene, Watched } from './every-cause.ts'
import { deliverToken } from './sign-out/logout-delivery.ts'
import { createApplication, knownTo } from './world/application.ts'
import { createBrowser } from './world/browser.ts'
import { freezeClock, NOON } from './world/clock.ts'
import { captureLog } from './world/log-lines.ts'
import { logoutToken } from './world/logout-token.ts'
import { createService, ticketFor } from './world/service.ts'
import { settings } from './world/settings.ts'
import { prepareKeyRing } from './world/signed-by-us.ts'
import { createWorld, signIn } from './world/sign-in.ts'
import type { World } from './world/sign-in.ts'
import { switchedBindings } from './world/switched-bindings.ts'

/** A busy machine takes its time. */
const PATIENCE = { timeout: 10_000 }

type Name = 'alice' | 'elsewhere' | 'bob'

interface Row {
  readonly title: string
  /** Undefined: no session ends, only tokens do. */
  readonly cause: EndCause | undefined
  /** Whose sessions are concerned; all others are untouched. */
  readonly ends: readonly Name[]
  /** Ends them. */
  readonly act: (scene: Scene) => Promise<void>
  /** The audit events, each once: name and whom it concerns. */
  readonly events: readonly (readonly [event: string, whose: 'alice' | 'bob' | undefined])[]
  /** The object has decided by itself, nobody has asked: the event is logged and not stored. */
  readonly isOwnDecision?: true
  readonly provider?: Readonly<Record<string, unknown>>
  /** What the isolates are configured with from then on. */
  readonly bindings?: Readonly<Record<string, unknown>>
  /** Why the token is refused, where it is not for being revoked: it has run out with its session. */
  readonly tokenIs?: string
  /** Alice cannot come back. */
  readonly isBarred?: true
}

const removed = {
  IDENTITY_PROVIDERS: settings.IDENTITY_PROVIDERS.filter(({ id }) => id !== 'otrotl'),
}

const answered = async (answer: Promise<{ readonly status: number }>, status: number) =>
  expect((await answer).status).toBe(status)

const byOperator =
  (method: string, path: (scene: Scene) => string, body?: unknown, status = 200) =>
  (scene: Scene) =>
    answered(scene.operator.ask(method, path(scene), body), status)

/** Who is there where nobody asks. */
const QUEUE = { requestId: 'queue', clientKey: '', waitUntil: () => {}, continent: undefined }

/** A cut-off, and the queue that carries it to every object. */
async function cutOff({ operator, queued, alice }: Scene, body: object) {
  await answered(operator.ask('POST', '/cut-offs', body), 202)
  // Before the queue has told anybody: the cut-off alone is enough.
  expect(await judge(operator.gateway, 'cached', alice)).toBe('revoked')
  expect(queued).toHaveLength(1)
  await operator.gateway.core!.cutOffDrain.receive(QUEUE, queued[0] as CutOffMessage)
}

/** The alarm alone writes the end down: nobody has asked for the session since its deadline. */
async function ringAt(watched: Watched, cause: EndCause) {
  expect(await endCauses(watched)).toEqual([null])
  expect(await ring(watched.session.userId)).toBe(true)
  expect(await endCauses(watched)).toEqual([cause])
}

const rows: readonly Row[] = [
  {
    title: 'the person signs out',
    cause: 'person',
    ends: ['alice'],
    events: [['session.ended', 'alice']],
    act: ({ alice }) =>
      answered(
        alice.browser.request(`${settings.ISSUER}/auth/sso/logout`, {
          method: 'POST',
          from: settings.ISSUER,
        }),
        303,
      ),
  },
  {
    title: 'the person ends the session from another browser',
    cause: 'person',
    ends: ['alice'],
    events: [['session.ended', 'alice']],
    act: ({ alice, elsewhere }) =>
      answered(
        elsewhere.browser.fetch(`/auth/sessions/${alice.session.sid}`, { method: 'DELETE' }),
        204,
      ),
  },
  {
    title: 'a service that the person was handed over to says that they have left',
    cause: 'handoff_service',
    ends: ['alice'],
    events: [['session.ended', 'alice']],
    act: async ({ world, alice }) => {
      const books = await createService(world, { origin: 'https://books.example' })
      const { apiSid } = await books.takeOver(await ticketFor(alice.browser, books))
      await answered(books.ask('/api/v1/sso/logout/', { api_sid: apiSid }), 200)
    },
  },
  {
    title: 'the person ends the other sessions',
    cause: 'person',
    ends: ['alice'],
    events: [['sessions.ended', 'alice']],
    act: ({ elsewhere }) =>
      answered(elsewhere.browser.fetch('/auth/sessions?except=current', { method: 'DELETE' }), 204),
  },
  {
    title: 'the person ends all sessions',
    cause: 'person',
    ends: ['alice', 'elsewhere'],
    events: [['sessions.ended', 'alice']],
    act: ({ alice }) => answered(alice.browser.fetch('/auth/sessions', { method: 'DELETE' }), 204),
  },
  {
    title: 'the provider’s server ends the user’s sessions',
    cause: 'provider_back_channel',
    ends: ['alice', 'elsewhere'],
    events: [['sessions.ended', 'alice']],
    act: async ({ world, alice }) => {
      const { subject: sub } = alice.session.authentication
      await answered(deliverToken(world, await logoutToken(world.otrotl, { sub })), 200)
    },
  },
  {
    title: 'the provider’s server ends one session, where it is configured to mean one',
    cause: 'provider_back_channel',
    ends: ['alice'],
    events: [['session.ended', 'alice']],
    provider: { backchannel_logout_scope: 'session' },
    act: async ({ world, alice }) => {
      const { subject: sub } = alice.session.authentication
      const token = await logoutToken(world.otrotl, { sub, sid: alice.upstreamSid })
      await answered(deliverToken(world, token), 200)
    },
  },
  {
    title: 'the provider’s frame ends the session',
    cause: 'provider_front_channel',
    ends: ['alice'],
    events: [['session.ended', 'alice']],
    act: ({ world, alice }) => {
      const query = new URLSearchParams({ iss: world.otrotl.issuer, sid: alice.upstreamSid })
      const frame = `${settings.ISSUER}/auth/sso/frontchannel-logout/otrotl?${query.toString()}`
      return answered(
        world.fetch(new Request(frame, { headers: { 'sec-fetch-dest': 'iframe' } })),
        200,
      )
    },
  },
  {
    title: 'an operator ends one session',
    cause: 'operator',
    ends: ['alice'],
    events: [['session.ended', 'alice']],
    act: byOperator(
      'DELETE',
      ({ alice: { session } }) => `/users/${session.userId}/sessions/${session.sid}`,
    ),
  },
  {
    title: 'an operator ends all sessions of a user',
    cause: 'operator',
    ends: ['alice', 'elsewhere'],
    events: [['sessions.ended', 'alice']],
    act: byOperator('DELETE', ({ alice }) => `/users/${alice.session.userId}/sessions`),
  },
  {
    title: 'the person’s password is changed',
    cause: 'password_changed',
    ends: ['alice', 'elsewhere'],
    events: [['sessions.ended', 'alice']],
    act: async ({ operator, clock, alice }) => {
      const { userId } = alice.session
      const end = { userId, cause: 'password_changed' as const, now: clock.now() }
      expect((await operator.gateway.core!.ends.endAllSessions(QUEUE, end)).ok).toBe(true)
    },
  },
  {
    title: 'an operator disables the user',
    cause: 'user_disabled',
    ends: ['alice', 'elsewhere'],
    events: [['sessions.ended', 'alice']],
    isBarred: true,
    act: byOperator('POST', ({ alice }) => `/users/${alice.session.userId}/disable`),
  },
  {
    title: 'an operator cuts everyone off',
    cause: 'operator',
    ends: ['alice', 'elsewhere', 'bob'],
    events: [
      ['sessions.cut_off', undefined],
      ['sessions.ended', 'alice'],
      ['sessions.ended', 'bob'],
    ],
    act: (scene) => cutOff(scene, { scope: 'everyone', reason: 'operator' }),
  },
  {
    title: 'an operator cuts everyone of a provider off',
    cause: 'key_compromised',
    ends: ['alice', 'elsewhere'],
    events: [
      ['sessions.cut_off', undefined],
      ['sessions.ended', 'alice'],
    ],
    act: (scene) => cutOff(scene, { scope: 'provider', id: 'otrotl', reason: 'key_compromised' }),
  },
  {
    title: 'the provider is in the configuration no more, and the session is used',
    cause: 'provider_removed',
    ends: ['alice', 'elsewhere'],
    events: [
      ['session.ended', 'alice'],
      ['session.ended', 'alice'],
    ],
    isOwnDecision: true,
    isBarred: true,
    bindings: removed,
    act: async ({ alice, elsewhere }) => {
      const changed = isolate(removed)
      // Before anybody has told the object: the configuration alone is enough.
      expect(await judge(changed, 'cached', alice)).toBe('revoked')
      for (const { cookie } of [alice, elsewhere]) {
        await answered(askBridge(worldOf(changed), cookie), 401)
      }
    },
  },
  {
    title: 'nobody uses the session, and the alarm rings',
    cause: 'idle_deadline',
    ends: ['alice'],
    events: [['session.ended', 'alice']],
    isOwnDecision: true,
    tokenIs: 'invalid_token',
    act: async ({ world, clock, alice, elsewhere, bob }) => {
      clock.advance(IDLE_SECONDS - 1)
      for (const { cookie } of [elsewhere, bob]) await mint(world, cookie)
      expect(await alice.tab.echo()).toBe('pong')
      clock.advance(1)
      await ringAt(alice, 'idle_deadline')
    },
  },
  {
    title: 'the session is used until its last second, and the alarm rings',
    cause: 'absolute_deadline',
    ends: ['alice'],
    events: [['session.ended', 'alice']],
    isOwnDecision: true,
    tokenIs: 'invalid_token',
    act: async ({ world, clock, alice, elsewhere, bob }) => {
      const end = alice.session.startedAt + ABSOLUTE_SECONDS
      while (clock.now() < end - 1) {
        clock.advance(Math.min(IDLE_SECONDS - 1, end - 1 - clock.now()))
        for (const person of [alice, elsewhere, bob]) {
          person.token = await mint(world, person.cookie)
        }
      }
      expect(await judge(isolate(), 'strict', alice)).toBe('accepted')
      clock.advance(1)
      await ringAt(alice, 'absolute_deadline')
    },
  },
  {
    title: 'there are too many newer ones',
    cause: 'too_many_sessions',
    ends: ['alice'],
    events: [['session.ended', 'alice']],
    isOwnDecision: true,
    act: async ({ world, clock, alice }) => {
      for (let open = 2; open < MOST_LIVE_SESSIONS; open += 1) {
        await sessionsOf().open(openInput(clock.now(), alice.session.userId))
      }
      expect(await alice.tab.echo()).toBe('pong')
      expect(alice.tab.messages).toEqual([])
      await signIn(world.newBrowser(), world.otrotl)
    },
  },
  {
    title: 'the browser signs in again',
    cause: 'replaced_by_sign_in',
    ends: ['alice'],
    events: [['session.ended', 'alice']],
    act: async ({ world, alice }) => {
      await signIn(alice.browser, world.otrotl, { ask: { prompt: 'login' } })
      await answered(alice.browser.fetch('/auth/sso/token'), 200)
    },
  },
  {
    title: 'a sign-in cannot be finished, and nobody was given it',
    cause: 'sign_in_unfinished',
    ends: [],
    events: [['session.ended', 'alice']],
    act: async ({ world }) => {
      const { outage, bindings } = switchedBindings()
      outage.statements = 'FROM early_logouts'
      const { fetch } = worldOf(isolate(bindings))
      const browser = createBrowser({ fetch, providers: [world.otrotl, world.second] })
      expect((await signIn(browser, world.otrotl)).response.status).toBe(503)
    },
  },
]

const worldOf = ({ fetch }: Gateway): Pick<World, 'fetch'> => ({
  fetch: async (request) => fetch(request, env, createExecutionContext()),
})

/** Alice twice and Bob, all signed in and connected, and an operator whose queue waits. */
async function prepareScene(provider: Row['provider'] = {}): Promise<Scene> {
  const clock = freezeClock()
  captureLog()
  await prepareKeyRing(NOON)
  const world = await createWorld({ otrotl: provider })
  const alice = await watch(world, world.otrotl, 'alice')
  clock.advance(GAP_SECONDS)
  const elsewhere = await watch(world, world.otrotl, 'alice')
  const bob = await watch(world, world.second, 'bob')
  expect(elsewhere.session.userId).toBe(alice.session.userId)
  clock.advance(GAP_SECONDS)
  const queued: unknown[] = []
  const queue = { send: async (message: unknown) => void queued.push(message) }
  const operator = createOperator({ SESSION_ENDS: queue })
  const shop = await createApplication(world)
  for (const person of [alice, elsewhere, bob]) {
    await grantTo(shop, person)
    await expectLives(world, person)
  }
  return { world, clock, alice, elsewhere, bob, operator, shop, queued }
}

const TOLD = ['session.ended', 'sessions.ended', 'sessions.cut_off', 'key.compromised']

async function storedEvents() {
  const { results } = await env.DIRECTORY.prepare(
    `SELECT event, user_id AS user, json_extract(details, '$.cause') AS cause
     FROM audit_events WHERE event IN (${TOLD.map((name) => `'${name}'`).join()}) ORDER BY id`,
  ).all()
  return results
}

const sorted = (events: readonly object[]) =>
  events.map((event) => JSON.stringify(event)).toSorted()

const endCauses = async ({ session: { userId, sid } }: Watched) =>
  (await rowsOf(userId, `SELECT end_cause FROM sessions WHERE sid = '${sid}'`)).map(
    ({ end_cause: cause }) => cause,
  )

describe('a session is over, and only that session,', () => {
  it.each(rows.map((row) => [row.title, row] as const))('when %s', async (_, row) => {
    const scene = await prepareScene(row.provider)
    const { world, clock, alice, bob } = scene
    const over = row.ends.map((name) => scene[name])
    const untouched = (['alice', 'elsewhere', 'bob'] as const)
      .filter((name) => !row.ends.includes(name))
      .map((name) => scene[name])
    // They hold in memory that all is well.
    const held = { cached: isolate(row.bindings), strict: isolate() }
    if (row.bindings === undefined) {
      for (const person of over) {
        expect(await judge(held.cached, 'cached', person)).toBe('accepted')
        expect(await judge(held.strict, 'strict', person)).toBe('accepted')
      }
    }
    const { lines } = captureLog()

    await row.act(scene)

    // Before anybody asks for the session again.
    for (const { tab } of over) {
      expect(await tab.end()).toEqual({
        messages: [{ type: 'signed_out', reason: row.cause }],
        closedWith: 4001,
      })
    }
    const refused = row.tokenIs ?? 'revoked'
    const strict = row.bindings === undefined ? held.strict : isolate(row.bindings)
    for (const person of over) {
      expect(await judge(strict, 'strict', person)).toBe(refused)
      expect(await judge(strict, 'strict', person.granted)).toBe(refused)
      await expectNothingGranted(isolate(row.bindings), person)
      expect((await askBridge(worldOf(isolate(row.bindings)), person.cookie)).status).toBe(401)
    }
    clock.advance(HELD_SECONDS)
    for (const person of over) {
      for (const token of [person, person.granted]) {
        expect(await judge(held.cached, 'cached', token)).toBe(refused)
        for (const level of ['cached', 'bounded'] as const) {
          expect(await judge(isolate(row.bindings), level, token), level).toBe(refused)
        }
      }
    }
    // The sessions of an ended epoch are written down by the alarm.
    await ring(alice.session.userId)
    await ring(bob.session.userId)
    for (const person of over) {
      expect(await endCauses(person)).toEqual([row.cause])
      expect((await askBridge(world, person.cookie)).status).toBe(401)
      await expectNothingGranted(isolate(row.bindings), person)
    }

    for (const person of untouched) {
      expect(await endCauses(person)).toEqual([null])
      await expectLives(world, person)
    }
    // Each participant has heard of each of its sessions, once, and of no other.
    const ended = await Promise.all(over.map(({ session }) => knownTo(scene.shop, session)))
    await vi.waitFor(
      () =>
        expect(scene.shop.received.map(({ sid }) => String(sid)).toSorted()).toEqual(
          ended.map(({ clientSid }) => clientSid).toSorted(),
        ),
      PATIENCE,
    )
    expect(scene.shop.problems).toEqual([])

    const users = { alice: alice.session.userId, bob: bob.session.userId }
    const expected = row.events.map(([event, whose]) => ({
      event,
      user: whose === undefined ? null : users[whose],
      cause: row.cause ?? null,
    }))
    const logged = lines
      .filter(({ event }) => TOLD.includes(event))
      .map(({ event, user, cause }) => ({ event, user: user ?? null, cause: cause ?? null }))
    expect(sorted(logged)).toEqual(sorted(expected))
    await vi.waitFor(async () => {
      expect(sorted(await storedEvents())).toEqual(row.isOwnDecision ? [] : sorted(expected))
    }, PATIENCE)

    const { fetch } = worldOf(isolate(row.bindings))
    const browser = createBrowser({ fetch, providers: [world.otrotl, world.second] })
    await signIn(browser, world.otrotl)
    const again = await askBridge({ fetch }, browser.session() ?? '')
    expect(again.status).toBe(row.isBarred ? 401 : 200)
  })
})

describe('an application', () => {
  const LEVELS = ['cached', 'bounded', 'strict'] as const

  /** The application has lost all that it had of them, and has been told; they themselves go on. */
  async function expectCut({ world, clock, shop }: Scene, over: readonly Watched[]) {
    for (const { granted } of over) {
      expect(await judge(isolate(), 'strict', granted)).toBe('revoked')
    }
    clock.advance(HELD_SECONDS)
    for (const person of over) {
      await expectNothingGranted(isolate(), person)
      for (const level of LEVELS) {
        expect(await judge(isolate(), level, person.granted), level).toBe('revoked')
      }
      person.granted.application = undefined
      expect(await endCauses(person)).toEqual([null])
      await expectLives(world, person)
    }
    const known = await Promise.all(over.map(({ session }) => knownTo(shop, session)))
    await vi.waitFor(
      () =>
        expect(shop.received.map(({ sid }) => String(sid)).toSorted()).toEqual(
          known.map(({ clientSid }) => clientSid).toSorted(),
        ),
      PATIENCE,
    )
    expect(shop.problems).toEqual([])
  }

  it('that is removed loses all that it was given by everybody, and no session ends with it', async () => {
    const scene = await prepareScene()
    const { alice, elsewhere, bob, operator, shop, queued, clock } = scene
    const over = [alice, elsewhere, bob]
    const { core } = operator.gateway
    const ended = await core!.startCutOff(QUEUE, {
      scope: 'application',
      id: shop.id,
      cause: 'application_removed',
      now: clock.now(),
    })
    expect(ended.ok).toBe(true)
    // The one write is enough, at every level, before the queue has told anybody.
    for (const person of over) {
      for (const level of LEVELS) {
        expect(await judge(operator.gateway, level, person.granted), level).toBe('revoked')
      }
      await expectNothingGranted(operator.gateway, person)
    }
    expect(shop.received).toEqual([])
    await core!.cutOffDrain.receive(QUEUE, queued[0] as CutOffMessage)
    await expectCut(scene, over)
  })

  it('that one person disconnects loses what it had of that person, in all sessions', async () => {
    const scene = await prepareScene()
    const { world, alice, elsewhere, bob, operator, shop, clock } = scene
    const { userId } = alice.session
    const question = { userId, applicationId: shop.id, now: clock.now() }
    const { lines } = captureLog()
    const done = await operator.gateway.core!.ends.disconnectApplication(QUEUE, question)
    expect(done).toMatchObject({ ok: true, value: { isChanged: true } })
    await expectCut(scene, [alice, elsewhere])
    await expectLives(world, bob)
    expect(lines.filter(({ event }) => event === 'application.disconnected')).toMatchObject([
      { user: userId, application: shop.id },
    ])
  })
})

describe('a signing key is compromised:', () => {
  it('its tokens are over, and no session is, nor any tab: the next token is good', async () => {
    const { world, clock, operator, ...people } = await prepareScene()
    const watched = [people.alice, people.elsewhere, people.bob]
    const held = isolate()
    for (const person of watched) expect(await judge(held, 'cached', person)).toBe('accepted')
    const { lines } = captureLog()
    const { kid } = JSON.parse(atob(people.alice.token.split('.')[0]!)) as { kid: string }
    await answered(operator.ask('POST', `/keys/${kid}/compromise`), 200)
    for (const level of ['cached', 'bounded', 'strict'] as const) {
      for (const person of watched) {
        expect(await judge(operator.gateway, level, person), level).not.toBe('accepted')
      }
    }
    clock.advance(HELD_SECONDS)
    for (const level of ['cached', 'bounded', 'strict'] as const) {
      for (const person of watched) {
        expect(await judge(held, level, person), level).not.toBe('accepted')
        expect(await judge(isolate(), level, person), level).not.toBe('accepted')
      }
    }
    for (const person of watched) {
      expect(await endCauses(person)).toEqual([null])
      await expectLives(world, person)
    }
    expect(lines.filter(({ event }) => TOLD.includes(event))).toMatchObject([
      { event: 'key.compromised', actor: 'operator', kid },
    ])
    await vi.waitFor(async () => {
      expect(await storedEvents()).toEqual([{ event: 'key.compromised', user: null, cause: null }])
    }, PATIENCE)
  })
})
