import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createRevocation } from '../../../src/core/revocation/revocation.ts'
import type { JudgedToken, RevocationLevel } from '../../../src/core/revocation/revocation.ts'
import { createGrants } from '../../../src/core/sessions/grants.ts'
import {
  revocationHintKey,
  serializeRevocationHint,
} from '../../../src/core/sessions/revocation-hint.ts'
import type { LiveSession } from '../../../src/core/sessions/session.ts'
import { newSessionId } from '../../../src/core/sessions/session.ts'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { randomId } from '../../../src/platform/random.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { settings } from '../../world/settings.ts'
import { published } from '../sessions/published-hint.ts'
import { objectOf, sessionsOf, signedIn, START, TOKEN_SECONDS } from '../sessions/signed-in-user.ts'

const LEVELS: readonly RevocationLevel[] = ['cached', 'bounded', 'strict']
const ok = { ok: true, value: undefined }
const revoked = { ok: false, refusal: { code: 'revoked' } }
const unavailable = { ok: false, refusal: { code: 'unavailable' } }

const sessions = sessionsOf()
const grants = createGrants({
  userSessions: env.USER_SESSIONS,
  handleKey: [settings.HANDLE_KEY],
})
let clock: TestClock

beforeEach(() => {
  clock = freezeClock(START)
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  vi.spyOn(console, 'error').mockImplementation(() => {})
})

const tokenOf = (session: LiveSession): JudgedToken => ({
  sub: session.userId,
  sid: session.sid,
  epoch: session.epoch,
  jti: randomId(),
  exp: clock.now() + TOKEN_SECONDS,
})

const revocation = (
  hints: KVNamespace = env.REVOCATION,
  userSessions: Env['USER_SESSIONS'] = env.USER_SESSIONS,
) => createRevocation({ hints, userSessions })

/** A store whose reads are as given, and a count of them. */
function storeThat(get: () => Promise<string | null>) {
  const asked: unknown[] = []
  const hints = {
    get: (...question: unknown[]) => {
      asked.push(question)
      return get()
    },
  } as unknown as KVNamespace
  return { hints, asked }
}

/** The object's namespace, counting how often an object is asked. */
function countedObjects() {
  const counted = { asked: 0, userSessions: undefined as unknown as Env['USER_SESSIONS'] }
  counted.userSessions = {
    getByName: (...name: Parameters<Env['USER_SESSIONS']['getByName']>) => {
      counted.asked += 1
      return env.USER_SESSIONS.getByName(...name)
    },
  } as unknown as Env['USER_SESSIONS']
  return counted
}

const noObjects = {
  getByName: () => {
    throw new Error('no object can be reached')
  },
} as unknown as Env['USER_SESSIONS']

describe.each(LEVELS)('a token at the level %s', (level) => {
  it('stands while its session is live', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    expect(await revocation().check(level, tokenOf(session), clock.now())).toEqual(ok)
  })

  it('is refused once its session has ended, and only that session', async () => {
    const { userId, session } = await signedIn(clock.now())
    const other = await signedIn(clock.now(), userId)
    await sessions.end(userId, session.sid, 'person', clock.now())
    expect(await revocation().check(level, tokenOf(session), clock.now())).toEqual(revoked)
    expect(await revocation().check(level, tokenOf(other.session), clock.now())).toEqual(ok)
  })

  it('is refused once all sessions have ended, and stays so after signing in again in the same second', async () => {
    const { userId, session } = await signedIn(clock.now())
    const old = tokenOf(session)
    await sessions.endAll(userId, 'person', clock.now())
    expect(await revocation().check(level, old, clock.now())).toEqual(revoked)
    const again = await signedIn(clock.now(), userId)
    await published(userId)
    expect(await revocation().check(level, old, clock.now())).toEqual(revoked)
    expect(await revocation().check(level, tokenOf(again.session), clock.now())).toEqual(ok)
  })

  it('is refused once its user is disabled', async () => {
    const { userId, session } = await signedIn(clock.now())
    await sessions.disable(userId, clock.now())
    expect(await revocation().check(level, tokenOf(session), clock.now())).toEqual(revoked)
  })

  it('is refused once its family of grants was revoked, or it itself, and no other is', async () => {
    const { userId, session } = await signedIn(clock.now())
    const revoke = (id: string) => grants.revokeTokens({ userId, id, now: clock.now() })
    const ofShop = { ...tokenOf(session), client_id: 'shop', gid: randomId() }
    const [same, other, bridged] = [
      { ...ofShop, jti: randomId() },
      { ...ofShop, jti: randomId(), gid: randomId() },
      tokenOf(session),
    ]
    await revoke(ofShop.jti)
    expect(await revocation().check(level, ofShop, clock.now())).toEqual(revoked)
    expect(await revocation().check(level, same, clock.now())).toEqual(ok)
    await revoke(ofShop.gid)
    clock.advance(30)
    for (const dead of [ofShop, same]) {
      expect(await revocation().check(level, dead, clock.now())).toEqual(revoked)
    }
    for (const alive of [other, bridged]) {
      expect(await revocation().check(level, alive, clock.now())).toEqual(ok)
    }
  })

  it('is refused of another user, and for a session that never was', async () => {
    const [ada, bob] = [await signedIn(clock.now()), await signedIn(clock.now())]
    const stolen = { ...tokenOf(ada.session), sub: bob.userId }
    expect((await revocation().check('strict', stolen, clock.now())).ok).toBe(false)
    const invented = { ...tokenOf(ada.session), sid: newSessionId(), epoch: ada.session.epoch + 1 }
    expect(await revocation().check(level, invented, clock.now())).toEqual(revoked)
    const garbled = { ...tokenOf(ada.session), sid: `' OR 1=1`, epoch: ada.session.epoch + 1 }
    expect(await revocation().check(level, garbled, clock.now())).toEqual(revoked)
  })
})

describe('strict', () => {
  it('asks the object each time and never KV', async () => {
    const { session } = await signedIn(clock.now())
    const { hints, asked } = storeThat(async () => null)
    const objects = countedObjects()
    const check = revocation(hints, objects.userSessions)
    const token = tokenOf(session)
    expect(await check.check('strict', token, clock.now())).toEqual(ok)
    expect(await check.check('strict', token, clock.now())).toEqual(ok)
    expect(objects.asked).toBe(2)
    expect(asked).toEqual([])
  })

  it('sees an end at once although KV was never told', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    const check = revocation()
    const token = tokenOf(session)
    expect(await check.check('strict', token, clock.now())).toEqual(ok)
    await runInDurableObject(await objectOf(userId), (object: UserSessions) => {
      Object.defineProperty(object, 'env', {
        value: { REVOCATION: { put: () => Promise.reject(new Error('KV is away')) } },
      })
    })
    await sessions.end(userId, session.sid, 'person', clock.now())
    expect(await check.check('strict', token, clock.now())).toEqual(revoked)
  })

  it('refuses a token of a session that has run out, and does not extend the session', async () => {
    const { session } = await signedIn(clock.now())
    const check = revocation()
    const token = tokenOf(session)
    expect(await check.check('strict', token, session.idleDeadlineAt - 1)).toEqual(ok)
    expect(await check.check('strict', token, session.idleDeadlineAt)).toEqual(revoked)
  })

  it('refuses a token of a live session in any epoch but its own', async () => {
    const { session } = await signedIn(clock.now())
    for (const epoch of [session.epoch - 1, session.epoch + 1, 0]) {
      const token = { ...tokenOf(session), epoch }
      expect(await revocation().check('strict', token, clock.now())).toEqual(revoked)
    }
  })

  it('is "unavailable" when the object cannot be reached', async () => {
    const { session } = await signedIn(clock.now())
    const check = revocation(env.REVOCATION, noObjects)
    expect(await check.check('strict', tokenOf(session), clock.now())).toEqual(unavailable)
  })
})

describe('bounded', () => {
  it('reads KV each time, from a cache of at most thirty seconds, and leaves the object alone', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    const key = await revocationHintKey(userId)
    const text = await env.REVOCATION.get(key)
    const { hints, asked } = storeThat(async () => text)
    const check = revocation(hints, noObjects)
    expect(await check.check('bounded', tokenOf(session), clock.now())).toEqual(ok)
    expect(await check.check('bounded', tokenOf(session), clock.now())).toEqual(ok)
    const question = [key, { type: 'text', cacheTtl: 30 }]
    expect(asked).toEqual([question, question])
  })

  const troubles: [name: string, get: () => Promise<string | null>][] = [
    ['missing', async () => null],
    ['garbage', async () => '{"v":1,"epoch":'],
    ['empty', async () => ''],
    ['of another type', async () => JSON.stringify({ keys: [] })],
    ['unreadable', () => Promise.reject(new Error('KV GET failed: 500'))],
    ['late', () => new Promise(() => {})],
    [
      'too full to list every end',
      async () => serializeRevocationHint({ version: 1, epoch: START, revoked: undefined }),
    ],
    [
      'from before the sign-in',
      async () => serializeRevocationHint({ version: 1, epoch: 1, revoked: [] }),
    ],
  ]

  describe.each(troubles)('with a hint that is %s', (_name, get) => {
    it('asks the object and believes it', async () => {
      const { userId, session } = await signedIn(clock.now())
      const check = revocation(storeThat(get).hints)
      expect(await check.check('bounded', tokenOf(session), clock.now())).toEqual(ok)
      await sessions.end(userId, session.sid, 'person', clock.now())
      expect(await check.check('bounded', tokenOf(session), clock.now())).toEqual(revoked)
    })

    it('is "unavailable" when the object cannot be reached either', async () => {
      const { session } = await signedIn(clock.now())
      const check = revocation(storeThat(get).hints, noObjects)
      for (const level of ['cached', 'bounded'] as const) {
        expect(await check.check(level, tokenOf(session), clock.now())).toEqual(unavailable)
      }
    })
  })

  it('does not follow KV back to an older hint', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    const key = await revocationHintKey(userId)
    const older = await env.REVOCATION.get(key)
    await sessions.end(userId, session.sid, 'person', clock.now())
    let text = await env.REVOCATION.get(key)
    const check = revocation(storeThat(async () => text).hints, noObjects)
    expect(await check.check('bounded', tokenOf(session), clock.now())).toEqual(revoked)
    text = older
    expect(await check.check('bounded', tokenOf(session), clock.now())).toEqual(revoked)
  })

  it('remembers what is revoked, although every store has forgotten it', async () => {
    const { userId, session } = await signedIn(clock.now())
    await sessions.endAll(userId, 'person', clock.now())
    let isDown = false
    const check = revocation(
      storeThat(async () => (isDown ? null : env.REVOCATION.get(await revocationHintKey(userId))))
        .hints,
      noObjects,
    )
    const token = tokenOf(session)
    expect(await check.check('bounded', token, clock.now())).toEqual(revoked)
    isDown = true
    for (const level of LEVELS)
      expect(await check.check(level, token, clock.now())).toEqual(revoked)
    expect(await check.check('bounded', tokenOf(session), clock.now())).toEqual(unavailable)
  })

  it('never remembers that a token stood', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    const check = revocation()
    const token = tokenOf(session)
    expect(await check.check('bounded', token, clock.now())).toEqual(ok)
    await sessions.end(userId, session.sid, 'person', clock.now())
    expect(await check.check('bounded', token, clock.now())).toEqual(revoked)
  })
})

describe('cached', () => {
  it('believes a hint for five seconds, and then reads again', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    const objects = countedObjects()
    const { hints, asked } = storeThat(async () =>
      env.REVOCATION.get(await revocationHintKey(userId)),
    )
    const check = revocation(hints, objects.userSessions)
    const token = tokenOf(session)
    expect(await check.check('cached', token, clock.now())).toEqual(ok)
    await sessions.end(userId, session.sid, 'person', clock.now())
    expect(await check.check('cached', token, clock.now() + 4)).toEqual(ok)
    expect(asked).toHaveLength(1)
    expect(await check.check('cached', token, clock.now() + 5)).toEqual(revoked)
    expect(objects.asked).toBe(0)
  })

  it('does not believe a hint from the future', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    const check = revocation()
    expect(await check.check('cached', tokenOf(session), clock.now() + 1000)).toEqual(ok)
    await sessions.end(userId, session.sid, 'person', clock.now())
    expect(await check.check('cached', tokenOf(session), clock.now())).toEqual(revoked)
  })

  it('keeps what it holds to one instance', async () => {
    const { userId, session } = await signedIn(clock.now())
    await published(userId)
    const token = tokenOf(session)
    expect(await revocation().check('cached', token, clock.now())).toEqual(ok)
    await sessions.end(userId, session.sid, 'person', clock.now())
    expect(await revocation().check('cached', token, clock.now())).toEqual(revoked)
  })

  it('keeps users apart', async () => {
    const people = await Promise.all(Array.from({ length: 10 }, () => signedIn(clock.now())))
    await Promise.all(people.map(({ userId }) => published(userId)))
    const check = revocation()
    for (const [n, { userId, session }] of people.entries()) {
      expect(await check.check('cached', tokenOf(session), clock.now())).toEqual(ok)
      if (n % 2 === 0) await sessions.endAll(userId, 'person', clock.now())
    }
    for (const [n, { session }] of people.entries()) {
      const later = await check.check('cached', tokenOf(session), clock.now() + 5)
      expect(later).toEqual(n % 2 === 0 ? revoked : ok)
    }
  })
})
