import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createAccessChecks } from '../../../src/core/revocation/check-access.ts'
import type { RevocationLevel } from '../../../src/core/revocation/revocation.ts'
import { createRevocation } from '../../../src/core/revocation/revocation.ts'
import { createCutOffs, createSessionRules } from '../../../src/core/revocation/cut-offs.ts'
import { findOutsideEnd, isConsentOver } from '../../../src/core/sessions/session-rules.ts'
import { createSessions } from '../../../src/core/sessions/sessions.ts'
import { LOCAL_PROVIDER_ID, newSessionId, newUserId } from '../../../src/core/sessions/session.ts'
import { createAccessTokens } from '../../../src/core/tokens/access-tokens.ts'
import type { CutOff } from '../../../src/core/tokens/cut-off.ts'
import { MOST_APPLICATION_CUT_OFFS, MOST_USER_CUT_OFFS } from '../../../src/core/tokens/cut-off.ts'
import { createKeys } from '../../../src/core/tokens/keys.ts'
import type { Config } from '../../../src/config.ts'
import { configFor, otrotlConfig, secondConfig } from '../../world/config.ts'
import { goodClaims, keyRing, prepareKeyRing, signAsUs } from '../../world/signed-by-us.ts'
import { openInput, rowsOf, START } from '../sessions/signed-in-user.ts'
import { tokenFor } from './guarded-api.ts'

const LEVELS: readonly RevocationLevel[] = ['cached', 'bounded', 'strict']

/** One isolate: its own memory of keys and hints. */
function isolate(changes: Partial<Config> = {}) {
  const config = configFor(changes)
  const keys = createKeys({
    keyRing: env.KEY_RING,
    published: env.REVOCATION,
    keyEncryptionKey: config.secrets.keyEncryptionKey,
  })
  const rules = createSessionRules({ config, keys })
  const accessTokens = createAccessTokens({ config, keys })
  const revocation = createRevocation({
    hints: env.REVOCATION,
    userSessions: env.USER_SESSIONS,
    rules,
  })
  return {
    keys,
    accessTokens,
    cutOffs: createCutOffs({ keyRing: env.KEY_RING, keys }),
    checks: createAccessChecks({ accessTokens, revocation }),
    sessions: createSessions({
      userSessions: env.USER_SESSIONS,
      handleKey: config.secrets.handleKey,
      deadlines: config.session,
      rules,
    }),
  }
}

type Isolate = ReturnType<typeof isolate>

/** Every fake millisecond counts here. */
let at = START * 1000
const tick = (milliseconds = 1) => vi.setSystemTime((at += milliseconds))
const now = () => Math.floor(at / 1000)

beforeEach(async () => {
  vi.setSystemTime((at = START * 1000))
  await prepareKeyRing(START)
  for (const level of ['info', 'warn', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation(() => {})
  }
})

async function signIn(
  here: Isolate,
  providerId = 'otrotl',
  userId = newUserId(),
  applicationId?: string,
) {
  tick()
  const input = openInput(now(), userId)
  const opened = await here.sessions.open({
    ...input,
    authentication: {
      ...input.authentication,
      providerId,
      ...(applicationId && { applicationId }),
    },
  })
  if (!opened.ok) throw new Error(opened.refusal.code)
  const token = await tokenFor(here, opened.value.session, now())
  tick()
  return { userId, ...opened.value, token }
}

type Person = Awaited<ReturnType<typeof signIn>>

const check = (here: Isolate, token: string, level: RevocationLevel) =>
  here.checks.check(
    {
      authorization: `Bearer ${token}`,
      dpop: undefined,
      method: 'GET',
      url: 'https://login.example/api/me',
      level,
    },
    now(),
  )

/** What still works of a person's, at the levels and at the session itself. */
async function whatWorks(here: Isolate, { token, cookie }: Person): Promise<string[]> {
  const works: string[] = []
  for (const level of LEVELS) if ((await check(here, token, level)).ok) works.push(level)
  if ((await here.sessions.peek(cookie, now())).ok) works.push('peek')
  if ((await here.sessions.use(cookie, now())).ok) works.push('use')
  return works
}

const ALL = [...LEVELS, 'peek', 'use']

const endsOf = (userId: Person['userId']) =>
  rowsOf(userId, 'SELECT end_cause FROM sessions').then((rows) =>
    rows.map(({ end_cause: cause }) => cause),
  )

describe('a cut-off of everyone', () => {
  it('refuses what started before it at every level, and nothing that started a millisecond later', async () => {
    const here = isolate()
    const [ada, bob] = [await signIn(here), await signIn(here, 'second')]
    expect(await whatWorks(here, ada)).toEqual(ALL)
    const cut = await here.cutOffs.add({ scope: 'everyone', id: '', cause: 'operator' }, now())
    expect(cut).toMatchObject({ ok: true, value: { published: true } })
    const eve = await signIn(here)
    // All of this happened within one second.
    expect(now()).toBe(START)
    expect(await whatWorks(here, ada)).toEqual([])
    expect(await whatWorks(here, bob)).toEqual([])
    expect(await whatWorks(here, eve)).toEqual(ALL)
  })

  it.each(['operator', 'provider_removed', 'key_compromised'] as const)(
    'ends a session at its next use, by %s',
    async (cause) => {
      const here = isolate()
      const ada = await signIn(here)
      await here.cutOffs.add({ scope: 'everyone', id: '', cause }, now())
      expect(await endsOf(ada.userId)).toEqual([null])
      expect(await here.sessions.use(ada.cookie, now())).toMatchObject({
        refusal: { code: 'no_session', facts: { cause } },
      })
      expect(await endsOf(ada.userId)).toEqual([cause])
      expect(await here.sessions.list(ada.userId, now())).toEqual({ ok: true, value: [] })
    },
  )

  it('is not in the list of sessions, nor in the profile, before anybody has used the session', async () => {
    const here = isolate()
    const ada = await signIn(here)
    await here.cutOffs.add({ scope: 'everyone', id: '', cause: 'operator' }, now())
    expect(await here.sessions.list(ada.userId, now())).toEqual({ ok: true, value: [] })
    expect(await here.sessions.readProfile(ada.userId, ada.session.sid, now())).toMatchObject({
      refusal: { code: 'no_session' },
    })
  })

  it('reaches an isolate that knew nothing of it within a minute, and a new one at once', async () => {
    const [here, there] = [isolate(), isolate()]
    const ada = await signIn(there)
    expect(await whatWorks(there, ada)).toEqual(ALL)
    await here.cutOffs.add({ scope: 'everyone', id: '', cause: 'operator' }, now())
    expect(await whatWorks(isolate(), ada)).toEqual([])
    tick(60_000)
    expect(await whatWorks(there, ada)).toEqual([])
  })

  it('holds when KV takes no writes: a reader without a copy asks the ring', async () => {
    const here = isolate()
    const ada = await signIn(here)
    vi.spyOn(env.REVOCATION, 'put').mockRejectedValue(new Error('away'))
    const cut = await here.cutOffs.add({ scope: 'everyone', id: '', cause: 'operator' }, now())
    expect(cut.ok).toBe(true)
    expect(await whatWorks(here, ada)).toEqual([])
  })

  it('costs no read more: neither KV nor the ring is asked by a check that holds the record', async () => {
    const here = isolate()
    const ada = await signIn(here)
    await check(here, ada.token, 'cached')
    const reads = vi.spyOn(env.REVOCATION, 'get')
    const rings = vi.spyOn(env.KEY_RING, 'getByName')
    expect((await check(here, ada.token, 'cached')).ok).toBe(true)
    expect([reads.mock.calls.length, rings.mock.calls.length]).toEqual([0, 0])
  })
})

describe('a cut-off of one provider', () => {
  it('ends its sessions and no others, also of one person with both', async () => {
    const here = isolate()
    const ada = await signIn(here, 'otrotl')
    const adaElsewhere = await signIn(here, 'second', ada.userId)
    await here.cutOffs.add({ scope: 'provider', id: 'otrotl', cause: 'operator' }, now())
    expect(await whatWorks(here, ada)).toEqual([])
    expect(await whatWorks(here, adaElsewhere)).toEqual(ALL)
  })

  it('later than one of everyone takes nothing back from it', async () => {
    const here = isolate()
    const [ada, bob] = [await signIn(here, 'otrotl'), await signIn(here, 'second')]
    await here.cutOffs.add({ scope: 'everyone', id: '', cause: 'operator' }, now())
    tick()
    await here.cutOffs.add({ scope: 'provider', id: 'second', cause: 'operator' }, now())
    expect(await whatWorks(here, ada)).toEqual([])
    expect(await whatWorks(here, bob)).toEqual([])
  })
})

describe('a cut-off of one application', () => {
  const ofShop = (person: Person, iat = now(), clientId = 'shop') =>
    signAsUs(
      goodClaims(iat, {
        sub: person.userId,
        sid: person.session.sid,
        epoch: person.session.epoch,
        client_id: clientId,
        gid: 'a'.repeat(32),
      }),
      now(),
    )
  const cutShop = (here: Isolate) =>
    here.cutOffs.add({ scope: 'application', id: 'shop', cause: 'application_removed' }, now())

  it('refuses its tokens at every level, and leaves the session and everybody else’s tokens', async () => {
    const here = isolate()
    const ada = await signIn(here)
    const [token, other] = [await ofShop(ada), await ofShop(ada, now(), 'other')]
    for (const level of LEVELS) expect((await check(here, token, level)).ok, level).toBe(true)
    await cutShop(here)
    for (const level of LEVELS) {
      expect(await check(here, token, level)).toMatchObject({ refusal: { code: 'revoked' } })
      expect((await check(here, other, level)).ok, level).toBe(true)
    }
    expect(await whatWorks(here, ada)).toEqual(ALL)
  })

  it('goes by the second in which a token was issued, not by the start of its session', async () => {
    const here = isolate()
    const ada = await signIn(here)
    await cutShop(here)
    const inTheSameSecond = await ofShop(ada)
    tick(1000)
    const later = await ofShop(ada)
    for (const level of LEVELS) {
      expect((await check(here, inTheSameSecond, level)).ok, level).toBe(false)
      expect((await check(here, later, level)).ok, level).toBe(true)
    }
  })

  it('ends the sessions that it had opened by itself, at their next use', async () => {
    const here = isolate()
    const ada = await signIn(here, LOCAL_PROVIDER_ID)
    const own = await signIn(here, LOCAL_PROVIDER_ID, ada.userId, 'shop')
    expect(await whatWorks(here, own)).toEqual(ALL)
    await cutShop(here)
    expect(await here.sessions.list(ada.userId, now())).toMatchObject({
      value: [{ sid: ada.session.sid }],
    })
    expect(await check(here, own.token, 'strict')).toMatchObject({ refusal: { code: 'revoked' } })
    expect(await here.sessions.use(own.cookie, now())).toMatchObject({
      refusal: { facts: { cause: 'application_removed' } },
    })
    expect((await here.sessions.peek(own.cookie, now())).ok).toBe(false)
    expect(await endsOf(ada.userId)).toEqual([null, 'application_removed'])
    expect(await whatWorks(here, ada)).toEqual(ALL)
    const again = await signIn(here, LOCAL_PROVIDER_ID, ada.userId, 'shop')
    expect(await whatWorks(here, again)).toEqual(ALL)
  })
})

describe('sessions that were opened by a local password', () => {
  it('need no provider to be configured, and bring no ID token', async () => {
    const here = isolate({ identityProviders: [otrotlConfig] })
    const { idToken: _, ...input } = openInput(now(), newUserId())
    const opened = await here.sessions.open({
      ...input,
      authentication: { ...input.authentication, providerId: LOCAL_PROVIDER_ID },
    })
    if (!opened.ok) throw new Error(opened.refusal.code)
    const { cookie } = opened.value
    expect((await here.sessions.use(cookie, now())).ok).toBe(true)
    expect(await here.sessions.readSignIn(cookie)).toMatchObject({
      refusal: { code: 'no_id_token' },
    })
  })
})

describe('a provider that is removed from the configuration', () => {
  it('takes its sessions and tokens with it, at every level', async () => {
    const here = isolate()
    const [ada, bob] = [await signIn(here, 'second'), await signIn(here, 'otrotl')]
    const without = isolate({ identityProviders: [otrotlConfig] })
    expect(await whatWorks(without, ada)).toEqual([])
    expect(await whatWorks(without, bob)).toEqual(ALL)
    expect(await endsOf(ada.userId)).toEqual(['provider_removed'])
    // And putting it back brings nothing back.
    expect(
      await whatWorks(isolate({ identityProviders: [otrotlConfig, secondConfig] }), ada),
    ).toEqual([])
  })
})

describe('the key ring', () => {
  it('lets cut-offs grow strictly, even when its clock stands still or goes back', async () => {
    const here = isolate()
    const seen: number[] = []
    for (const back of [0, 0, -5000]) {
      tick(back)
      const cut = await here.cutOffs.add({ scope: 'everyone', id: '', cause: 'operator' }, START)
      if (cut.ok) seen.push(cut.value.cutOff.at)
    }
    expect(seen).toEqual([START * 1000, START * 1000 + 1, START * 1000 + 2])
  })

  it('keeps the newest of each scope only, and a bounded number of users', async () => {
    const here = isolate()
    for (let i = 0; i < 3; i += 1) {
      await here.cutOffs.add({ scope: 'provider', id: 'otrotl', cause: 'operator' }, START)
    }
    const cutOffs = await here.keys.cutOffs(START)
    expect(cutOffs).toMatchObject({ value: [{ scope: 'provider', at: START * 1000 + 2 }] })
    const user = (i: number): Pick<CutOff, 'scope' | 'id' | 'cause'> => ({
      scope: 'user',
      id: String(i).padStart(32, '0'),
      cause: 'user_disabled',
    })
    for (let i = 0; i < MOST_USER_CUT_OFFS; i += 1) {
      expect((await here.cutOffs.add(user(i), START)).ok).toBe(true)
    }
    expect(await here.cutOffs.add(user(9999), START)).toMatchObject({
      refusal: { code: 'no_room' },
    })
    // Applications have room of their own, and no more of it.
    const application = (i: number) => ({ ...user(i), scope: 'application' as const })
    for (let i = 0; i < MOST_APPLICATION_CUT_OFFS; i += 1) {
      expect((await here.cutOffs.add(application(i), START)).ok).toBe(true)
    }
    expect(await here.cutOffs.add(application(9999), START)).toMatchObject({
      refusal: { code: 'no_room' },
    })
    expect((await here.cutOffs.add(application(7), START)).ok).toBe(true)
    tick(1000)
    expect((await here.cutOffs.removeUser(user(7).id, START)).ok).toBe(true)
    expect((await here.cutOffs.add(user(9999), START)).ok).toBe(false)
    tick(360_000)
    expect((await here.cutOffs.add(user(9999), START)).ok).toBe(true)
    expect((await here.cutOffs.add(user(10_000), START)).ok).toBe(false)
  })

  it('keeps a user’s until the last token from before it has expired, whatever the object knows by then', async () => {
    const here = isolate()
    const ada = await signIn(here)
    const cutOff = { scope: 'user', id: ada.userId, cause: 'user_disabled' } as const
    expect((await here.cutOffs.add(cutOff, now())).ok).toBe(true)
    tick()
    expect((await here.cutOffs.removeUser(ada.userId, now())).ok).toBe(true)
    // Elsewhere KV may still have what the object said before.
    for (const seconds of [31, 200]) {
      tick(seconds * 1000)
      for (const level of LEVELS) {
        expect((await check(isolate(), ada.token, level)).ok, level).toBe(false)
      }
    }
    tick(129_000)
    await runDurableObjectAlarm(await keyRing())
    expect(await isolate().keys.cutOffs(now())).toEqual({ ok: true, value: [] })
    const left = await runInDurableObject(await keyRing(), (_ring, { storage }) =>
      storage.sql.exec('SELECT id FROM told_users').toArray(),
    )
    expect(left).toEqual([])
  })

  it('lets go of one that is older than any session, when another is added', async () => {
    const { cutOffs, keys } = isolate()
    const application = (id: string) =>
      cutOffs.add({ scope: 'application', id, cause: 'application_removed' }, now())
    const kept = async () => {
      const held = await keys.cutOffs(now())
      return held.ok && held.value.map(({ id }) => id)
    }
    await application('first')
    tick(30 * 86_400_000)
    await application('second')
    expect(await kept()).toEqual(['first', 'second'])
    tick(86_400_001)
    await application('third')
    expect(await kept()).toEqual(['second', 'third'])
  })

  it('keeps a user’s of which the object has not heard, though it has of one before', async () => {
    const { cutOffs } = isolate()
    const cutOff = { scope: 'user', id: newUserId(), cause: 'user_disabled' } as const
    expect((await cutOffs.add(cutOff, now())).ok).toBe(true)
    tick()
    expect((await cutOffs.removeUser(cutOff.id, now())).ok).toBe(true)
    tick()
    const later = await cutOffs.add(cutOff, now())
    for (const seconds of [361, 86_400]) {
      tick(seconds * 1000)
      await runDurableObjectAlarm(await keyRing())
      const kept = later.ok ? [later.value.cutOff] : undefined
      expect(await isolate().keys.cutOffs(now())).toEqual({ ok: true, value: kept })
    }
  })
})

describe('when neither KV nor the ring can say which cut-offs there are', () => {
  it('nothing passes', async () => {
    const rules = createSessionRules({
      config: configFor(),
      keys: { cutOffs: async () => ({ ok: false, refusal: { code: 'unavailable' } }) },
    })
    const here = isolate()
    const ada = await signIn(here)
    const config = configFor()
    const sessions = createSessions({
      userSessions: env.USER_SESSIONS,
      handleKey: config.secrets.handleKey,
      deadlines: config.session,
      rules,
    })
    const unavailable = { ok: false, refusal: { code: 'unavailable' } }
    expect(await sessions.use(ada.cookie, now())).toEqual(unavailable)
    expect(await sessions.peek(ada.cookie, now())).toEqual(unavailable)
    const revocation = createRevocation({
      hints: env.REVOCATION,
      userSessions: env.USER_SESSIONS,
      rules,
    })
    const { accessTokens } = here
    const checks = createAccessChecks({ accessTokens, revocation })
    for (const level of LEVELS) {
      expect(await check({ ...here, checks }, ada.token, level)).toMatchObject(unavailable)
    }
  })
})

describe('the strictest of all cut-offs that apply wins', () => {
  it('for any set of them', () => {
    const cutOffs = fc.array(
      fc.record({
        scope: fc.constantFrom(
          'everyone' as const,
          'provider' as const,
          'application' as const,
          'user' as const,
        ),
        id: fc.constantFrom('otrotl', 'second', 'shop', 'u'.repeat(32)),
        at: fc.integer({ min: 1, max: 50 }),
        cause: fc.constant('operator' as const),
      }),
    )
    const moment = fc.integer({ min: 1, max: 50 })
    const issued = fc.option(fc.constantFrom(0, 1), { nil: undefined })
    fc.assert(
      fc.property(cutOffs, moment, issued, (all, startedAt, issuedAt) => {
        const named = { user: 'u'.repeat(32), provider: 'otrotl', application: 'shop' }
        const session = {
          userId: named.user,
          sid: newSessionId(startedAt),
          providerId: named.provider,
          applicationId: named.application,
          issuedAt,
        }
        const ends = all.some(({ scope, id, at: cutAt }) => {
          if (scope !== 'everyone' && id !== named[scope]) return false
          const isOfApplication = scope === 'application' && issuedAt !== undefined
          return (isOfApplication ? issuedAt * 1000 : startedAt) <= cutAt
        })
        const end = findOutsideEnd(session, { cutOffs: all, providerIds: ['otrotl'] }, START)
        expect(end !== undefined).toBe(ends)
      }),
    )
  })

  it('and an id that claims a start far ahead is older than any', () => {
    const rules = {
      cutOffs: [{ scope: 'everyone' as const, id: '', at: 5, cause: 'operator' as const }],
      providerIds: ['otrotl'],
    }
    const of = (sid: string) =>
      findOutsideEnd({ userId: 'u', sid, providerId: 'otrotl' }, rules, START)
    expect(of('f'.repeat(32))).toBe('operator')
    expect(of('not an id')).toBe('operator')
    expect(of(newSessionId(START * 1000))).toBeUndefined()
    // Two machines' clocks may differ by a minute.
    expect(of(newSessionId((START + 61) * 1000))).toBeUndefined()
    expect(of(newSessionId((START + 61) * 1000 + 1))).toBe('operator')
  })

  it('and takes a consent away that was given by then, by one of its application alone', () => {
    const over = (scope: CutOff['scope'], id: string, givenAt: number) =>
      isConsentOver(
        { applicationId: 'shop', givenAt },
        { cutOffs: [{ scope, id, at: 5000, cause: 'operator' }], providerIds: [] },
      )
    expect([4, 5, 6].map((givenAt) => over('application', 'shop', givenAt))).toEqual([
      true,
      true,
      false,
    ])
    expect(over('application', 'blog', 4)).toBe(false)
    expect(over('provider', 'shop', 4)).toBe(false)
    expect(isConsentOver({ applicationId: 'shop', givenAt: 4 }, undefined)).toBe(false)
  })
})
