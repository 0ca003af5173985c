import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createConsents } from '../../../src/core/sessions/consents.ts'
import { createGrants } from '../../../src/core/sessions/grants.ts'
import { newUserId } from '../../../src/core/sessions/session.ts'
import { CLOCK_MARGIN_SECONDS } from '../../../src/core/sessions/user-table.ts'
import type { CutOff } from '../../../src/core/tokens/cut-off.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import {
  consents,
  disconnect,
  family,
  grants,
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
import { ring } from './published-hint.ts'
import {
  ABSOLUTE_SECONDS,
  IDLE_SECONDS,
  objectOf,
  openInput,
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

const API = 'https://orders.example'

const give = (
  session: Person,
  scope: string[],
  claims: string[] = [],
  applicationId = SHOP,
  resources: string[] = [],
) =>
  consents.give({
    ...session,
    now: clock.now(),
    consent: { applicationId, scope, claims, resources },
  })

const read = async ({ userId }: Pick<Person, 'userId'>, applicationId = SHOP) =>
  valueOf(await consents.read(userId, applicationId))

const connected = async ({ userId }: Person) =>
  valueOf(await consents.connections(userId, clock.now()))

const leave = ({ userId }: Person, applicationId = SHOP) =>
  disconnect(userId, applicationId, clock.now())

/** A session that the shop opens by itself. */
function openAsShop({ userId }: Person) {
  const input = openInput(clock.now(), userId)
  const authentication = { ...input.authentication, applicationId: SHOP }
  return sessions.open({ ...input, authentication })
}

/** Rings until nothing more is to be done. */
async function settle({ userId }: Person) {
  for (let n = 0; n < 8 && (await ring(userId)); n += 1) clock.advance(600)
}

describe('a consent', () => {
  it('is remembered per application, and adds to what was given before', async () => {
    const ada = await person(clock.now())
    expect(await read(ada)).toBeUndefined()
    await give(ada, ['openid', 'email'])
    clock.advance(10)
    await give(ada, ['openid', 'profile'], ['birthdate'])
    await give(ada, [], [], SHOP, [API])
    expect(await read(ada)).toEqual({
      applicationId: SHOP,
      scope: ['openid', 'email', 'profile'],
      claims: ['birthdate'],
      resources: [API],
      givenAt: START + 10,
    })
    expect(await read(ada, OTHER)).toBeUndefined()
  })

  it('is given under a live session only', async () => {
    const ada = await person(clock.now())
    await sessions.end(ada.userId, ada.sid, 'person', clock.now())
    const before = await stateOf(ada.userId)
    expect(await give(ada, ['openid'])).toMatchObject(refused('no_session'))
    expect(await stateOf(ada.userId)).toEqual(before)
  })

  it('outlives the session and everything else; then the object sleeps, and sets no alarm', async () => {
    const ada = await person(clock.now())
    await give(ada, ['openid'])
    await sessions.end(ada.userId, ada.sid, 'person', clock.now())
    clock.advance(ABSOLUTE_SECONDS + 1000)
    await settle(ada)
    expect(await rowsOf(ada.userId, 'SELECT * FROM sessions')).toEqual([])
    expect(await ring(ada.userId)).toBe(false)
    expect(await read(ada)).toMatchObject({ scope: ['openid'] })
    // And it is there for the next session.
    await signedIn(clock.now(), ada.userId)
    expect(await read(ada)).toMatchObject({ scope: ['openid'] })
  })

  it('that is withdrawn lets the object go', async () => {
    const ada = await person(clock.now())
    await give(ada, ['openid'])
    await sessions.end(ada.userId, ada.sid, 'person', clock.now())
    clock.advance(ABSOLUTE_SECONDS + 1000)
    await settle(ada)
    expect(await leave(ada)).toMatchObject({ value: { isChanged: true } })
    clock.advance(ABSOLUTE_SECONDS)
    await settle(ada)
    expect(await rowsOf(ada.userId, 'SELECT name FROM sqlite_master')).toEqual([])
  })

  it('of somebody who has no object is none, and leaves none behind', async () => {
    const userId = newUserId()
    expect(await read({ userId })).toBeUndefined()
    expect(await consents.connections(userId, START)).toEqual({ ok: true, value: [] })
    expect(await disconnect(userId, SHOP, START)).toMatchObject({
      value: { isChanged: false },
    })
    expect(await rowsOf(userId, 'SELECT name FROM sqlite_master')).toEqual([])
  })

  it('from before its application was cut off counts no more, and a new one stands alone', async () => {
    const ada = await person(clock.now())
    await give(ada, ['openid', 'email'])
    await give(ada, ['openid'], [], OTHER)
    const cutOffs: CutOff[] = [
      { scope: 'application', id: SHOP, at: START * 1000 + 5, cause: 'application_removed' },
    ]
    const ruled = createConsents(partsOf(() => ({ cutOffs, providerIds: ['otrotl'] })))
    expect(await ruled.read(ada.userId, SHOP)).toEqual({ ok: true, value: undefined })
    expect(await ruled.connections(ada.userId, clock.now())).toMatchObject({
      value: [{ applicationId: OTHER }],
    })
    clock.advance(1)
    const consent = { applicationId: SHOP, scope: ['openid'], claims: [], resources: [] }
    await ruled.give({ ...ada, consent, now: clock.now() })
    expect(valueOf(await ruled.read(ada.userId, SHOP))?.scope).toEqual(['openid'])
  })
})

describe('an object of before, when a consent was to scope and claims alone', () => {
  it('keeps its sessions and consents, which are to no API', async () => {
    const ada = await person(clock.now())
    await give(ada, ['openid', 'email'], ['picture'], SHOP, [API])
    const object = await objectOf(ada.userId)
    await runInDurableObject(object, (_, { storage: { sql } }) => {
      sql.exec('ALTER TABLE consents DROP COLUMN resources')
      sql.exec('UPDATE schema_steps SET step = 6')
    })
    await evictDurableObject(object)
    expect(await read(ada)).toMatchObject({ scope: ['openid', 'email'], resources: [] })
    expect(await sessions.list(ada.userId, clock.now())).toMatchObject({
      value: [{ sid: ada.sid }],
    })
    await give(ada, ['openid'], [], SHOP, [API])
    expect(await read(ada)).toMatchObject({ claims: ['picture'], resources: [API] })
  })
})

describe('what rests on a consent', () => {
  const needsConsent = { scope: ['openid', 'email'], claims: ['picture'], resources: [API] }

  /** A code, and a part without one, as for an application that is not the company's own. */
  const attempts = (ada: Person, by = grants) => [
    () => by.mint({ ...ada, now: clock.now(), grant: newGrant({ needsConsent }) }),
    () =>
      by.participate({
        ...ada,
        participation: { applicationId: SHOP, subject: 's', clientSid: 'c' },
        needsConsent,
        now: clock.now(),
      }),
  ]

  it('is given with it, and not once it was withdrawn in between', async () => {
    const ada = await person(clock.now())
    await give(ada, ['openid', 'email'], ['picture'], SHOP, [API])
    for (const attempt of attempts(ada)) expect(await attempt()).toMatchObject({ ok: true })
    // Whoever has read the consent before does not notice.
    await leave(ada)
    const before = await stateOf(ada.userId)
    for (const attempt of attempts(ada))
      expect(await attempt()).toMatchObject(refused('no_consent'))
    expect(await stateOf(ada.userId)).toEqual(before)
  })

  it.each([
    ['without a scope value', ['openid'], ['picture'], [API]],
    ['without a claim', ['openid', 'email'], [], [API]],
    ['without the API', ['openid', 'email'], ['picture'], [`${API}/v1`]],
  ])('is not given on one %s', async (_, scope, claims, resources) => {
    const ada = await person(clock.now())
    await give(ada, scope, claims, SHOP, resources)
    for (const attempt of attempts(ada))
      expect(await attempt()).toMatchObject(refused('no_consent'))
  })

  it('is not given on the consent to another application, nor on one that was cut off', async () => {
    const ada = await person(clock.now())
    await give(ada, ['openid', 'email'], ['picture'], OTHER, [API])
    for (const attempt of attempts(ada))
      expect(await attempt()).toMatchObject(refused('no_consent'))
    await give(ada, ['openid', 'email'], ['picture'], SHOP, [API])
    const cutOffs: CutOff[] = [
      { scope: 'application', id: SHOP, at: START * 1000 + 5, cause: 'application_removed' },
    ]
    clock.advance(1)
    const ruled = createGrants(partsOf(() => ({ cutOffs, providerIds: ['otrotl'] })))
    for (const attempt of attempts(ada, ruled))
      expect(await attempt()).toMatchObject(refused('no_consent'))
  })
})

describe('connections', () => {
  it('are those with a consent, and those that take part in a live session', async () => {
    const ada = await person(clock.now())
    await give(ada, ['openid', 'email'], [], OTHER)
    await family(ada)
    clock.advance(5)
    const taken = await family({ ...ada, now: clock.now() })
    expect(await connected(ada)).toEqual([
      {
        applicationId: OTHER,
        consent: {
          applicationId: OTHER,
          scope: ['openid', 'email'],
          claims: [],
          resources: [],
          givenAt: START,
        },
        scope: ['openid', 'email'],
        lastUsedAt: undefined,
        sids: [],
      },
      {
        applicationId: SHOP,
        consent: undefined,
        scope: ['openid', 'email'],
        lastUsedAt: START + 5,
        sids: [ada.sid],
      },
    ])
    clock.advance(20)
    await rotate(taken.refreshToken, clock.now())
    expect((await connected(ada))[1]).toMatchObject({ lastUsedAt: START + 25 })
    await sessions.end(ada.userId, ada.sid, 'person', clock.now())
    expect((await connected(ada)).map(({ applicationId }) => applicationId)).toEqual([OTHER])
  })

  it('tell when an application with a consent last got tokens, also after the session', async () => {
    const ada = await person(clock.now())
    await give(ada, ['openid'])
    await family(ada)
    await sessions.end(ada.userId, ada.sid, 'person', clock.now())
    expect(await connected(ada)).toMatchObject([{ lastUsedAt: START, sids: [] }])
  })

  it('of tokens without a grant are there too, with their scope', async () => {
    const ada = await person(clock.now())
    const participation = { applicationId: SHOP, subject: 's', clientSid: 'c' }
    await grants.participate({ ...ada, participation, scope: ['openid'] })
    expect(await connected(ada)).toMatchObject([{ applicationId: SHOP, scope: ['openid'] }])
  })
})

describe('disconnecting an application', () => {
  it('ends consent, codes, refresh tokens and access tokens of it, and of nobody else', async () => {
    const ada = await person(clock.now())
    const elsewhere = { ...ada, ...(await signedIn(clock.now(), ada.userId)) }
    const there = { ...elsewhere, sid: elsewhere.session.sid }
    await give(ada, ['openid'])
    await give(ada, ['openid'], [], OTHER)
    const code = await mintCode(ada)
    const others = await mintCode(ada, { binding: { applicationId: OTHER } })
    const families = [await family(ada), await family(there)]
    const bare = { kind: 'refresh_token', binding: { applicationId: SHOP } } as const
    const { family: withoutCode } = await mintCode(ada, bare)
    const participation = { applicationId: SHOP, subject: 's', clientSid: 'c' }
    const { family: ofImplicit } = valueOf(await grants.participate({ ...ada, participation }))
    expect(await stands(ada, ofImplicit)).toBe(true)

    expect(await leave(ada)).toMatchObject({ value: { isChanged: true } })
    expect(await read(ada)).toBeUndefined()
    expect(await takeCode(code.handle, clock.now())).toMatchObject(refused('unknown'))
    for (const [at, { refreshToken, family: gid }] of families.entries()) {
      expect(await rotate(refreshToken, clock.now())).toMatchObject(refused('unknown'))
      expect(await stands([ada, there][at]!, gid)).toBe(false)
    }
    for (const gid of [withoutCode, ofImplicit]) expect(await stands(ada, gid)).toBe(false)

    expect(await read(ada, OTHER)).toBeDefined()
    expect((await grants.peek('authorization_code', others.handle, clock.now())).ok).toBe(true)
    expect(await stands(ada)).toBe(true)
    expect((await sessions.use(ada.cookie, clock.now())).ok).toBe(true)
    expect((await connected(ada)).map(({ applicationId }) => applicationId)).toEqual([OTHER])
  })

  it('leaves written down that the application is to be told, in each session', async () => {
    const ada = await person(clock.now())
    await family(ada)
    await leave(ada)
    expect(await rowsOf(ada.userId, 'SELECT * FROM participants')).toEqual([])
    expect(await rowsOf(ada.userId, 'SELECT * FROM deliveries')).toMatchObject([
      { application_id: SHOP, sid: ada.sid, ended_at: START },
    ])
  })

  it('a second time does nothing', async () => {
    const ada = await person(clock.now())
    await family(ada)
    await leave(ada)
    const before = await stateOf(ada.userId)
    expect(await leave(ada)).toMatchObject({ value: { isChanged: false } })
    expect(await stateOf(ada.userId)).toEqual(before)
  })

  it.each<[string, (ada: Person) => Promise<unknown>]>([
    ['a consent', (ada) => give(ada, ['openid'])],
    ['a code that was never taken', (ada) => mintCode(ada)],
    [
      'tokens without a grant',
      (ada) =>
        grants.participate({
          ...ada,
          participation: { applicationId: SHOP, subject: 's', clientSid: 'c' },
        }),
    ],
    ['a session that it has opened', (ada) => openAsShop(ada)],
  ])('changes something, once, where all that it has is %s', async (_, have) => {
    const ada = await person(clock.now())
    await have(ada)
    expect(await leave(ada)).toMatchObject({ value: { isChanged: true } })
    expect(await leave(ada)).toMatchObject({ value: { isChanged: false } })
  })

  it('tells the edge nothing where no token can be alive', async () => {
    const ada = await person(clock.now())
    await family(ada)
    await grants.mint({ ...ada, grant: newGrant({ lifetimeSeconds: ABSOLUTE_SECONDS }) })
    clock.advance(TOKEN_SECONDS + CLOCK_MARGIN_SECONDS)
    const hint = () => rowsOf(ada.userId, 'SELECT version, revoked_until FROM user')
    const before = await hint()
    expect(await leave(ada)).toMatchObject({ value: { grants: 2, isChanged: true } })
    expect(await rowsOf(ada.userId, 'SELECT * FROM revoked_ids')).toEqual([])
    expect(await hint()).toEqual(before)
  })

  it('leaves a session of its own that has run out with the cause of that', async () => {
    const ada = await person(clock.now())
    await openAsShop(ada)
    clock.advance(IDLE_SECONDS)
    expect(await leave(ada)).toMatchObject({ value: { ended: 0 } })
    await ring(ada.userId)
    expect(await rowsOf(ada.userId, 'SELECT DISTINCT end_cause FROM sessions')).toEqual([
      { end_cause: 'idle_deadline' },
    ])
  })

  it('ends a session that the application had opened by itself', async () => {
    const ada = await person(clock.now())
    const own = valueOf(await openAsShop(ada))
    await leave(ada)
    expect((await sessions.use(own.cookie, clock.now())).ok).toBe(false)
    expect((await sessions.use(ada.cookie, clock.now())).ok).toBe(true)
  })

  it('lets it connect again at once, and none of what was before comes back', async () => {
    const ada = await person(clock.now())
    const before = await family(ada)
    await leave(ada)
    const after = await family(ada)
    expect(await stands(ada, before.family)).toBe(false)
    expect(await stands(ada, after.family)).toBe(true)
    expect(await rotate(before.refreshToken, clock.now())).toMatchObject(refused('unknown'))
    expect((await rotate(after.refreshToken, clock.now())).ok).toBe(true)
    const participation = { applicationId: SHOP, subject: 's', clientSid: 'c' }
    const { family: first } = valueOf(await grants.participate({ ...ada, participation }))
    await leave(ada)
    const { family: second } = valueOf(await grants.participate({ ...ada, participation }))
    expect([await stands(ada, first), await stands(ada, second)]).toEqual([false, true])
  })
})
