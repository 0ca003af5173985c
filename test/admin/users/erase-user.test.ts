import { listDurableObjectIds, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createUndeliveredLogouts } from '../../../src/core/revocation/undelivered-logouts.ts'
import type { SessionId, UserId } from '../../../src/core/sessions/session.ts'
import { newUserId } from '../../../src/core/sessions/session.ts'
import { MARKER_LIFETIME_SECONDS } from '../../../src/core/users/early-logouts.ts'
import { createSitePeople } from '../../../src/core/users/site-people.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { freezeClock } from '../../world/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { people } from '../../world/people.ts'
import { settings } from '../../world/settings.ts'
import { createWorld, liveSession, signIn } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { snapshot } from '../../world/snapshot.ts'
import { steppedBindings } from '../../world/stepped-bindings.ts'
import { ring } from '../../core/sessions/published-hint.ts'
import { openInput, rowsOf, sessionsOf } from '../../core/sessions/signed-in-user.ts'
import { createOperator, unreachable } from '../operator.ts'
import { aliceWithEverything, connectToSite } from './alice-with-everything.ts'

beforeEach(async () => {
  captureLog()
  await prepareKeyRing(systemClock())
})

const { siteConnections } = createSitePeople(env.DIRECTORY, settings.ISSUER)

/** Every row of every table of the directory, by table. */
async function wholeDirectory(): Promise<Readonly<Record<string, readonly unknown[]>>> {
  const { results } = await env.DIRECTORY.prepare(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '*_cf_*' AND name NOT LIKE 'sqlite%'`,
  ).all<{ name: string }>()
  const rows = await env.DIRECTORY.batch(
    results.map(({ name }) => env.DIRECTORY.prepare(`SELECT * FROM ${name}`)),
  )
  return Object.fromEntries(results.map(({ name }, at) => [name, rows[at]!.results]))
}

/** The tables in which something of a person stands. */
async function tablesThatKnow(...texts: readonly string[]): Promise<readonly string[]> {
  const all = Object.entries(await wholeDirectory())
  const knows = (rows: readonly unknown[]) =>
    texts.some((text) => JSON.stringify(rows).includes(text))
  return all.filter(([, rows]) => knows(rows)).map(([name]) => name)
}

const WHAT_TELLS_OF_ALICE = [people.alice.email, people.alice.name, people.alice.sub, '"alice"']

describe('a user who is erased', () => {
  it('is signed out everywhere, and is a stranger to every table', async () => {
    const world = await createWorld()
    const alice = await aliceWithEverything(world)
    expect(await tablesThatKnow(...WHAT_TELLS_OF_ALICE)).toEqual(
      expect.arrayContaining([
        'users',
        'identities',
        'local_credentials',
        'site_identities',
        'site_sessions',
      ]),
    )
    expect([await alice.api(), await alice.bridge()]).toEqual([200, 200])
    expect(await rowsOf(alice.id, 'SELECT * FROM consents')).toHaveLength(1)
    const { ask } = createOperator()
    const erased = await ask('DELETE', `/users/${alice.id}`)
    expect([erased.status, erased.body]).toEqual([204, {}])
    expect([await alice.api(), await alice.bridge()]).toEqual([401, 401])
    expect(await tablesThatKnow(...WHAT_TELLS_OF_ALICE)).toEqual([])
    // Ids, and no more, in the trail and in what has a deadline of its own.
    expect(await tablesThatKnow(alice.id)).toEqual(['upstream_sessions', 'audit_events'])
    expect(await rowsOf(alice.id, 'SELECT * FROM consents')).toEqual([])
    for (const path of ['', '/sessions', '/password', '/roles']) {
      expect((await ask('GET', `/users/${alice.id}${path}`)).status).toBe(404)
    }
  })

  it('leaves what happened in the audit trail', async () => {
    const world = await createWorld()
    const alice = await aliceWithEverything(world)
    const { ask } = createOperator()
    await ask('DELETE', `/users/${alice.id}`)
    const { body } = await ask('GET', `/audit?user=${alice.id}&limit=2`)
    expect(body.events).toMatchObject([
      { event: 'user.erased', actor: 'operator' },
      { event: 'sessions.ended', actor: 'operator' },
    ])
  })

  it('is somebody new when they come again', async () => {
    const world = await createWorld()
    const alice = await aliceWithEverything(world)
    await createOperator().ask('DELETE', `/users/${alice.id}`)
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const session = await liveSession(browser.session())
    expect(session?.userId).toMatch(/^[0-9a-f]{32}$/)
    expect(session?.userId).not.toBe(alice.id)
    expect(await alice.bridge()).toBe(401)
  })

  it('leaves everybody else alone', async () => {
    const world = await createWorld()
    const bob = world.newBrowser()
    await signIn(bob, world.otrotl, { as: 'bob' })
    const alice = await aliceWithEverything(world)
    const of = (all: Awaited<ReturnType<typeof wholeDirectory>>) =>
      Object.entries(all).map(([name, rows]) => [
        name,
        rows.filter((row) => JSON.stringify(row).includes(people.bob.email)),
      ])
    const before = of(await wholeDirectory())
    await createOperator().ask('DELETE', `/users/${alice.id}`)
    expect(of(await wholeDirectory())).toEqual(before)
    expect((await bob.fetch('/auth/sso/token')).status).toBe(200)
  })

  it('gets no session that a sign-in had begun before', async () => {
    const world = await createWorld()
    const alice = await aliceWithEverything(world)
    await createOperator().ask('DELETE', `/users/${alice.id}`)
    const late = await sessionsOf().open(openInput(systemClock(), alice.id))
    expect(late).toMatchObject({ ok: false, refusal: { code: 'user_disabled' } })
  })

  it('is not written down again by a site that had just found them', async () => {
    const world = await createWorld()
    const alice = await aliceWithEverything(world)
    await createOperator().ask('DELETE', `/users/${alice.id}`)
    expect(await connectToSite(world, alice.id)).toBeUndefined()
    expect(await tablesThatKnow(...WHAT_TELLS_OF_ALICE)).toEqual([])
  })
})

describe('erasing', () => {
  it('changes nothing for an id that nobody has, or that is none', async () => {
    const world = await createWorld()
    await aliceWithEverything(world)
    const before = await snapshot()
    const { ask } = createOperator()
    for (const id of [newUserId(), 'nobody', '%00']) {
      const answer = await ask('DELETE', `/users/${id}`)
      expect([answer.status, answer.body.code]).toEqual([404, 'not_found'])
    }
    expect(await snapshot()).toEqual(before)
  })

  it('forgets nobody whose object does not answer; asked again, it goes on', async () => {
    const world = await createWorld()
    const alice = await aliceWithEverything(world)
    const cut = await createOperator({ USER_SESSIONS: unreachable() }).ask(
      'DELETE',
      `/users/${alice.id}`,
    )
    expect([cut.status, cut.body.code]).toEqual([503, 'disable_pending'])
    const { ask } = createOperator()
    expect((await ask('GET', `/users/${alice.id}`)).body).toMatchObject({ status: 'disabled' })
    expect((await ask('DELETE', `/users/${alice.id}`)).status).toBe(204)
    expect(await tablesThatKnow(...WHAT_TELLS_OF_ALICE)).toEqual([])
  })

  it('asked by two operators at once, does it once', async () => {
    const world = await createWorld()
    const alice = await aliceWithEverything(world)
    const answers = await Promise.all(
      [createOperator(), createOperator()].map(({ ask }) => ask('DELETE', `/users/${alice.id}`)),
    )
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 204)).toHaveLength(1)
    expect(statuses.every((status) => [204, 404, 503].includes(status))).toBe(true)
    expect(await tablesThatKnow(...WHAT_TELLS_OF_ALICE)).toEqual([])
  })

  it('beside an operator who enables them, erases them wholly or leaves them whole', async () => {
    const outcomes = new Set<string>()
    for (let step = 1, isOver = false; !isOver; step += 1) {
      const world = await createWorld()
      const alice = await aliceWithEverything(world)
      const before = await tablesThatKnow(...WHAT_TELLS_OF_ALICE)
      const { bindings, interrupt } = steppedBindings()
      const { value, wasInterrupted } = await interrupt(
        step,
        () => createOperator().ask('POST', `/users/${alice.id}/enable`),
        () => createOperator(bindings).ask('DELETE', `/users/${alice.id}`),
      )
      const status = (await createOperator().ask('GET', `/users/${alice.id}`)).body.status
      const after = await tablesThatKnow(...WHAT_TELLS_OF_ALICE)
      expect([await alice.api(), await alice.bridge()]).toEqual([401, 401])
      if (value.status === 204) expect([after, status]).toEqual([[], 404])
      else expect([value.status, after]).toEqual([503, before])
      // Whoever stands in the directory as active gets in, and nobody else.
      const opened = await sessionsOf().open(openInput(systemClock(), alice.id))
      expect([step, value.status, opened.ok]).toEqual([step, value.status, status === 'active'])
      outcomes.add(`${value.status} ${String(status)}`)
      isOver = !wasInterrupted
      await createOperator().ask('DELETE', `/users/${alice.id}`)
    }
    expect([...outcomes].toSorted()).toEqual(['204 404', '503 active'])
  })
})

/** Of every table of the directory: what of a person stands there after they were erased. */
const WHAT_STAYS: Readonly<Record<string, 'nothing' | 'ids' | 'of nobody'>> = {
  users: 'nothing',
  identities: 'nothing',
  user_roles: 'nothing',
  local_credentials: 'nothing',
  site_users: 'nothing',
  site_identities: 'nothing',
  site_sessions: 'nothing',
  // With an end of their own.
  upstream_sessions: 'ids',
  handoff_sessions: 'ids',
  site_connections: 'ids',
  undelivered_logouts: 'ids',
  cut_off_failures: 'ids',
  audit_events: 'ids',
  // The provider's name for them as well, for a quarter of an hour: a sign-in may be under way.
  early_logouts: 'ids',
  applications: 'of nobody',
  removed_applications: 'of nobody',
  application_secrets: 'of nobody',
  handoff_keys: 'of nobody',
  site_keys: 'of nobody',
  widget_secrets: 'of nobody',
  site_user_numbers: 'of nobody',
  cut_offs: 'of nobody',
  canary_runs: 'of nobody',
}

describe('what is kept of somebody who was erased', () => {
  const { alice } = people
  const NAMES = [alice.email, alice.name, alice.picture, alice.phone_number, '"alice"']

  it('is written down here for every table that there is', async () => {
    expect(Object.keys(await wholeDirectory()).toSorted()).toEqual(
      Object.keys(WHAT_STAYS).toSorted(),
    )
  })

  it('is no name in any store, and no subject once the last token could have expired', async () => {
    const clock = freezeClock()
    await prepareKeyRing(clock.now())
    const ofOthers = (await listDurableObjectIds(env.USER_SESSIONS)).map(String)
    const world = await createWorld()
    const { id, userToken } = await aliceWithEverything(world)
    await leaveTraces(world, id, userToken)
    const known = await tablesThatKnow(id, userToken, alice.sub, ...NAMES)
    const ofPeople = Object.keys(WHAT_STAYS).filter((table) => WHAT_STAYS[table] !== 'of nobody')
    expect(known.toSorted()).toEqual(ofPeople.toSorted())
    expect((await createOperator().ask('DELETE', `/users/${id}`)).status).toBe(204)
    await ring(id)

    const kept = ofPeople.filter((table) => WHAT_STAYS[table] === 'ids')
    expect((await tablesThatKnow(id, userToken)).toSorted()).toEqual(
      kept.filter((table) => table !== 'early_logouts').toSorted(),
    )
    expect(await tablesThatKnow(...NAMES)).toEqual([])
    expect(await tablesThatKnow(alice.sub)).toEqual(['early_logouts'])
    expect(await everyRecord()).not.toContainEqual(expect.toSatisfy(names([...NAMES, alice.sub])))
    // The alarm, which writes the ended sessions down, may be ringing already.
    await vi.waitFor(async () => {
      const held = await everyObject(ofOthers)
      expect(held.length).toBeGreaterThan(0)
      expect(held).not.toContainEqual(expect.toSatisfy(names(NAMES)))
    }, 5000)

    clock.advance(MARKER_LIFETIME_SECONDS)
    await world.core.earlyLogouts.forgetExpired(clock.now())
    expect(await tablesThatKnow(alice.sub, ...NAMES)).toEqual([])
    await vi.waitFor(async () => {
      await ring(id)
      expect(await everyObject(ofOthers)).not.toContainEqual(
        expect.toSatisfy(names([...NAMES, alice.sub, id])),
      )
    }, 5000)
  })
})

const names = (texts: readonly (string | undefined)[]) => (held: string) =>
  texts.some((text) => text !== undefined && held.includes(text))

/** Rows in the tables that only some ways lead to. */
async function leaveTraces(world: World, userId: UserId, userToken: string): Promise<void> {
  const now = systemClock()
  const { issuer } = world.otrotl.config
  const [{ sid }] = (await rowsOf(userId, 'SELECT sid FROM sessions')) as [{ sid: SessionId }]
  const session = { userId, sid, absoluteDeadlineAt: now + 60 }
  const { handoffSessions, earlyLogouts } = world.core
  await handoffSessions.index({ applicationId: 'shop', session, now })
  await earlyLogouts.mark({
    issuer,
    subject: people.alice.sub,
    upstreamSid: undefined,
    scope: 'user',
    jtiHash: 'jti',
    tokenHash: 'token',
    issuedAt: now,
    receivedAtMilliseconds: now * 1000,
  })
  await siteConnections.add(
    {
      tokenHash: 'connection',
      applicationId: 'shop',
      sealedGrant: 'sealed',
      plugin: 'single_sign_on',
      callbackUri: 'https://shop.example/',
      identityToken: 'identity',
      userToken,
      expiresAt: now + 120,
    },
    now,
  )
  await createUndeliveredLogouts(env.DIRECTORY).keep(
    {
      ...session,
      id: 'delivery',
      applicationId: 'shop',
      subject: userId,
      clientSid: 'sid',
      protocol: 'openid',
      endedAt: now,
      attempts: 30,
      lastError: 'timeout',
      remembered: undefined,
    },
    now,
  )
  await env.DIRECTORY.prepare('INSERT INTO cut_off_failures VALUES (?1, ?2, ?3)')
    .bind('cut-off', userId, now)
    .run()
}

/** Keys and values of the KV namespace. */
async function everyRecord(): Promise<readonly string[]> {
  const { keys } = await env.REVOCATION.list()
  return Promise.all(keys.map(async ({ name }) => `${name} ${await env.REVOCATION.get(name)}`))
}

const OBJECTS = [
  'USER_SESSIONS',
  'KEY_RING',
  'PROVIDER_METADATA',
  'CLAIMED_REFERENCES',
  'ONE_TIME_REFERENCES',
] as const

/** Everything that every object of every class holds, but those that earlier tests have left. */
async function everyObject(ofOthers: readonly string[]): Promise<readonly string[]> {
  const all = OBJECTS.map(async (name) => {
    const namespace = env[name] as DurableObjectNamespace
    const ids = await listDurableObjectIds(namespace)
    const asked = ids.filter((id) => !ofOthers.includes(String(id)))
    return Promise.all(asked.map((id) => contentOf(namespace.get(id))))
  })
  return (await Promise.all(all)).flat()
}

const contentOf = (object: DurableObjectStub) =>
  runInDurableObject(object, (_, { storage: { sql } }) => {
    const tables = sql
      .exec<{ name: string }>(
        `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_*'`,
      )
      .toArray()
    return JSON.stringify(tables.map(({ name }) => sql.exec(`SELECT * FROM ${name}`).toArray()))
  })
