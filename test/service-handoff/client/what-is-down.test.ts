import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { UserId } from '../../../src/core/sessions/session.ts'
import { rowsOf } from '../../core/sessions/signed-in-user.ts'
import type { Browser } from '../../world/browser.ts'
import { freezeClock } from '../../world/clock.ts'
import { createHandoffHost } from '../../world/handoff-host.ts'
import type { HandoffHostStandIn } from '../../world/handoff-host.ts'
import { lostAnswers } from '../../world/lost-answers.ts'
import { settings } from '../../world/settings.ts'
import { createWorld, liveSession, signIn } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'
import { switchedBindings } from '../../world/switched-bindings.ts'

const LOGIN = `${settings.ISSUER}/sso/v1/login/portal`
const LOGOUT = `${settings.ISSUER}/sso/v1/logout/portal`
const API_SID = 'a'.repeat(36)
const carol = { id: '42', name: 'Carol' }

/** What does not answer now. */
let down: Set<keyof Env>
let world: World
let browser: Browser
let portal: HandoffHostStandIn

beforeEach(async () => {
  freezeClock()
  const { outage, bindings } = switchedBindings()
  down = outage.bindings
  world = await createWorld({}, bindings)
  browser = world.newBrowser()
  portal = createHandoffHost(world.internet)
})

const goOn = () =>
  browser.request(LOGIN, {
    method: 'POST',
    body: new URLSearchParams({ token: portal.ticket(carol, API_SID) }),
    from: LOGIN,
  })

const hostSays = () =>
  world.fetch(
    new Request(LOGOUT, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ api_sid: API_SID }),
    }),
  )

describe('a person who comes over', () => {
  it('keeps their ticket where nobody knows whether somebody is signed in here', async () => {
    await signIn(browser, world.otrotl)
    down.add('USER_SESSIONS')
    const answer = await goOn()
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '10'])
    expect(portal.calls).toEqual([])
  })

  it('is not signed in beside somebody whose session could not be ended', async () => {
    await signIn(browser, world.otrotl)
    const before = browser.session()
    portal.answers['login-acknowledgement'] = () => {
      down.add('USER_SESSIONS')
      return Response.json({ status: 'acknowledged', api_sid: API_SID })
    }
    const answer = await goOn()
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([503, []])
    expect(await liveSession(before)).toBeDefined()
  })

  it('has no session that was opened without our hearing of it', async () => {
    world = await createWorld({}, { USER_SESSIONS: lostAnswers('openSession') })
    browser = world.newBrowser()
    portal = createHandoffHost(world.internet)
    expect((await goOn()).status).toBe(503)
    const { id } = (await env.DIRECTORY.prepare('SELECT id FROM users').first<{ id: UserId }>())!
    await vi.waitFor(async () => {
      const sessions = await rowsOf(id, 'SELECT end_cause FROM sessions')
      expect(sessions).toEqual([{ end_cause: 'sign_in_unfinished' }])
    })
  })

  it('keeps their ticket where there are too many of them', async () => {
    down.add('CALLBACK_LIMIT')
    const answer = await goOn()
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '60'])
    expect(portal.calls).toEqual([])
  })
})

describe('the end of a session at the host', () => {
  it.each([
    ['the directory', 'DIRECTORY', 503, '5'],
    ['the session', 'USER_SESSIONS', 503, '5'],
    ['the count of such calls', 'BACK_CHANNEL_LIMIT', 429, '60'],
  ] as const)(
    'is not taken for done where %s does not answer: the host says it again',
    async (_what, name, status, retryAfter) => {
      await goOn()
      down.add(name)
      const answer = await hostSays()
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, retryAfter])
      expect(await liveSession(browser.session())).toBeDefined()
      down.clear()
      expect((await hostSays()).status).toBe(200)
      expect(await liveSession(browser.session())).toBeUndefined()
    },
  )
})
