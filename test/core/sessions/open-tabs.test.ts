import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { connectTab } from '../../../src/core/sessions/connect-tab.ts'
import { createHandleAuthenticator, parseHandle } from '../../../src/core/sessions/handle.ts'
import {
  MOST_CONNECTIONS,
  MOST_TABS_OF_SESSION,
  MOST_TABS_OF_USER,
} from '../../../src/core/sessions/open-tabs.ts'
import { newSessionId } from '../../../src/core/sessions/session.ts'
import type { SessionId, UserId } from '../../../src/core/sessions/session.ts'
import type { UserSessions } from '../../../src/core/sessions/user-sessions.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { listenTo } from '../../world/open-tab.ts'
import type { OpenTab } from '../../world/open-tab.ts'
import { settings } from '../../world/settings.ts'
import { ring } from './published-hint.ts'
import {
  ABSOLUTE_SECONDS,
  dumpOf,
  IDLE_SECONDS,
  objectOf,
  rowsOf,
  sessionsOf,
  signedIn,
  START,
} from './signed-in-user.ts'

const sessions = sessionsOf()
let clock: TestClock

beforeEach(() => {
  clock = freezeClock(START)
  vi.spyOn(console, 'info').mockImplementation(() => {})
})

/** A tab of the browser that holds this cookie. */
async function openTab({ cookie }: { cookie: string }): Promise<OpenTab> {
  const connected = await sessions.connectTab(cookie, clock.now())
  if (!connected.ok) throw new Error(connected.refusal.code)
  return listenTo(connected.value.socket)
}

const socketsOf = async (userId: UserId) =>
  runInDurableObject(
    await objectOf(userId),
    (_object: UserSessions, state) => state.getWebSockets().length,
  )

/** What the platform does in quiet times; the connections stay. */
const sleep = async (userId: UserId) => evictDurableObject(await objectOf(userId))

const signedOut = (reason: string) => ({
  messages: [{ type: 'signed_out', reason }],
  closedWith: 4001,
})

describe('an open tab is told that its session ended, and hung up on,', () => {
  const ends = {
    person: async (userId: UserId, sid: SessionId) => {
      await sessions.end(userId, sid, 'person', clock.now())
    },
    provider_back_channel: async (userId: UserId) => {
      await sessions.endAll(userId, 'provider_back_channel', clock.now())
    },
    user_disabled: async (userId: UserId) => {
      await sessions.disable(userId, clock.now())
    },
    idle_deadline: async (userId: UserId) => {
      clock.advance(IDLE_SECONDS)
      await ring(userId)
    },
    absolute_deadline: async (userId: UserId) => {
      await rowsOf(userId, `UPDATE sessions SET idle_deadline_at = ${START + ABSOLUTE_SECONDS}`)
      clock.advance(ABSOLUTE_SECONDS)
      await ring(userId)
    },
    too_many_sessions: async (userId: UserId) => {
      for (let count = 0; count < 50; count += 1) {
        clock.advance(1)
        await signedIn(clock.now(), userId)
      }
    },
  }

  describe.each(Object.entries(ends))('by %s', (cause, end) => {
    it.each(['awake', 'asleep'])('while the object is %s', async (state) => {
      const user = await signedIn(clock.now())
      const tabs = [await openTab(user), await openTab(user)]
      if (state === 'asleep') await sleep(user.userId)
      await end(user.userId, user.session.sid)
      for (const tab of tabs) expect(await tab.end()).toEqual(signedOut(cause))
    })
  })

  it('by a use of the session after its deadline, whatever the alarm has done', async () => {
    const user = await signedIn(clock.now())
    const tab = await openTab(user)
    clock.advance(IDLE_SECONDS)
    await sessions.peek(user.cookie, clock.now())
    expect(await tab.end()).toEqual(signedOut('idle_deadline'))
  })

  it('by the end of all others, unless it is of the one that is kept', async () => {
    const kept = await signedIn(clock.now())
    const other = await signedIn(clock.now(), kept.userId)
    const [mine, theirs] = [await openTab(kept), await openTab(other)]
    await sessions.endOthers(kept.userId, kept.session.sid, 'person', clock.now())
    expect(await theirs.end()).toEqual(signedOut('person'))
    expect(await mine.echo()).toBe('pong')
  })
})

describe('an open tab hears nothing', () => {
  it('of the end of another session of the same user', async () => {
    const mine = await signedIn(clock.now())
    const other = await signedIn(clock.now(), mine.userId)
    const [tab, theirs] = [await openTab(mine), await openTab(other)]
    await sessions.end(other.userId, other.session.sid, 'person', clock.now())
    await theirs.end()
    expect(await tab.echo()).toBe('pong')
    expect(tab.messages).toEqual([])
  })

  it('of the end of another user’s sessions', async () => {
    const [mine, theirs] = [await signedIn(clock.now()), await signedIn(clock.now())]
    const tab = await openTab(mine)
    await sessions.endAll(theirs.userId, 'person', clock.now())
    expect(await tab.echo()).toBe('pong')
    expect(tab.messages).toEqual([])
  })

  it('of an end that changed nothing, because the session was never this user’s', async () => {
    const user = await signedIn(clock.now())
    const tab = await openTab(user)
    await sessions.end(user.userId, newSessionId(), 'person', clock.now())
    expect(await tab.echo()).toBe('pong')
    expect(tab.messages).toEqual([])
  })
})

describe('who may connect a tab is decided by the object', () => {
  const proofOf = async (cookie: string) => {
    const handle = await parseHandle(createHandleAuthenticator([settings.HANDLE_KEY]), 's', cookie)
    if (!handle.ok) throw new Error(handle.refusal.code)
    return { sid: handle.value.reference as SessionId, secretHash: handle.value.secretHash }
  }

  it('not by who asks: the secret’s hash must be that of the session', async () => {
    const user = await signedIn(clock.now())
    const other = await signedIn(clock.now(), user.userId)
    const object = await objectOf(user.userId)
    const now = clock.now()
    const [own, foreign] = [await proofOf(user.cookie), await proofOf(other.cookie)]
    const before = await dumpOf(user.userId)
    for (const question of [
      { ...own, secretHash: foreign.secretHash },
      { ...own, secretHash: '' },
      { ...own, sid: newSessionId() },
    ]) {
      expect(await connectTab(object, { ...question, now })).toMatchObject({
        ok: false,
        refusal: { code: 'no_session' },
      })
    }
    expect(await dumpOf(user.userId)).toBe(before)
    expect(await socketsOf(user.userId)).toBe(0)
    expect((await connectTab(object, { ...own, now })).ok).toBe(true)
  })

  it('and a request of any other form is turned away', async () => {
    const { userId, cookie } = await signedIn(clock.now())
    const object = await objectOf(userId)
    const question = JSON.stringify({ ...(await proofOf(cookie)), now: clock.now() })
    for (const headers of [
      {},
      { Upgrade: 'websocket' },
      { 'Drawbridge-Session': question },
      { Upgrade: 'websocket', 'Drawbridge-Session': '[]' },
      { Upgrade: 'websocket', 'Drawbridge-Session': '{"sid":1,"secretHash":"","now":0}' },
    ]) {
      expect((await object.fetch('https://user-sessions/tab', { headers })).status).toBe(400)
    }
    expect(await socketsOf(userId)).toBe(0)
  })

  it.each(['ended', 'expired', 'disabled'])('a session that is %s takes none', async (state) => {
    const user = await signedIn(clock.now())
    const { userId, session, cookie } = user
    if (state === 'ended') await sessions.end(userId, session.sid, 'person', clock.now())
    if (state === 'expired') clock.advance(IDLE_SECONDS)
    if (state === 'disabled') await sessions.disable(userId, clock.now())
    expect(await sessions.connectTab(cookie, clock.now())).toMatchObject({
      refusal: { code: 'no_session' },
    })
    expect(await socketsOf(userId)).toBe(0)
  })

  it.each([undefined, '', 'x', `s_${'A'.repeat(128)}`])(
    'a cookie that is not ours leads to no object: %j',
    async (cookie) => {
      expect(await sessions.connectTab(cookie, clock.now())).toMatchObject({
        refusal: { code: 'no_session' },
      })
    },
  )
})

describe('the number of tabs is bounded', () => {
  it('for each session: one more, and the oldest is hung up on, without a notice', async () => {
    const user = await signedIn(clock.now())
    const tabs: OpenTab[] = []
    for (let count = 0; count < MOST_TABS_OF_SESSION; count += 1) tabs.push(await openTab(user))
    await sleep(user.userId)
    const another = await openTab(user)
    expect(await tabs[0]!.end()).toEqual({ messages: [], closedWith: 4002 })
    for (const tab of [...tabs.slice(1), another]) expect(await tab.echo()).toBe('pong')
  })

  it('for each session apart', async () => {
    const user = await signedIn(clock.now())
    const other = await signedIn(clock.now(), user.userId)
    const first = await openTab(user)
    for (let count = 0; count < MOST_TABS_OF_SESSION; count += 1) await openTab(other)
    expect(await first.echo()).toBe('pong')
  })

  it('for each user: one more, and the oldest of all is hung up on', async () => {
    const user = await signedIn(clock.now())
    const [oldest, next] = [await openTab(user), await openTab(user)]
    const others: OpenTab[] = []
    let another = user
    for (let count = 2; count < MOST_TABS_OF_USER; count += 1) {
      if (count % 25 === 0) another = await signedIn(clock.now(), user.userId)
      others.push(await openTab(another))
    }
    expect(await oldest.echo()).toBe('pong')
    const last = await openTab(await signedIn(clock.now(), user.userId))
    expect(await oldest.end()).toEqual({ messages: [], closedWith: 4002 })
    for (const tab of [next, last]) expect(await tab.echo()).toBe('pong')
  })

  it('also where those that are hung up on do not hang up themselves', async () => {
    const user = await signedIn(clock.now())
    const held: WebSocket[] = []
    for (let count = 0; count < MOST_CONNECTIONS; count += 1) {
      const connected = await sessions.connectTab(user.cookie, clock.now())
      if (!connected.ok) throw new Error(connected.refusal.code)
      held.push(connected.value.socket)
    }
    expect(await sessions.connectTab(user.cookie, clock.now())).toMatchObject({
      refusal: { code: 'too_many_tabs' },
    })
    expect((await sessions.peek(user.cookie, clock.now())).ok).toBe(true)
  })
})

describe('an open tab', () => {
  it('is no use of the session: it moves no deadline and writes nothing', async () => {
    const user = await signedIn(clock.now())
    const before = await dumpOf(user.userId)
    clock.advance(100)
    const tab = await openTab(user)
    await tab.echo()
    expect(await dumpOf(user.userId)).toBe(before)
  })

  it('has its heartbeat answered without waking the object', async () => {
    const user = await signedIn(clock.now())
    const tab = await openTab(user)
    await sleep(user.userId)
    expect(await tab.echo()).toBe('pong')
    const woken = await runInDurableObject(
      await objectOf(user.userId),
      (_object: UserSessions, state) =>
        state.getWebSockets().map((socket) => state.getWebSocketAutoResponseTimestamp(socket)),
    )
    expect(woken.map((at) => at !== null)).toEqual([true])
  })

  it.each(['hello', 'ping ', new Uint8Array(1024)])(
    'that talks is hung up on: %o',
    async (words) => {
      const user = await signedIn(clock.now())
      const tab = await openTab(user)
      tab.say(words)
      expect(await tab.end()).toEqual({ messages: [], closedWith: 1008 })
      expect((await sessions.peek(user.cookie, clock.now())).ok).toBe(true)
    },
  )

  it('that hangs up is forgotten', async () => {
    const user = await signedIn(clock.now())
    const tab = await openTab(user)
    tab.hangUp()
    await vi.waitFor(async () => expect(await socketsOf(user.userId)).toBe(0))
    await sessions.end(user.userId, user.session.sid, 'person', clock.now())
    expect(tab.messages).toEqual([])
  })

  it('does not keep an object that has nothing left to remember', async () => {
    const user = await signedIn(clock.now())
    const tab = await openTab(user)
    await sessions.end(user.userId, user.session.sid, 'person', clock.now())
    await tab.end()
    do {
      clock.advance(ABSOLUTE_SECONDS)
      await ring(user.userId)
    } while (clock.now() < START + 3 * ABSOLUTE_SECONDS)
    expect(await rowsOf(user.userId, 'SELECT name FROM sqlite_master')).toEqual([])
  })
})
