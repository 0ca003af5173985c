import { beforeEach, describe, expect, it } from 'vitest'
import { Origin, settle } from './browser-stand-in.ts'
import type { Tab } from './browser-stand-in.ts'

let origin: Origin
let tab: Tab

beforeEach(() => {
  origin = new Origin()
  tab = origin.openTab()
})

const types = ({ changes }: Tab) => changes.map(({ type }) => type)

/** The session ends on the server, which tells whoever is connected. */
async function endSession(reason = 'person'): Promise<void> {
  origin.session = undefined
  origin.hangUp(4001, reason)
  await origin.pass(0)
}

describe('a tab is connected', () => {
  it('as soon as it knows that somebody is signed in, and not before', async () => {
    await origin.pass(10)
    expect(origin.connections).toEqual([])
    await tab.drawbridge.getToken()
    expect(origin.connections.map(({ url }) => url)).toEqual([
      'wss://login.example/auth/sso/events',
    ])
  })

  it('once, however often the token is asked for and renewed', async () => {
    for (let count = 0; count < 3; count += 1) {
      await tab.drawbridge.getToken()
      await origin.pass(280)
    }
    expect(origin.connections).toHaveLength(1)
  })

  it('only while somebody looks at it; it stays so afterwards', async () => {
    tab.isVisible = false
    await tab.drawbridge.getToken()
    expect(origin.connections).toEqual([])
    tab.isVisible = true
    tab.wake()
    await settle()
    tab.isVisible = false
    await origin.pass(600)
    expect(origin.connections).toHaveLength(1)
  })

  it('not where the page has switched that off', async () => {
    tab.drawbridge.configure({ notices: false })
    await tab.drawbridge.getToken()
    expect(origin.connections).toEqual([])
  })

  it('no longer when nobody is signed in', async () => {
    await tab.drawbridge.getToken()
    tab.drawbridge.forget()
    await origin.pass(600)
    expect(origin.connections).toEqual([])
  })
})

describe('a notice that the session has ended', () => {
  it('makes the tab ask the bridge, and its answer signs out all tabs', async () => {
    const other = origin.openTab()
    other.isVisible = false
    await tab.drawbridge.getToken()
    await other.drawbridge.getToken()
    await origin.pass(0)
    await endSession()
    expect(origin.bridgeCalls).toBe(2)
    expect(origin.storedToken).toBeUndefined()
    for (const each of [tab, other]) expect(types(each)).toEqual(['signed-in', 'signed-out'])
    await origin.pass(3600)
    expect(origin.connections).toEqual([])
    expect(origin.bridgeCalls).toBe(2)
  })

  it('is never taken at its word: while the bridge says otherwise, nobody is signed out', async () => {
    const before = await tab.drawbridge.getToken()
    origin.hangUp(4001, 'operator')
    await origin.pass(5)
    expect(types(tab)).toEqual(['signed-in', 'renewed'])
    expect(await tab.drawbridge.getToken()).not.toBe(before)
    expect(origin.connections).toHaveLength(1)
  })

  it('drops the token, whatever becomes of the question to the bridge', async () => {
    await tab.drawbridge.getToken()
    origin.answerBridge = () => Promise.reject(new TypeError('offline'))
    await endSession()
    expect(origin.storedToken).toBeUndefined()
    expect(types(tab)).toEqual(['signed-in'])
  })

  it('waits for the cookie of whoever has signed in instead', async () => {
    await tab.drawbridge.getToken()
    await origin.pass(0)
    await endSession('replaced_by_sign_in')
    await origin.pass(1)
    expect(origin.bridgeCalls).toBe(1)
    origin.session = { sub: 'bob', sid: 'session-2' }
    await origin.pass(1)
    expect(tab.changes).toMatchObject([
      { type: 'signed-in', sid: 'session-1' },
      { type: 'signed-in', sid: 'session-2' },
    ])
    expect(origin.connections).toHaveLength(1)
  })

  it.each(['', 'null', '[]', '{"reason":1}', 'x'])(
    'counts by how the connection ends, whatever is said before: %j',
    async (words) => {
      await tab.drawbridge.getToken()
      origin.connections[0]!.listener.onMessage(words)
      await settle()
      expect(types(tab)).toEqual(['signed-in'])
      await endSession()
      expect(types(tab)).toEqual(['signed-in', 'signed-out'])
    },
  )
})

describe('a connection that is lost', () => {
  it('comes back, and nobody is signed out', async () => {
    await tab.drawbridge.getToken()
    origin.hangUp(1006)
    expect(origin.connections).toEqual([])
    await origin.pass(2)
    expect(origin.connections).toHaveLength(1)
    expect(origin.bridgeCalls).toBe(1)
    expect(types(tab)).toEqual(['signed-in'])
  })

  it('comes back however often it is lost', async () => {
    await tab.drawbridge.getToken()
    for (let count = 0; count < 12; count += 1) {
      await origin.pass(2)
      expect(origin.connections).toHaveLength(1)
      origin.hangUp(1006)
    }
    expect(origin.bridgeCalls).toBe(1)
  })

  it.each([
    [0, 0.5],
    [1, 1.5],
  ])('comes back at a time that is left to chance: %f', async (chance, seconds) => {
    origin.chance = chance
    await tab.drawbridge.getToken()
    await origin.pass(0)
    origin.hangUp(1006)
    await origin.pass(seconds - 0.1)
    expect(origin.connections).toEqual([])
    await origin.pass(0.2)
    expect(origin.connections).toHaveLength(1)
  })

  it('is noticed by its silence', async () => {
    await tab.drawbridge.getToken()
    await origin.pass(0)
    const [first] = origin.connections
    await origin.pass(120)
    expect(first!.heard).toEqual(['ping', 'ping', 'ping'])
    origin.answersHeartbeats = false
    await origin.pass(92)
    expect(origin.connections).not.toContain(first)
    expect(origin.connections).toHaveLength(1)
  })

  it('is noticed soon by a page that was away', async () => {
    await tab.drawbridge.getToken()
    await origin.pass(1)
    const [first] = origin.connections
    origin.answersHeartbeats = false
    tab.wake()
    await origin.pass(7)
    expect(origin.connections).not.toContain(first)
  })

  it('and not given back makes the tab ask the bridge, once', async () => {
    await tab.drawbridge.getToken()
    await origin.pass(0)
    origin.session = undefined
    origin.hangUp(1006)
    await origin.pass(5)
    expect(types(tab)).toEqual(['signed-in', 'signed-out'])
    expect(origin.bridgeCalls).toBe(2)
  })

  it('and not given back makes the tab ask no more when the page is looked at again', async () => {
    await tab.drawbridge.getToken()
    await origin.pass(0)
    origin.takesConnections = () => false
    origin.hangUp(1006)
    await origin.pass(5)
    for (let count = 0; count < 3; count += 1) {
      tab.wake()
      await origin.pass(5)
    }
    expect(origin.bridgeCalls).toBe(2)
  })

  it('because no gateway is there leaves the token as good as it was', async () => {
    const token = await tab.drawbridge.getToken()
    await origin.pass(0)
    origin.takesConnections = () => false
    origin.answerBridge = () => Promise.reject(new TypeError('offline'))
    origin.hangUp(1006)
    await origin.pass(100)
    expect(await tab.drawbridge.getToken()).toBe(token)
    expect(types(tab)).toEqual(['signed-in'])
  })

  it('because there are too many tabs is not fought for, until the page is looked at again', async () => {
    await tab.drawbridge.getToken()
    await origin.pass(0)
    origin.hangUp(4002)
    await origin.pass(1000)
    expect(origin.connections).toEqual([])
    tab.wake()
    await settle()
    expect(origin.connections).toHaveLength(1)
  })
})

it('a tab that finds the token of a session that has ended asks the bridge by itself', async () => {
  await tab.drawbridge.getToken()
  await origin.pass(0)
  origin.session = undefined
  const later = origin.openTab()
  await origin.pass(10)
  expect(types(later)).toEqual(['signed-in', 'signed-out'])
  expect(origin.bridgeCalls).toBe(2)
})

it('a gateway that takes no connection is asked ever more seldom, and then no more', async () => {
  let tries = 0
  origin.takesConnections = () => {
    tries += 1
    return false
  }
  await tab.drawbridge.getToken()
  await origin.pass(10)
  expect(tries).toBe(4)
  await origin.pass(3600)
  expect(tries).toBe(8)
  expect(origin.bridgeCalls).toBeLessThanOrEqual(2)
  tab.wake()
  await origin.pass(3600)
  expect(tries).toBe(15)
  expect(types(tab)).not.toContain('signed-out')
})

describe('signing out', () => {
  it('posts a form from a page of the gateway', () => {
    tab.drawbridge.signOut()
    expect(tab.posts).toEqual(['https://login.example/auth/sso/logout'])
    expect(tab.navigations).toEqual([])
  })

  it('goes there from any other page, where the person is asked', () => {
    tab.drawbridge.configure({ gateway: 'https://sso.example' })
    tab.drawbridge.signOut()
    expect(tab.posts).toEqual([])
    expect(tab.navigations).toEqual(['https://sso.example/auth/sso/logout'])
  })
})
