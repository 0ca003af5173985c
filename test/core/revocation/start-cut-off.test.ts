import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { KNOWN_SECONDS } from '../../../src/core/applications/known-applications.ts'
import type { CutOffMessage } from '../../../src/core/revocation/cut-off-drain.ts'
import { newUserId } from '../../../src/core/sessions/session.ts'
import type { UserId } from '../../../src/core/sessions/session.ts'
import { gatewayFor } from '../../../src/gateway.ts'
import { freezeClock, NOON } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import {
  HONEST,
  mintCode,
  newGrant,
  OTHER,
  refused,
  rotate,
  SHOP,
  takeCode,
  valueOf,
} from '../sessions/granted.ts'
import { objectOf, openInput, rowsOf } from '../sessions/signed-in-user.ts'

let clock: TestClock

beforeEach(async () => {
  clock = freezeClock(NOON)
  captureLog()
  await prepareKeyRing(NOON)
})

const work: Promise<unknown>[] = []
const facts = {
  requestId: 'request-1',
  clientKey: '',
  continent: undefined,
  waitUntil: (more: Promise<unknown>) => void work.push(more),
}

/** An isolate whose queue is delivered by the test. */
function isolate(bindings: Partial<Record<keyof Env, unknown>> = {}) {
  const sent: CutOffMessage[] = []
  const queue = { send: async (message: CutOffMessage) => void sent.push(message) }
  const { core } = gatewayFor({ ...env, SESSION_ENDS: queue, ...bindings } as unknown as Env)
  const deliver = async () => {
    for (const message of sent.splice(0)) {
      await core!.cutOffDrain.receive(facts, message)
    }
  }
  return { core: core!, sent, deliver }
}

type Isolate = ReturnType<typeof isolate>

/** Somebody in the directory, with a session and a family of the shop's. */
async function customer({ core }: Isolate, changes: { applicationId?: string } = {}) {
  const userId = newUserId()
  await env.DIRECTORY.prepare('INSERT INTO users (id, created_at, updated_at) VALUES (?1, ?2, ?2)')
    .bind(userId, clock.now())
    .run()
  const input = openInput(clock.now(), userId)
  const authentication = { ...input.authentication, ...changes }
  const { session, cookie } = valueOf(await core.sessions.open({ ...input, authentication }))
  const of = { userId, sid: session.sid, now: clock.now() }
  const take = async (applicationId: string) => {
    const binding = { ...HONEST, applicationId }
    const { handle } = await mintCode(of, { binding }, core.grants)
    return valueOf(await takeCode(handle, clock.now(), binding, core.grants))
  }
  const code = await mintCode(of, {}, core.grants)
  return { ...of, cookie, code, shop: await take(SHOP), other: await take(OTHER) }
}

/** A session that the shop opens by itself. */
async function openAsShop({ core }: Isolate, userId: UserId) {
  const input = openInput(clock.now(), userId)
  const authentication = { ...input.authentication, applicationId: SHOP }
  return valueOf(await core.sessions.open({ ...input, authentication }))
}

const end = ({ core }: Isolate) =>
  core.startCutOff(facts, {
    scope: 'application',
    id: SHOP,
    cause: 'application_removed',
    now: clock.now(),
  })

async function eventsOf(userId: string | null) {
  await Promise.all(work)
  const { results } = await env.DIRECTORY.prepare(
    'SELECT event, actor, details FROM audit_events WHERE user_id IS ? ORDER BY id',
  )
    .bind(userId)
    .all<{ event: string; actor: string; details: string }>()
  return results.map((row) => ({ ...row, details: JSON.parse(row.details) as object }))
}

describe('the end of an application', () => {
  it('holds for everybody with one write, before the queue has told any object', async () => {
    const here = isolate()
    const [ada, bob] = [await customer(here), await customer(here)]
    expect((await end(here)).ok).toBe(true)
    for (const { code, shop, other, cookie } of [ada, bob]) {
      const { grants } = here.core
      const noSession = refused('no_session')
      expect(await takeCode(code.handle, clock.now(), HONEST, grants)).toMatchObject(noSession)
      expect(await rotate(shop.refreshToken!, clock.now(), undefined, grants)).toMatchObject(
        noSession,
      )
      const by = { applicationId: OTHER }
      expect((await rotate(other.refreshToken!, clock.now(), by, grants)).ok).toBe(true)
      expect((await here.core.sessions.use(cookie, clock.now())).ok).toBe(true)
    }
  })

  it('is carried to each object, where its part in the session ends', async () => {
    const here = isolate()
    const ada = await customer(here)
    await here.core.consents.give({
      ...ada,
      consent: { applicationId: SHOP, scope: ['openid'], claims: [], resources: [] },
    })
    const progress = valueOf(await end(here))
    expect(progress).toMatchObject({ scope: 'application', scopeId: SHOP, total: 1, visited: 0 })
    await here.deliver()
    expect(await here.core.cutOffRecords.find(progress.id)).toMatchObject({
      visited: 1,
      failed: 0,
      cursor: null,
    })
    const { userId } = ada
    expect(await rowsOf(userId, 'SELECT application_id FROM grants')).toEqual([
      { application_id: OTHER },
    ])
    expect(await rowsOf(userId, 'SELECT * FROM consents')).toEqual([])
    expect(
      await rowsOf(userId, 'SELECT application_id, end_cause FROM participants ORDER BY 1'),
    ).toEqual([{ application_id: OTHER, end_cause: null }])
    // Its deliveries have taken it over.
    expect(await rowsOf(userId, 'SELECT application_id FROM deliveries')).toEqual([
      { application_id: SHOP },
    ])
    // Also where the rule would be forgotten, its tokens are dead.
    const object = await objectOf(userId)
    const { sid, shop } = ada
    const token = { sid, epoch: shop.session.epoch, now: clock.now() }
    expect((await object.checkToken({ ...token, ids: [shop.family] })).ok).toBe(false)
    expect((await object.checkToken({ ...token, ids: [ada.other.family] })).ok).toBe(true)
    expect(await eventsOf(null)).toMatchObject([
      { event: 'sessions.cut_off', actor: 'operator', details: { application: SHOP } },
    ])
    expect(await eventsOf(userId)).toMatchObject([
      {
        event: 'application.ended',
        actor: 'operator',
        details: { application: SHOP, cause: 'application_removed', ended: 0, grants: 2 },
      },
    ])
  })

  it('ends the sessions that it had opened itself, with their cause', async () => {
    const here = isolate()
    const ada = await customer(here, { applicationId: SHOP })
    const binding = { ...HONEST, applicationId: OTHER }
    const { handle } = await mintCode(ada, { binding }, here.core.grants)
    await end(here)
    expect(await here.core.grants.peek('authorization_code', handle, clock.now())).toMatchObject(
      refused('no_session'),
    )
    await here.deliver()
    expect(await rowsOf(ada.userId, 'SELECT end_cause FROM sessions')).toEqual([
      { end_cause: 'application_removed' },
    ])
  })

  it('told twice to an object does nothing the second time', async () => {
    const here = isolate()
    const ada = await customer(here)
    await end(here)
    const [message] = here.sent
    await here.deliver()
    const rows = () => rowsOf(ada.userId, 'SELECT * FROM participants, user')
    const before = await rows()
    await here.core.ends.endForApplication(facts, {
      userId: ada.userId,
      end: {
        applicationId: SHOP,
        startedBy: Date.now(),
        cause: 'application_removed',
      },
      cutOffId: message!.cutOffId,
      now: clock.now(),
    })
    expect(await rows()).toEqual(before)
    expect(await eventsOf(ada.userId)).toHaveLength(1)
  })

  it('leaves alone what it is given after it was let in again, also when the queue is late', async () => {
    const here = isolate()
    const ada = await customer(here)
    await end(here)
    clock.advance(1)
    const later = { ...ada, now: clock.now() }
    const { handle } = valueOf(await here.core.grants.mint({ ...later, grant: newGrant() }))
    const { refreshToken } = valueOf(await takeCode(handle, clock.now(), HONEST, here.core.grants))
    const consent = { applicationId: SHOP, scope: ['openid'], claims: [], resources: [] }
    valueOf(await here.core.consents.give({ ...later, consent }))
    const own = await openAsShop(here, ada.userId)
    await here.deliver()
    expect((await rotate(refreshToken!, clock.now(), undefined, here.core.grants)).ok).toBe(true)
    expect(valueOf(await here.core.consents.read(ada.userId, SHOP))).toMatchObject(consent)
    expect((await here.core.sessions.use(own.cookie, clock.now())).ok).toBe(true)
    expect(
      await rowsOf(
        ada.userId,
        `SELECT end_cause FROM participants WHERE application_id = '${SHOP}'`,
      ),
    ).toEqual([{ end_cause: null }])
  })

  it('waits with the queue until nobody can have let it in by what they remember', async () => {
    const delays: (number | undefined)[] = []
    const queue = {
      send: async (_: CutOffMessage, how?: QueueSendOptions) => void delays.push(how?.delaySeconds),
    }
    const here = isolate({ SESSION_ENDS: queue })
    expect(await end(here)).toMatchObject({ ok: true })
    expect(delays).toEqual([KNOWN_SECONDS + 5])
  })

  it('that cannot reach the key ring says so, and has ended nothing', async () => {
    const unreachable = {
      getByName: () => {
        throw new Error('away')
      },
    }
    const ada = await customer(isolate())
    const away = isolate({ KEY_RING: unreachable })
    expect(await end(away)).toMatchObject(refused('unavailable'))
    expect(away.sent).toEqual([])
    const { grants } = isolate().core
    expect((await rotate(ada.shop.refreshToken!, clock.now(), undefined, grants)).ok).toBe(true)
  })
})
