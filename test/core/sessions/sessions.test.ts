import { listDurableObjectIds, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { base64url } from 'jose'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createHandleAuthenticator, mintHandle } from '../../../src/core/sessions/handle.ts'
import { newSessionId, newUserId } from '../../../src/core/sessions/session.ts'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { toHex } from '../../../src/platform/random.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { settings } from '../../world/settings.ts'
import {
  ABSOLUTE_SECONDS,
  dumpOf,
  ID_TOKEN,
  IDLE_SECONDS,
  objectOf,
  openInput,
  rowsOf,
  sessionsOf,
  signedIn,
  START,
} from './signed-in-user.ts'

const noSession = { ok: false, refusal: { code: 'no_session' } }

let clock: TestClock

beforeEach(() => {
  clock = freezeClock(START)
})

/** Every object that was ever touched; a reset of storage does not shorten the list. */
const objects = async () => (await listDurableObjectIds(env.USER_SESSIONS)).map(String).toSorted()

describe('a session', () => {
  it('is live from the moment it opens, and says what it was opened with', async () => {
    const { userId, cookie, session } = await signedIn(clock.now())
    expect(await sessionsOf().use(cookie, clock.now())).toEqual({ ok: true, value: session })
    expect(session).toEqual({
      userId,
      sid: expect.stringMatching(/^[0-9a-f]{32}$/),
      epoch: expect.any(Number),
      authentication: openInput(clock.now(), userId).authentication,
      profile: openInput(clock.now(), userId).profile,
      startedAt: START,
      lastUsedAt: START,
      idleDeadlineAt: START + IDLE_SECONDS,
      absoluteDeadlineAt: START + ABSOLUTE_SECONDS,
      device: 'Firefox on Linux',
    })
    expect(cookie).not.toContain(session.sid)
  })

  it('gets a new id and a new cookie at each sign-in, and the old cookie stays what it was', async () => {
    const first = await signedIn(clock.now())
    const second = await signedIn(clock.now(), first.userId)
    expect(second.session.sid).not.toBe(first.session.sid)
    expect(second.cookie).not.toBe(first.cookie)
    const sessions = sessionsOf()
    await sessions.end(first.userId, first.session.sid, 'replaced_by_sign_in', clock.now())
    expect(await sessions.use(first.cookie, clock.now())).toMatchObject({
      refusal: { code: 'no_session', facts: { cause: 'replaced_by_sign_in' } },
    })
    expect((await sessions.use(second.cookie, clock.now())).ok).toBe(true)
  })

  it('belongs to its user: one user is never told of another', async () => {
    const [ada, bob] = [await signedIn(clock.now()), await signedIn(clock.now())]
    const sessions = sessionsOf()
    expect(await sessions.use(ada.cookie, clock.now())).toMatchObject({
      value: { userId: ada.userId },
    })
    expect(await sessions.list(bob.userId, clock.now())).toEqual({ ok: true, value: [bob.session] })
    expect(await sessions.end(bob.userId, ada.session.sid, 'person', clock.now())).toEqual({
      ok: true,
      value: { sids: [] },
    })
    expect((await sessions.use(ada.cookie, clock.now())).ok).toBe(true)
  })

  it('is listed while it is live, the newest first', async () => {
    const first = await signedIn(clock.now())
    clock.advance(1)
    const second = await signedIn(clock.now(), first.userId)
    const third = await signedIn(clock.now(), first.userId)
    const sessions = sessionsOf()
    await sessions.end(first.userId, second.session.sid, 'person', clock.now())
    const listed = await sessions.list(first.userId, clock.now())
    expect(listed.ok && listed.value.map(({ sid }) => sid)).toEqual([
      third.session.sid,
      first.session.sid,
    ])
    expect(await sessions.list(first.userId, START + IDLE_SECONDS)).toMatchObject({
      value: [{ sid: third.session.sid }],
    })
    expect(await sessions.list(newUserId(), clock.now())).toEqual({ ok: true, value: [] })
  })

  it('tells its profile by its id, and how it was signed in by its cookie, the ID token byte for byte', async () => {
    const { userId, session, cookie } = await signedIn(clock.now())
    const sessions = sessionsOf()
    expect(await sessions.readProfile(userId, session.sid, clock.now())).toEqual({
      ok: true,
      value: session.profile,
    })
    const signIn = { userId, sid: session.sid, idToken: ID_TOKEN }
    expect(await sessions.readSignIn(cookie)).toMatchObject({ value: signIn })
    await sessions.end(userId, session.sid, 'person', clock.now())
    expect(await sessions.readProfile(userId, session.sid, clock.now())).toMatchObject(noSession)
    expect(await sessions.readSignIn(cookie)).toMatchObject({ value: signIn })
    expect(await sessions.readSignIn(cookie.slice(0, -1))).toMatchObject({
      refusal: { code: 'no_id_token' },
    })
  })
})

describe('a cookie that is not ours', () => {
  it('is refused without touching any object', async () => {
    const foreign = createHandleAuthenticator(['another-handle-key-0123456789-0123456789'])
    const target = { userId: newUserId(), reference: newSessionId() }
    const ours = createHandleAuthenticator([settings.HANDLE_KEY])
    const cookies = [
      undefined,
      '',
      'x',
      'a'.repeat(4096),
      "s_' OR 1=1; DROP TABLE sessions --",
      (await mintHandle(foreign, 's', target)).handle,
      (await mintHandle(ours, 'c', target)).handle,
      (await mintHandle(ours, 's', target)).handle.slice(0, -1),
    ]
    const before = await objects()
    for (const cookie of cookies) {
      expect(await sessionsOf().use(cookie, clock.now())).toMatchObject(noSession)
      expect(await sessionsOf().peek(cookie, clock.now())).toMatchObject(noSession)
    }
    expect(await objects()).toEqual(before)
    await sessionsOf().use((await mintHandle(ours, 's', target)).handle, clock.now())
    expect(await objects()).not.toEqual(before)
  })

  it('is refused by the object when only its secret is wrong', async () => {
    const { userId, session, cookie } = await signedIn(clock.now())
    const before = await dumpOf(userId)
    const ours = createHandleAuthenticator([settings.HANDLE_KEY])
    const guess = await mintHandle(ours, 's', { userId, reference: session.sid })
    expect(await sessionsOf().use(guess.handle, clock.now() + 120)).toEqual(noSession)
    expect(await sessionsOf().peek(guess.handle, clock.now() + 120)).toEqual(noSession)
    expect(await dumpOf(userId)).toBe(before)
    expect((await sessionsOf().use(cookie, clock.now())).ok).toBe(true)
  })

  it('of a user whose object holds nothing leaves it empty', async () => {
    const ours = createHandleAuthenticator([settings.HANDLE_KEY])
    const userId = newUserId()
    const { handle } = await mintHandle(ours, 's', { userId, reference: newSessionId() })
    const sessions = sessionsOf()
    expect(await sessions.use(handle, clock.now())).toEqual(noSession)
    expect(await sessions.end(userId, newSessionId(), 'person', clock.now())).toEqual({
      ok: true,
      value: { sids: [] },
    })
    expect(await sessions.endAll(userId, 'operator', clock.now())).toEqual({
      ok: true,
      value: { ended: 0, epoch: 0 },
    })
    expect(await sessions.enable(userId)).toEqual({ ok: true, value: undefined })
    expect(await rowsOf(userId, 'SELECT name FROM sqlite_master')).toEqual([])
    expect(await env.REVOCATION.list()).toMatchObject({ keys: [] })
  })
})

describe('an object that cannot be reached', () => {
  const broken = {
    getByName: () => {
      throw new Error('Durable Object reset because its code was updated.')
    },
  } as unknown as Env['USER_SESSIONS']

  it('is "unavailable" to every question, and never "no session"', async () => {
    const { userId, cookie, session } = await signedIn(clock.now())
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const sessions = sessionsOf(broken)
    const answers = await Promise.all([
      sessions.open(openInput(clock.now(), userId)),
      sessions.use(cookie, clock.now()),
      sessions.peek(cookie, clock.now()),
      sessions.list(userId, clock.now()),
      sessions.readProfile(userId, session.sid, clock.now()),
      sessions.readSignIn(cookie),
      sessions.end(userId, session.sid, 'person', clock.now()),
      sessions.endAll(userId, 'person', clock.now()),
      sessions.disable(userId, clock.now()),
      sessions.enable(userId),
    ])
    for (const answer of answers) {
      expect(answer).toEqual({ ok: false, refusal: { code: 'unavailable' } })
    }
  })

  it('is "unavailable" when its storage fails, and keeps nothing of the attempt', async () => {
    const { userId, cookie } = await signedIn(clock.now())
    const before = await dumpOf(userId)
    await runInDurableObject(await objectOf(userId), (_object: UserSessions, state) => {
      state.storage.sql.exec(
        `CREATE TRIGGER full BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'disk full'); END`,
      )
    })
    vi.spyOn(console, 'error').mockImplementation(() => {})
    expect(await sessionsOf().open(openInput(clock.now(), userId))).toMatchObject({
      refusal: { code: 'unavailable' },
    })
    expect(await dumpOf(userId)).toBe(before)
    expect((await sessionsOf().peek(cookie, clock.now())).ok).toBe(true)
  })
})

describe('a reader of all storage', () => {
  it('finds no cookie, no secret and no ID token in it', async () => {
    const { userId, cookie, session } = await signedIn(clock.now())
    await sessionsOf().use(cookie, clock.now() + 100)
    const ended = await signedIn(clock.now(), userId)
    await sessionsOf().end(userId, ended.session.sid, 'person', clock.now())
    const { keys } = await env.REVOCATION.list()
    const kv = await Promise.all(
      keys.map(async ({ name }) => name + (await env.REVOCATION.get(name))),
    )
    const dump = (await dumpOf(userId)) + kv.join()
    expect(kv).toHaveLength(1)
    expect(dump).toContain(session.sid)
    for (const handle of [cookie, ended.cookie]) {
      const bytes = base64url.decode(handle.slice(2))
      const secret = bytes.slice(32, 64)
      for (const spelling of [
        handle,
        handle.slice(2, 50),
        toHex(secret),
        base64url.encode(secret),
      ]) {
        expect(dump).not.toContain(spelling.slice(0, 20))
      }
      expect(dump).not.toContain(handle.slice(-40))
    }
    for (const part of ID_TOKEN.split('.')) expect(dump).not.toContain(part)
  })
})
