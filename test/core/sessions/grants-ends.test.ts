import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createGrants } from '../../../src/core/sessions/grants.ts'
import { MOST_GRANTS, UNTAKEN_KEPT } from '../../../src/core/sessions/grants-table.ts'
import { newUserId } from '../../../src/core/sessions/session.ts'
import type { UserId } from '../../../src/core/sessions/session.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import {
  family,
  grants,
  HONEST,
  mintCode,
  newGrant,
  OTHER,
  partsOf,
  person,
  refused,
  rotate,
  SHOP,
  stands,
  stateOf,
  takeCode,
  valueOf,
} from './granted.ts'
import type { Person } from './granted.ts'
import { hintOf, published, ring } from './published-hint.ts'
import {
  ABSOLUTE_SECONDS,
  objectOf,
  rowsOf,
  sessionsOf,
  signedIn,
  START,
  TOKEN_SECONDS,
} from './signed-in-user.ts'

const sessions = sessionsOf()
let clock: TestClock

beforeEach(() => {
  clock = freezeClock(START)
  vi.spyOn(console, 'info').mockImplementation(() => {})
  vi.spyOn(console, 'log').mockImplementation(() => {})
})

/** What the edge knows of as revoked. */
async function listed(userId: UserId) {
  await published(userId)
  return (await hintOf(userId))?.revoked?.map(({ id }) => id)
}

describe('all grants of a session', () => {
  const ends = {
    'its own end': async (ada: Person) => sessions.end(ada.userId, ada.sid, 'person', clock.now()),
    'the end of all': async (ada: Person) => sessions.endAll(ada.userId, 'operator', clock.now()),
    'the user being disabled': async (ada: Person) => sessions.disable(ada.userId, clock.now()),
  }

  it.each(Object.keys(ends) as (keyof typeof ends)[])('die with %s', async (name) => {
    const ada = await person(clock.now())
    const { handle } = await mintCode(ada)
    const device = await mintCode(ada, { kind: 'device_code', binding: { applicationId: SHOP } })
    const { refreshToken } = await family(ada)
    await ends[name](ada)
    expect(await takeCode(handle, clock.now())).toMatchObject(refused('no_session'))
    expect(await grants.peek('device_code', device.handle, clock.now())).toMatchObject(
      refused('no_session'),
    )
    expect(await rotate(refreshToken, clock.now())).toMatchObject(refused('no_session'))
    expect(await grants.mint({ ...ada, grant: newGrant() })).toMatchObject(refused('no_session'))
    const participation = { applicationId: SHOP, subject: 's', clientSid: 'c' }
    expect(await grants.participate({ ...ada, participation })).toMatchObject(refused('no_session'))
    // Signing in again revives none of them.
    await sessions.enable(ada.userId)
    await signedIn(clock.now(), ada.userId)
    expect(await takeCode(handle, clock.now())).toMatchObject(refused('no_session'))
    expect(await rotate(refreshToken, clock.now())).toMatchObject(refused('no_session'))
  })

  it('are deleted with what else the alarm deletes', async () => {
    const ada = await person(clock.now())
    const { userId } = ada
    await family(ada)
    await mintCode(ada)
    await sessions.end(userId, ada.sid, 'person', clock.now())
    clock.advance(1)
    await ring(userId)
    expect(await rowsOf(userId, 'SELECT * FROM grants')).toEqual([])
    clock.advance(ABSOLUTE_SECONDS + TOKEN_SECONDS + 400)
    for (let n = 0; n < 5 && (await ring(userId)); n += 1) clock.advance(600)
    expect(await rowsOf(userId, 'SELECT name FROM sqlite_master')).toEqual([])
  })

  const mints = {
    mint: (ada: Person) => mintCode(ada),
    mintBehind: async ({ cookie, now }: Person) => {
      const question = { cookie, isUse: false, grant: newGrant(), now }
      return valueOf(valueOf(await grants.mintBehind(question)).minted)
    },
  }

  it.each(Object.entries(mints))(
    'are at most fifty of one application, by %s: the oldest gives way, and only its tokens',
    async (_, mint) => {
      const ada = await person(clock.now())
      const oldest = await family(ada)
      const elsewhere = await mintCode(ada, { binding: { applicationId: OTHER } })
      clock.advance(1)
      for (let n = 1; n < MOST_GRANTS; n += 1) await family(ada)
      expect(await stands(ada, oldest.family)).toBe(true)
      clock.advance(1)
      const newest = await mint(ada)
      expect(await listed(ada.userId)).toEqual([oldest.family])
      expect(await rotate(oldest.refreshToken, clock.now())).toMatchObject(refused('unknown'))
      expect(await stands(ada, oldest.family)).toBe(false)
      expect((await takeCode(newest.handle, clock.now())).ok).toBe(true)
      expect((await grants.peek('authorization_code', elsewhere.handle, clock.now())).ok).toBe(true)
      expect(
        await rowsOf(ada.userId, `SELECT COUNT(*) AS n FROM grants WHERE application_id = 'shop'`),
      ).toEqual([{ n: MOST_GRANTS }])
    },
  )

  it('give way to ten codes at once where a session is full, and to no more: then the codes do', async () => {
    const ada = await person(clock.now())
    const inUse = []
    for (let n = 0; n < MOST_GRANTS; n += 1) {
      inUse.push(await family(ada))
      clock.advance(1)
    }
    const codes = []
    for (let n = 0; n < UNTAKEN_KEPT; n += 1) codes.push(await mintCode(ada))
    for (const { handle } of codes) {
      expect((await grants.peek('authorization_code', handle, clock.now())).ok).toBe(true)
    }
    for (let n = 0; n < MOST_GRANTS; n += 1) await mintCode(ada)
    for (const { handle } of codes) {
      expect(await takeCode(handle, clock.now())).toMatchObject(refused('unknown'))
    }
    const [gone, stay] = [inUse.slice(0, UNTAKEN_KEPT), inUse.slice(UNTAKEN_KEPT)]
    for (const { refreshToken } of gone) {
      expect(await rotate(refreshToken, clock.now())).toMatchObject(refused('unknown'))
    }
    for (const { refreshToken } of stay) {
      expect((await rotate(refreshToken, clock.now())).ok).toBe(true)
    }
  })

  it('give way once they are over, however young, before an older one that lives', async () => {
    const ada = await person(clock.now())
    const oldest = await family(ada)
    for (let n = 0; n < 2 * MOST_GRANTS; n += 1) {
      clock.advance(2)
      await mintCode({ ...ada, now: clock.now() }, { kind: 'handoff_ticket' })
    }
    expect((await rotate(oldest.refreshToken, clock.now())).ok).toBe(true)
    expect(
      await rowsOf(ada.userId, `SELECT COUNT(*) AS n FROM grants WHERE application_id = 'shop'`),
    ).toEqual([{ n: MOST_GRANTS }])
  })
})

describe('revocation', () => {
  it('of a family of which something was taken twice is told to the edge', async () => {
    const ada = await person(clock.now())
    const { handle, family: gid } = await mintCode(ada)
    expect((await takeCode(handle, clock.now())).ok).toBe(true)
    expect(await takeCode(handle, clock.now())).toMatchObject(refused('reused'))
    expect(await listed(ada.userId)).toEqual([gid])
  })

  it('of a refresh token ends its family, for its own application only', async () => {
    const ada = await person(clock.now())
    const { refreshToken: handle, family: gid } = await family(ada)
    const revoke = (applicationId: string) =>
      grants.revoke({ kind: 'refresh_token', handle, applicationId, now: clock.now() })
    const before = await stateOf(ada.userId)
    expect(await revoke(OTHER)).toMatchObject(refused('other_application'))
    expect(await stateOf(ada.userId)).toEqual(before)
    expect(await revoke(SHOP)).toEqual({ ok: true, value: undefined })
    expect(await rotate(handle, clock.now())).toMatchObject(refused('unknown'))
    expect(await stands(ada, gid)).toBe(false)
    expect(await revoke(SHOP)).toMatchObject(refused('unknown'))
  })

  it('of something made up is unknown', async () => {
    const input = { kind: 'refresh_token' as const, applicationId: SHOP, now: clock.now() }
    expect(await grants.revoke({ ...input, handle: 'r_nothing' })).toMatchObject(refused('unknown'))
  })

  it('of one access token leaves the others, and is forgotten when it has expired', async () => {
    const ada = await person(clock.now())
    const [jti, other] = ['a'.repeat(32), 'b'.repeat(32)]
    expect((await grants.revokeTokens({ ...ada, id: jti })).ok).toBe(true)
    expect([await stands(ada, jti), await stands(ada, other)]).toEqual([false, true])
    clock.advance(TOKEN_SECONDS + 60)
    await ring(ada.userId)
    expect(await rowsOf(ada.userId, 'SELECT * FROM revoked_ids')).toEqual([])
  })

  it('of a family by its id ends its grants as well', async () => {
    const ada = await person(clock.now())
    const { refreshToken, family: gid } = await family(ada)
    await grants.revokeTokens({ ...ada, id: gid })
    expect(await stands(ada, gid)).toBe(false)
    expect(await rotate(refreshToken, clock.now())).toMatchObject(refused('unknown'))
  })

  it('for a user without an object leaves none behind', async () => {
    const userId = newUserId()
    expect((await grants.revokeTokens({ userId, id: 'a'.repeat(32), now: clock.now() })).ok).toBe(
      true,
    )
    expect(await rowsOf(userId, 'SELECT name FROM sqlite_master')).toEqual([])
  })
})

describe('a logout that is put back', () => {
  it('is over for an application that takes part in the session again', async () => {
    const ada = await person(clock.now())
    const object = await objectOf(ada.userId)
    const delivery = {
      id: 'd'.repeat(32),
      userId: ada.userId,
      sid: ada.sid,
      applicationId: SHOP,
      subject: 'subject-of-shop',
      clientSid: 'sid-of-shop',
      protocol: 'openid',
      endedAt: clock.now(),
      remembered: undefined,
    } as const
    await family(ada)
    await object.putDeliveryBack({ delivery, now: clock.now() })
    expect(await rowsOf(ada.userId, 'SELECT * FROM deliveries')).toEqual([])
    await object.putDeliveryBack({
      delivery: { ...delivery, applicationId: OTHER },
      now: clock.now(),
    })
    expect(await rowsOf(ada.userId, 'SELECT application_id FROM deliveries')).toEqual([
      { application_id: OTHER },
    ])
  })
})

describe('a cut-off of the application', () => {
  it('takes every grant from before it, in the same second too, and none from after it', async () => {
    const ada = await person(clock.now())
    const at = clock.now() * 1000
    let cutOffs: readonly { scope: 'application'; id: string; at: number; cause: 'operator' }[] = []
    const ruled = createGrants(partsOf(() => ({ cutOffs, providerIds: ['otrotl'] })))
    const { handle } = await mintCode(ada, {}, ruled)
    const elsewhere = await mintCode(ada, { binding: { applicationId: OTHER } }, ruled)
    const { refreshToken } = valueOf(
      await takeCode((await mintCode(ada, {}, ruled)).handle, clock.now(), HONEST, ruled),
    )
    cutOffs = [{ scope: 'application', id: SHOP, at: at + 1, cause: 'operator' }]
    const noSession = refused('no_session')
    expect(await takeCode(handle, clock.now(), HONEST, ruled)).toMatchObject(noSession)
    expect(await rotate(refreshToken!, clock.now(), undefined, ruled)).toMatchObject(noSession)
    expect(await ruled.mint({ ...ada, grant: newGrant() })).toMatchObject(noSession)
    const participation = { applicationId: SHOP, subject: 's', clientSid: 'c' }
    expect(await ruled.participate({ ...ada, participation })).toMatchObject(noSession)
    expect((await ruled.peek('authorization_code', elsewhere.handle, clock.now())).ok).toBe(true)
    expect((await sessionsOf().peek(ada.cookie, clock.now())).ok).toBe(true)
    clock.advance(1)
    expect(await rotate(refreshToken!, clock.now(), undefined, ruled)).toMatchObject(noSession)
    const later = await mintCode({ ...ada, now: clock.now() }, {}, ruled)
    expect((await takeCode(later.handle, clock.now(), HONEST, ruled)).ok).toBe(true)
  })
})

describe('fifty at once', () => {
  const fifty = <Value>(act: () => Promise<Value>): Promise<Value[]> =>
    Promise.all(Array.from({ length: 50 }, act))

  it('that take one code: one wins, and the others’ coming revokes what it got', async () => {
    const ada = await person(clock.now())
    const { handle, family: gid } = await mintCode(ada)
    const outcomes = await fifty(() => takeCode(handle, clock.now()))
    const won = outcomes.filter(({ ok }) => ok)
    expect(won).toHaveLength(1)
    const codes = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.refusal.code]))
    expect(new Set(codes)).toEqual(new Set(['reused', 'unknown']))
    expect(await stands(ada, gid)).toBe(false)
    expect(await rowsOf(ada.userId, 'SELECT * FROM grants')).toEqual([])
    expect(await rotate(valueOf(won[0]!).refreshToken!, clock.now())).toMatchObject(
      refused('unknown'),
    )
  })

  it('that rotate one refresh token get one successor, all the same', async () => {
    const ada = await person(clock.now())
    const { refreshToken, family: gid } = await family(ada)
    const outcomes = await fifty(() => rotate(refreshToken, clock.now()))
    const successors = new Set(outcomes.map((outcome) => valueOf(outcome).refreshToken))
    expect(successors.size).toBe(1)
    expect(await stands(ada, gid)).toBe(true)
    expect((await rotate([...successors][0]!, clock.now())).ok).toBe(true)
  })

  it('that mint keep to the most that there may be', async () => {
    const ada = await person(clock.now())
    await fifty(() => mintCode(ada))
    await fifty(() => mintCode(ada))
    expect(await rowsOf(ada.userId, 'SELECT COUNT(*) AS n FROM grants')).toEqual([
      { n: MOST_GRANTS },
    ])
  })
})
