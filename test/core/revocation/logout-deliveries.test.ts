import { evictDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createLogoutDeliveries } from '../../../src/core/revocation/logout-deliveries.ts'
import { createUndeliveredLogouts } from '../../../src/core/revocation/undelivered-logouts.ts'
import type { LiveSession } from '../../../src/core/sessions/session.ts'
import { createApplication, knownTo, takePart } from '../../world/application.ts'
import type { Manner, ReceivingApplication } from '../../world/application.ts'
import { applicationRegistry } from '../../world/applications.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { createWorld } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'
import { ring } from '../sessions/published-hint.ts'
import { disconnect, grants, mintCode, REDIRECT_URI, valueOf } from '../sessions/granted.ts'
import { objectOf, rowsOf, sessionsOf, signedIn } from '../sessions/signed-in-user.ts'

/** A busy machine takes its time. */
const PATIENCE = { timeout: 10_000 }

const DAY = 24 * 3600

const sessions = sessionsOf()
const undelivered = createUndeliveredLogouts(env.DIRECTORY)
const deliveries = createLogoutDeliveries({ userSessions: env.USER_SESSIONS, undelivered })

let clock: TestClock
let world: World
let log: ReturnType<typeof captureLog>

beforeEach(async () => {
  clock = freezeClock()
  log = captureLog()
  await prepareKeyRing(NOON)
  world = await createWorld()
})

/** Somebody signed in, and every one of these applications with them. */
async function participants(...applications: ReceivingApplication[]): Promise<LiveSession> {
  const { session } = await signedIn(clock.now())
  for (const application of applications) await takePart(application, session)
  return session
}

const end = ({ userId, sid }: LiveSession) => sessions.end(userId, sid, 'person', clock.now())

const statesOf = async ({ userId, sid }: LiveSession) => {
  const found = await deliveries.participantsOf(userId, sid)
  const concerned = valueOf(found).filter(({ state }) => state !== 'unconcerned')
  return Object.fromEntries(
    concerned.map(({ applicationId, state, attempts }) => [
      applicationId,
      state === 'due' ? (attempts > 0 ? 'retrying' : 'waiting') : state,
    ]),
  )
}

const rowsIn = ({ userId }: LiveSession) =>
  rowsOf(userId, 'SELECT application_id, state, attempts, last_error FROM deliveries')

const received = (application: ReceivingApplication, count: number) =>
  vi.waitFor(() => expect(application.received).toHaveLength(count), PATIENCE)

/** Lets time pass and the alarm ring. */
async function later({ userId }: LiveSession, seconds: number) {
  clock.advance(seconds)
  await ring(userId)
}

describe('a participant of a session that has ended', () => {
  it('gets one logout token, as the specification wants it', async () => {
    const shop = await createApplication(world)
    const session = await participants(shop)
    await end(session)
    await received(shop, 1)
    const { subject, clientSid } = await knownTo(shop, session)
    expect(shop.received[0]).toEqual({
      iss: 'https://login.example',
      aud: shop.id,
      sub: subject,
      sid: clientSid,
      iat: clock.now(),
      exp: clock.now() + 120,
      jti: expect.stringMatching(/^[0-9a-f]{32}$/),
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    })
    expect(clientSid).not.toBe(session.sid)
    expect(await statesOf(session)).toEqual({ [shop.id]: 'told' })
    await end(session)
    await later(session, 60)
    expect([shop.received.length, shop.problems]).toEqual([1, []])
  })

  it.each(['ES256', 'PS256'] as const)(
    'gets it signed with %s, as it is registered',
    async (alg) => {
      const shop = await createApplication(world, { oauth: { idTokenSignedResponseAlg: alg } })
      await end(await participants(shop))
      await received(shop, 1)
    },
  )

  it('knows the user by its own name only, where its subjects are pairwise', async () => {
    const shop = await createApplication(world, { oauth: { subjectType: 'pairwise' } })
    const session = await participants(shop)
    await end(session)
    await received(shop, 1)
    expect(JSON.stringify(shop.received)).not.toContain(session.userId)
    expect(shop.received[0]?.sub).toBe((await knownTo(shop, session)).subject)
  })

  it('without a back-channel URI is left alone', async () => {
    const shop = await createApplication(world, { oauth: { backchannelLogoutUri: undefined } })
    const session = await participants(shop)
    await end(session)
    await vi.waitFor(
      async () => expect(await rowsIn(session)).toMatchObject([{ state: 'unconcerned' }]),
      PATIENCE,
    )
    expect(await statesOf(session)).toEqual({})
    expect(world.internet.requestsTo(shop.origin)).toEqual([])
  })

  it('is told of every session of its own when all end, without waiting for time to pass', async () => {
    const shop = await createApplication(world)
    const first = await participants(shop)
    const second = await signedIn(clock.now(), first.userId)
    await takePart(shop, second.session)
    const quiet = await signedIn(clock.now(), first.userId)
    await sessions.endAll(first.userId, 'person', clock.now())
    await ring(first.userId)
    await received(shop, 2)
    const known = await Promise.all([first, second.session].map((each) => knownTo(shop, each)))
    expect(new Set(shop.received.map(({ sid }) => sid))).toEqual(
      new Set(known.map(({ clientSid }) => clientSid)),
    )
    expect(await statesOf(quiet.session)).toEqual({})
  })

  it('is told when the session runs out, by the alarm', async () => {
    const shop = await createApplication(world)
    const session = await participants(shop)
    await later(session, 3600)
    await received(shop, 1)
  })

  it('hears of it when it is disconnected, although the session goes on, and again when that ends', async () => {
    const shop = await createApplication(world)
    const session = await participants(shop)
    const { userId } = session
    expect((await disconnect(userId, shop.id, clock.now())).ok).toBe(true)
    await received(shop, 1)
    expect((await sessions.list(userId, clock.now())).ok).toBe(true)
    await takePart(shop, session)
    await end(session)
    await received(shop, 2)
    expect(shop.received[0]?.sid).toBe(shop.received[1]?.sid)
  })

  it('that has come back by a code hears no more of the time before, in which it was disconnected', async () => {
    const shop = await createApplication(world)
    shop.manner = 'fails'
    const session = await participants(shop)
    const { userId, sid } = session
    await disconnect(userId, shop.id, clock.now())
    await vi.waitFor(
      async () => expect(await statesOf(session)).toEqual({ [shop.id]: 'retrying' }),
      PATIENCE,
    )
    const binding = { applicationId: shop.id, redirectUri: REDIRECT_URI }
    const { handle } = await mintCode({ userId, sid, now: clock.now() }, { binding })
    const participation = { applicationId: shop.id, ...(await knownTo(shop, session)) }
    const presented = { presented: binding, participation, now: clock.now() }
    valueOf(await grants.take({ kind: 'authorization_code', handle, ...presented }))
    shop.manner = 'takes'
    await later(session, 60)
    expect(shop.received).toHaveLength(1)
    await end(session)
    await received(shop, 2)
  })

  it('leaves an event of having been told', async () => {
    const shop = await createApplication(world)
    const session = await participants(shop)
    await end(session)
    await received(shop, 1)
    await vi.waitFor(
      () =>
        expect(log.lines.filter(({ event }) => event.startsWith('logout.'))).toMatchObject([
          { event: 'logout.delivered', user: session.userId, application: shop.id, attempts: 1 },
        ]),
      PATIENCE,
    )
    expect(log.text()).not.toContain('eyJ')
  })
})

describe('a participant that cannot be told', () => {
  const manners: Manner[] = ['fails', 'redirects']
  it.each(manners)(
    'because it %s, is tried again later and later, with a new jti each time',
    async (manner) => {
      const shop = await createApplication(world)
      shop.manner = manner
      const session = await participants(shop)
      await end(session)
      let count = 1
      for (const seconds of [2, 6, 36, 144, 720, 4320, 4320]) {
        await received(shop, count)
        await vi.waitFor(
          async () => expect(await statesOf(session)).toEqual({ [shop.id]: 'retrying' }),
          PATIENCE,
        )
        // Not a moment before its time.
        await ring(session.userId)
        expect(shop.received).toHaveLength(count)
        await later(session, seconds)
        count += 1
      }
      await received(shop, count)
      // The attempt is over, and no longer under way: the next one is within the hour, not within seconds.
      await vi.waitFor(async () => {
        const [row] = await rowsOf(session.userId, 'SELECT attempts, due_at FROM deliveries')
        expect(row).toMatchObject({ attempts: count })
        expect(row!.due_at).toBeGreaterThan(clock.now() + 60)
      }, PATIENCE)
      shop.manner = 'takes with 204'
      await later(session, 4320)
      await received(shop, count + 1)
      await vi.waitFor(
        async () => expect(await statesOf(session)).toEqual({ [shop.id]: 'told' }),
        PATIENCE,
      )
      const ids = shop.received.map(({ jti }) => jti)
      expect(new Set(ids).size).toBe(count + 1)
      expect(shop.problems).toEqual([])
      expect(world.internet.requestsTo(`${shop.origin}/other`)).toEqual([])
    },
  )

  it('is told after the object was evicted in the middle of an attempt', async () => {
    const shop = await createApplication(world)
    const session = await participants(shop)
    await end(session)
    await vi.waitFor(
      async () => expect(await statesOf(session)).toEqual({ [shop.id]: 'told' }),
      PATIENCE,
    )
    // As it stood while the attempt was under way, which is all that an eviction leaves.
    await rowsOf(
      session.userId,
      `UPDATE deliveries SET state = 'due', attempts = 1, due_at = ${clock.now() + 15}`,
    )
    await evictDurableObject(await objectOf(session.userId))
    await later(session, 14)
    expect(shop.received).toHaveLength(1)
    await later(session, 1)
    await received(shop, 2)
    await vi.waitFor(
      async () => expect(await statesOf(session)).toEqual({ [shop.id]: 'told' }),
      PATIENCE,
    )
  })

  it('is not asked twice at once, however often the alarm rings', async () => {
    const shop = await createApplication(world)
    shop.manner = 'hangs'
    const session = await participants(shop)
    await end(session)
    await vi.waitFor(() => expect(shop.hanging()).toBe(1), PATIENCE)
    clock.advance(20)
    const object = await objectOf(session.userId)
    const again = [1, 2, 3].map(() => ring(session.userId))
    await object.reportDeliveries({ sid: session.sid, waitMilliseconds: 100 })
    expect(shop.received).toHaveLength(1)
    shop.manner = 'takes'
    await Promise.all(again)
    await vi.waitFor(
      async () => expect(await statesOf(session)).toEqual({ [shop.id]: 'told' }),
      PATIENCE,
    )
    expect(shop.received).toHaveLength(1)
  })

  it('is told although it has been disabled', async () => {
    const shop = await createApplication(world)
    const session = await participants(shop)
    await applicationRegistry().setStatus(shop.id, 'disabled', clock.now())
    await end(session)
    await received(shop, 1)
  })

  it('is told after the object was evicted', async () => {
    const shop = await createApplication(world)
    shop.manner = 'fails'
    const session = await participants(shop)
    await end(session)
    await vi.waitFor(
      async () => expect(await statesOf(session)).toEqual({ [shop.id]: 'retrying' }),
      PATIENCE,
    )
    await evictDurableObject(await objectOf(session.userId))
    shop.manner = 'takes'
    await later(session, 2)
    await received(shop, 2)
    await vi.waitFor(
      async () => expect(await statesOf(session)).toEqual({ [shop.id]: 'told' }),
      PATIENCE,
    )
  })

  it('is told by what its registration says then', async () => {
    const shop = await createApplication(world)
    world.internet.unplug(shop.origin)
    const session = await participants(shop)
    await end(session)
    await vi.waitFor(
      async () =>
        expect(await rowsIn(session)).toMatchObject([{ attempts: 1, last_error: 'unreachable' }]),
      PATIENCE,
    )
    const moved: string[] = []
    world.internet.serve('https://moved.example', async (request) => {
      moved.push(await request.text())
      return new Response(null)
    })
    const oauth = { ...shop.application.oauth, backchannelLogoutUri: 'https://moved.example/bcl' }
    await env.DIRECTORY.prepare('UPDATE applications SET oauth = ?')
      .bind(JSON.stringify(oauth))
      .run()
    await later(session, 2)
    await vi.waitFor(() => expect(moved).toHaveLength(1), PATIENCE)
  })

  it('is told of sessions that end after it has been removed', async () => {
    const shop = await createApplication(world)
    const session = await participants(shop)
    expect(await applicationRegistry().remove(shop.id)).toMatchObject({ ok: true })
    await end(session)
    await received(shop, 1)
  })

  it('is told where it was last, when it has been removed in the meantime', async () => {
    const shop = await createApplication(world)
    shop.manner = 'fails'
    const session = await participants(shop)
    await end(session)
    await vi.waitFor(
      async () => expect(await statesOf(session)).toEqual({ [shop.id]: 'retrying' }),
      PATIENCE,
    )
    await env.DIRECTORY.prepare('DELETE FROM applications').run()
    shop.manner = 'takes'
    await later(session, 2)
    await received(shop, 2)
  })

  it.each([
    'http://shop.example/back-channel',
    'https://127.0.0.1/back-channel',
    'https://10.0.0.1/',
    'https://login.example/auth/sso/logout',
    'https://169.254.169.254/latest',
  ])('because it is at %s, is not even asked', async (uri) => {
    const shop = await createApplication(world)
    await env.DIRECTORY.prepare('UPDATE applications SET oauth = ?')
      .bind(JSON.stringify({ ...shop.application.oauth, backchannelLogoutUri: uri }))
      .run()
    const session = await participants(shop)
    const before = world.internet.requests.length
    await end(session)
    await vi.waitFor(
      async () => expect(await rowsIn(session)).toMatchObject([{ last_error: 'url_not_allowed' }]),
      PATIENCE,
    )
    expect(world.internet.requests).toHaveLength(before)
  })

  it('delays none of the others, even if it hangs, and if many do', async () => {
    const shops = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        createApplication(world, { name: `Shop ${n}`, origin: `https://shop-${n}.example` }),
      ),
    )
    // As many hang as there may be connections, and then some; they have been asked in vain before.
    const [fine, ...bad] = [shops.slice(0, 4), ...shops.slice(4)] as const
    const earlier = await participants(...bad)
    for (const shop of bad) shop.manner = 'fails'
    await end(earlier)
    for (const shop of bad) await received(shop, 1)
    for (const shop of bad) shop.manner = 'hangs'
    const hanging = () => bad.reduce((sum, shop) => sum + shop.hanging(), 0)
    const { session } = await signedIn(clock.now(), earlier.userId)
    for (const shop of shops) await takePart(shop, session)
    clock.advance(2)
    const ringing = ring(earlier.userId)
    await vi.waitFor(() => expect(hanging()).toBe(3), PATIENCE)
    await end(session)
    for (const shop of fine) await received(shop, 1)
    expect(hanging()).toBeGreaterThanOrEqual(3)
    const states = await statesOf(session)
    for (const shop of fine) expect(states[shop.id]).toBe('told')
    for (const shop of bad) shop.manner = 'takes'
    await vi.waitFor(() => expect(hanging()).toBe(0), PATIENCE)
    await ringing
  })
})

describe('a delivery that is given up', () => {
  /** The shop says no until it is believed. */
  async function givenUp(manner: 'refuses' | 'fails' = 'refuses') {
    const shop = await createApplication(world)
    shop.manner = manner
    const session = await participants(shop)
    await end(session)
    await received(shop, 1)
    if (manner === 'refuses') {
      for (const [tries, seconds] of [
        [2, 2],
        [3, 6],
        [4, 36],
      ] as const) {
        await vi.waitFor(
          async () => expect(await statesOf(session)).toEqual({ [shop.id]: 'retrying' }),
          PATIENCE,
        )
        await later(session, seconds)
        await received(shop, tries)
      }
    } else {
      await vi.waitFor(
        async () => expect(await statesOf(session)).toEqual({ [shop.id]: 'retrying' }),
        PATIENCE,
      )
      await later(session, DAY)
    }
    return { shop, session }
  }

  const listed = () => undelivered.list({ before: undefined, limit: 10 })

  it.each(['refuses', 'fails'] as const)(
    'because the application %s, is on the list',
    async (manner) => {
      const { shop, session } = await givenUp(manner)
      await vi.waitFor(
        async () => expect(await statesOf(session)).toEqual({ [shop.id]: 'given_up' }),
        PATIENCE,
      )
      const attempts = { refuses: 4, fails: 2 }[manner]
      expect(await listed()).toEqual([
        {
          id: expect.stringMatching(/^[0-9a-f]{32}$/),
          userId: session.userId,
          applicationId: shop.id,
          attempts,
          lastError: { refuses: 'status_400', fails: 'status_500' }[manner],
          endedAt: NOON,
          givenUpAt: clock.now(),
        },
      ])
      expect(log.lines).toContainEqual(
        expect.objectContaining({
          event: 'logout.not_delivered',
          user: session.userId,
          application: shop.id,
          attempts,
        }),
      )
      const tokens = shop.received.length
      for (const seconds of [600, 3600, 2 * DAY]) await later(session, seconds)
      expect(shop.received).toHaveLength(tokens)
      expect(await rowsOf(session.userId, 'SELECT name FROM sqlite_master')).toEqual([])
    },
  )

  it('stays in the object until the directory has it', async () => {
    const { shop, session } = await (async () => {
      await env.DIRECTORY.prepare('ALTER TABLE undelivered_logouts RENAME TO away').run()
      return givenUp()
    })()
    await vi.waitFor(
      async () => expect(await rowsIn(session)).toMatchObject([{ state: 'unlisted' }]),
      PATIENCE,
    )
    await vi.waitFor(() => expect(log.text()).toContain('delivery.not_listed'), PATIENCE)
    for (let tries = 0; tries < 3; tries += 1) await later(session, 60)
    expect(await rowsIn(session)).toMatchObject([{ state: 'unlisted', attempts: 4 }])
    await env.DIRECTORY.prepare('ALTER TABLE away RENAME TO undelivered_logouts').run()
    await evictDurableObject(await objectOf(session.userId))
    await later(session, 60)
    await vi.waitFor(async () => expect(await listed()).toHaveLength(1), PATIENCE)
    expect(shop.received).toHaveLength(4)
  })

  it('is tried anew when it is replayed, and leaves the list', async () => {
    const { shop, session } = await givenUp()
    await vi.waitFor(async () => expect(await listed()).toHaveLength(1), PATIENCE)
    const [{ id } = { id: '' }] = await listed()
    shop.manner = 'takes'
    clock.advance(7 * DAY)
    expect(await deliveries.replay(id, clock.now())).toEqual({ ok: true, value: undefined })
    await received(shop, 5)
    expect(shop.received[4]?.sid).toBe(shop.received[0]?.sid)
    expect(await listed()).toEqual([])
    await vi.waitFor(
      async () => expect(await rowsIn(session)).toMatchObject([{ state: 'told' }]),
      PATIENCE,
    )
    expect(await deliveries.replay(id, clock.now())).toMatchObject({ refusal: { code: 'unknown' } })
  })

  it('is replayed to a user whose object has long been deleted, and comes back to the list', async () => {
    const { shop, session } = await givenUp()
    await vi.waitFor(async () => expect(await listed()).toHaveLength(1), PATIENCE)
    for (let day = 0; day < 3; day += 1) await later(session, DAY)
    await later(session, 1)
    expect(await rowsOf(session.userId, 'SELECT name FROM sqlite_master')).toEqual([])
    const [{ id } = { id: '' }] = await listed()
    expect((await deliveries.replay(id, clock.now())).ok).toBe(true)
    await received(shop, 5)
    for (const seconds of [2, 6, 36]) {
      await vi.waitFor(
        async () => expect(await rowsIn(session)).toMatchObject([{ state: 'due' }]),
        PATIENCE,
      )
      await later(session, seconds)
    }
    await vi.waitFor(
      async () => expect(await listed()).toMatchObject([{ id, attempts: 4 }]),
      PATIENCE,
    )
    expect(shop.received).toHaveLength(8)
  })

  it('is replayed to where the application was last, when that has been removed', async () => {
    const { shop, session } = await givenUp()
    await vi.waitFor(async () => expect(await listed()).toHaveLength(1), PATIENCE)
    for (let day = 0; day < 3; day += 1) await later(session, DAY)
    await env.DIRECTORY.prepare('DELETE FROM applications').run()
    shop.manner = 'takes'
    const [{ id } = { id: '' }] = await listed()
    expect((await deliveries.replay(id, clock.now())).ok).toBe(true)
    await received(shop, 5)
  })

  it('is not replayed, and stays on the list, while the object does not answer', async () => {
    const { session } = await givenUp()
    await vi.waitFor(async () => expect(await listed()).toHaveLength(1), PATIENCE)
    const isDown = () => {
      throw new Error('down')
    }
    const unanswered = createLogoutDeliveries({
      userSessions: { getByName: isDown } as unknown as Env['USER_SESSIONS'],
      undelivered,
    })
    const [{ id } = { id: '' }] = await listed()
    expect(await unanswered.replay(id, clock.now())).toMatchObject({
      refusal: { code: 'unavailable' },
    })
    expect(await listed()).toHaveLength(1)
    expect(await rowsIn(session)).toMatchObject([{ state: 'given_up' }])
  })

  it('is listed newest first, in pages', async () => {
    const delivery = {
      userId: 'a'.repeat(32) as LiveSession['userId'],
      sid: 'b'.repeat(32) as LiveSession['sid'],
      applicationId: 'shop',
      subject: 's',
      clientSid: 'c',
      protocol: 'openid' as const,
      endedAt: NOON,
      attempts: 9,
      lastError: 'timeout',
      remembered: undefined,
    }
    for (const id of ['1', '2', '3', '4', '5']) {
      await undelivered.keep({ ...delivery, id }, NOON)
      await undelivered.keep({ ...delivery, id }, NOON)
    }
    const first = await undelivered.list({ before: undefined, limit: 3 })
    const second = await undelivered.list({ before: first.at(-1)!.id, limit: 3 })
    expect([...first, ...second].map(({ id }) => id)).toEqual(['5', '4', '3', '2', '1'])
    await undelivered.strike('5', NOON - 1)
    expect(await undelivered.find('5')).toBeDefined()
    await undelivered.strike('5', NOON)
    expect(await undelivered.find('5')).toBeUndefined()
  })
})
