import { beforeEach, describe, expect, it } from 'vitest'
import { DrawbridgeUnavailable } from '../../src/browser/drawbridge-api.ts'
import { signOutsKey, tokenKey } from '../../src/browser/token-store.ts'
import { Origin, settle } from './browser-stand-in.ts'
import type { Tab } from './browser-stand-in.ts'

let origin: Origin
let tab: Tab

beforeEach(() => {
  origin = new Origin()
  tab = origin.openTab()
})

describe('getting a token', () => {
  it('asks the bridge once and keeps the answer in localStorage', async () => {
    const token = await tab.drawbridge.getToken()
    expect(token).toBe(origin.storedToken)
    expect(await tab.drawbridge.getToken()).toBe(token)
    expect(origin.bridgeCalls).toBe(1)
  })

  it('asks the bridge once however many callers in however many tabs need it at once', async () => {
    const tabs = [tab, origin.openTab(), origin.openTab(), origin.openTab()]
    const tokens = await Promise.all(
      tabs.flatMap(({ drawbridge }) => Array.from({ length: 5 }, () => drawbridge.getToken())),
    )
    expect(new Set(tokens)).toEqual(new Set([origin.storedToken]))
    expect(origin.bridgeCalls).toBe(1)
  })

  it('asks the bridge once for many callers also when the answer is no', async () => {
    origin.session = undefined
    await Promise.all(Array.from({ length: 5 }, () => tab.drawbridge.getToken()))
    expect(origin.bridgeCalls).toBe(1)
  })

  it('leaves the bridge alone as long as nothing on the page wants a token', async () => {
    tab.wake()
    await origin.pass(3600)
    expect(origin.requests).toEqual([])
    expect(tab.events).toEqual([])
  })

  it('is found by a tab that opens later', async () => {
    await tab.drawbridge.getToken()
    expect(await origin.openTab().drawbridge.getToken()).toBe(origin.storedToken)
    expect(origin.bridgeCalls).toBe(1)
  })

  it('is not needed for a page to be told who is signed in, where another has one', async () => {
    await tab.drawbridge.getToken()
    const later = origin.openTab()
    await origin.pass(0)
    expect(later.changes).toMatchObject([{ type: 'signed-in', sid: 'session-1' }])
    expect(origin.connections).toHaveLength(2)
    expect(origin.bridgeCalls).toBe(1)
  })

  it('renews a token that has a few seconds left', async () => {
    const first = await tab.drawbridge.getToken()
    origin.sleep(291)
    expect(await tab.drawbridge.getToken()).not.toBe(first)
    expect(origin.bridgeCalls).toBe(2)
  })

  it.each([-86_400_000, 86_400_000])('works with a clock that is off by %i ms', async (offset) => {
    origin.clock += offset
    const first = await tab.drawbridge.getToken()
    origin.sleep(200)
    expect(await tab.drawbridge.getToken()).toBe(first)
    origin.sleep(95)
    expect(await tab.drawbridge.getToken()).not.toBe(first)
  })

  it('renews when the clock was set back, since the life of the token is not known any more', async () => {
    const first = await tab.drawbridge.getToken()
    origin.clock -= 3_600_000
    expect(await tab.drawbridge.getToken()).not.toBe(first)
  })

  it('counts the life of a token from before the bridge was asked', async () => {
    origin.answerBridge = (request) => {
      origin.clock += 100_000
      return origin.bridge(request)
    }
    const first = await tab.drawbridge.getToken()
    origin.sleep(195)
    expect(await tab.drawbridge.getToken()).not.toBe(first)
  })

  it('tells who it is for', async () => {
    expect(await tab.drawbridge.getUser()).toEqual({ sub: 'ada' })
  })

  it('is not led astray by what others leave in storage', async () => {
    origin.items.set(tokenKey, '{"accessToken":')
    expect(await tab.drawbridge.getToken()).toBe(origin.storedToken)
  })
})

describe('renewing ahead', () => {
  it('happens before expiry, once for all tabs, and every tab learns of it', async () => {
    const tabs = [tab, origin.openTab(), origin.openTab()]
    const before = await Promise.all(tabs.map(({ drawbridge }) => drawbridge.getToken()))
    await origin.pass(275)
    expect(origin.bridgeCalls).toBe(2)
    expect(before).not.toContain(origin.storedToken)
    for (const { changes } of tabs) {
      expect(changes.map(({ type }) => type)).toEqual(['signed-in', 'renewed'])
    }
  })

  it('happens again for as long as the page uses what it has', async () => {
    await tab.drawbridge.getToken()
    for (const calls of [2, 3, 4]) {
      await origin.pass(275)
      expect(origin.bridgeCalls).toBe(calls)
      await tab.drawbridge.getToken()
    }
  })

  it('does not happen in a page that nobody looks at, until somebody does', async () => {
    await tab.drawbridge.getToken()
    tab.isVisible = false
    await origin.pass(1000)
    expect(origin.bridgeCalls).toBe(1)
    tab.isVisible = true
    tab.wake()
    await settle()
    expect(origin.bridgeCalls).toBe(2)
  })

  it('does not keep a session alive for a page that does nothing with its token', async () => {
    await tab.drawbridge.getToken()
    await origin.pass(3600)
    expect(origin.bridgeCalls).toBe(2)
  })

  it('tries again later when the bridge fails, and signs nobody out', async () => {
    await tab.drawbridge.getToken()
    origin.answerBridge = () =>
      new Response('busy', { status: 503, headers: { 'retry-after': '7' } })
    await origin.pass(271)
    expect(origin.bridgeCalls).toBe(2)
    origin.answerBridge = (request) => origin.bridge(request)
    await origin.pass(7)
    expect(origin.bridgeCalls).toBe(3)
    expect(tab.events).toEqual([])
  })

  it('does not spin on the short tokens of a session that is about to end', async () => {
    origin.lifetimeSeconds = 1
    for (let second = 0; second < 20; second++) {
      await tab.drawbridge.getToken()
      await origin.pass(1)
    }
    expect(origin.bridgeCalls).toBeLessThanOrEqual(41)
  })
})

describe('a session that has ended', () => {
  it('clears the storage, tells the page and tells all tabs, once', async () => {
    const other = origin.openTab()
    await tab.drawbridge.getToken()
    origin.session = undefined
    origin.sleep(300)
    expect(await tab.drawbridge.getToken()).toBeUndefined()
    expect(await tab.drawbridge.getToken()).toBeUndefined()
    await settle()
    expect(origin.items.has(tokenKey)).toBe(false)
    for (const { changes, events } of [tab, other]) {
      expect(changes.at(-1)).toEqual({ type: 'signed-out' })
      expect(events).toEqual(['drawbridge:signed-out'])
    }
  })

  it('is noticed by a tab that wakes after sleep', async () => {
    await tab.drawbridge.getToken()
    origin.session = undefined
    origin.sleep(36_000)
    tab.wake()
    await settle()
    expect(tab.events).toEqual(['drawbridge:signed-out'])
    expect(origin.storedToken).toBeUndefined()
  })

  it('is noticed by a page that was set aside while the others were told', async () => {
    await tab.drawbridge.getToken()
    origin.session = undefined
    origin.items.delete(tokenKey)
    tab.wake()
    await settle()
    expect(tab.events).toEqual(['drawbridge:signed-out'])
  })

  it('is not resurrected by an answer of the bridge that was under way', async () => {
    const other = origin.openTab()
    origin.answerBridge = (request) => {
      const answer = origin.bridge(request)
      if (origin.bridgeCalls === 1) {
        origin.session = undefined
        other.drawbridge.forget()
      }
      return answer
    }
    expect(await tab.drawbridge.getToken()).toBeUndefined()
    expect(origin.storedToken).toBeUndefined()
    expect(origin.bridgeCalls).toBe(2)
  })

  it('is forgotten in all tabs when the page of a sign-out says so', async () => {
    const other = origin.openTab()
    await other.drawbridge.getToken()
    tab.drawbridge.forget()
    await settle()
    expect(origin.storedToken).toBeUndefined()
    expect(origin.items.has(signOutsKey)).toBe(true)
    expect(other.events).toEqual(['drawbridge:signed-out'])
  })

  it('is no news for a tab that hears of it when a new token is there already', async () => {
    const other = origin.openTab()
    await tab.drawbridge.getToken()
    const stored = origin.items.get(tokenKey)!
    other.drawbridge.forget()
    origin.items.set(tokenKey, stored)
    await settle()
    expect(tab.events).toEqual([])
  })

  it('gives way to a new one', async () => {
    origin.session = undefined
    expect(await tab.drawbridge.getToken()).toBeUndefined()
    origin.session = { sub: 'bea', sid: 'session-2' }
    const other = origin.openTab()
    await other.drawbridge.getToken()
    await settle()
    expect(tab.changes).toMatchObject([
      { type: 'signed-out' },
      { type: 'signed-in', sid: 'session-2', user: { sub: 'bea' } },
    ])
  })
})

describe('a bridge that cannot be asked', () => {
  const failures: [string, () => Response][] = [
    ['503', () => new Response(null, { status: 503 })],
    ['429', () => new Response(null, { status: 429 })],
    ['a network error', () => Promise.reject(new TypeError('network')) as never],
    ['a 401 of a proxy', () => new Response('<html>', { status: 401 })],
    ['a 403', () => Response.json({ error: 'origin_not_allowed' }, { status: 403 })],
    ['200 with a page of a hotel', () => new Response('<html>Welcome</html>')],
    [
      '200 with half an answer',
      () => Response.json({ access_token: 'a.b.c', token_type: 'Bearer' }),
    ],
    ['200 with null', () => Response.json(null)],
  ]

  it.each(failures)('signs nobody out: %s', async (_, answer) => {
    const token = await tab.drawbridge.getToken()
    origin.answerBridge = answer
    origin.sleep(295)
    expect(await tab.drawbridge.getToken()).toBe(token)
    origin.sleep(5)
    await expect(tab.drawbridge.getToken()).rejects.toBeInstanceOf(DrawbridgeUnavailable)
    await settle()
    expect(tab.events).toEqual([])
    expect(origin.storedToken).toBe(token)
  })
})

describe('a token with a few seconds left', () => {
  it('is not given out after another tab has forgotten it, though the bridge fails', async () => {
    const other = origin.openTab()
    await tab.drawbridge.getToken()
    origin.sleep(295)
    origin.answerBridge = () => {
      other.drawbridge.forget()
      return new Response(null, { status: 503 })
    }
    await expect(tab.drawbridge.getToken()).rejects.toBeInstanceOf(DrawbridgeUnavailable)
  })
})

describe('a storage that is full', () => {
  it('keeps nobody from their token', async () => {
    origin.isFull = true
    expect(await tab.drawbridge.getToken()).toMatch(/^eyJ/)
    expect(tab.changes.map(({ type }) => type)).toEqual(['signed-in'])
  })

  it('keeps no older token in the place of one that has no room', async () => {
    const old = await tab.drawbridge.getToken()
    origin.sleep(291)
    origin.isFull = true
    expect(await tab.drawbridge.getToken()).not.toBe(old)
    expect(origin.storedToken).toBeUndefined()
  })

  it('does not hide that nobody is signed in', async () => {
    origin.isFull = true
    origin.session = undefined
    expect(await tab.drawbridge.getToken()).toBeUndefined()
    expect(tab.events).toEqual(['drawbridge:signed-out'])
  })
})

describe('another session or user', () => {
  it('replaces the token that a page made for another session finds', async () => {
    const old = await tab.drawbridge.getToken()
    origin.session = { sub: 'bea', sid: 'session-2' }
    const next = origin.openTab()
    next.drawbridge.expectSession('session-2')
    expect(await next.drawbridge.getToken()).not.toBe(old)
    expect(await next.drawbridge.getUser()).toEqual({ sub: 'bea' })
    await settle()
    expect(tab.changes.at(-1)).toMatchObject({ type: 'signed-in', sid: 'session-2' })
  })

  it('leaves the token of the very same session in place', async () => {
    const token = await tab.drawbridge.getToken()
    tab.drawbridge.expectSession('session-1')
    expect(origin.storedToken).toBe(token)
  })

  it('is expected after going to sign in', async () => {
    await tab.drawbridge.getToken()
    tab.drawbridge.signIn()
    expect(origin.storedToken).toBeUndefined()
  })
})

describe('going to sign in', () => {
  it('comes back to this page unless told otherwise', () => {
    tab.drawbridge.signIn()
    tab.drawbridge.signIn({ returnTo: '/a?b=c&d', provider: 'a/b' })
    expect(tab.navigations).toEqual([
      'https://login.example/auth/sso/login?return_to=https%3A%2F%2Flogin.example%2Fpage%3Fx%3D1%23y',
      'https://login.example/auth/sso/login/a%2Fb?return_to=https%3A%2F%2Flogin.example%2Fa%3Fb%3Dc%26d',
    ])
  })
})

describe('a page of another origin than the gateway’s', () => {
  beforeEach(async () => {
    await tab.drawbridge.getToken()
    tab.drawbridge.configure({ gateway: 'https://sso.example' })
  })

  it('is where an address without an origin leads back to after signing in', () => {
    tab.drawbridge.signIn({ returnTo: '/orders?id=1' })
    expect(tab.navigations).toEqual([
      'https://sso.example/auth/sso/login?return_to=https%3A%2F%2Flogin.example%2Forders%3Fid%3D1',
    ])
  })

  it('has no token any more once it has left to sign out', () => {
    tab.drawbridge.signOut()
    expect(tab.navigations).toEqual(['https://sso.example/auth/sso/logout'])
    expect(origin.storedToken).toBeUndefined()
  })
})

describe('listeners', () => {
  it('are called until they are removed', async () => {
    const seen: string[] = []
    const stop = tab.drawbridge.onChange(({ type }) => void seen.push(type))
    await tab.drawbridge.getToken()
    stop()
    tab.drawbridge.forget()
    expect(seen).toEqual(['signed-in'])
  })

  it('are all called, even when one of them fails', async () => {
    const next = origin.openTab()
    const seen: string[] = []
    next.drawbridge.onChange(() => {
      throw new Error('a fault of the page')
    })
    next.drawbridge.onChange(({ type }) => void seen.push(type))
    expect(await next.drawbridge.getToken()).toBe(origin.storedToken)
    expect(seen).toEqual(['signed-in'])
  })

  it('hear nothing new when the storage is emptied and the session lives', async () => {
    await tab.drawbridge.getToken()
    origin.clearStorage()
    await settle()
    expect(origin.storedToken).toBeDefined()
    expect(tab.changes.map(({ type }) => type)).toEqual(['signed-in', 'renewed'])
  })
})

describe('a gateway that the script was not loaded from', () => {
  it('is used when configured, by its origin', async () => {
    tab.drawbridge.configure({ gateway: 'https://other.example/some/path' })
    origin.answerApi = () => Response.json({ error: 'no_session' }, { status: 401 })
    expect(await tab.drawbridge.getToken()).toBeUndefined()
    expect(origin.requests.map(({ url }) => url)).toEqual(['https://other.example/auth/sso/token'])
  })

  it('is not used where the setting says nothing', async () => {
    tab.drawbridge.configure({ gateway: undefined } as object)
    expect(await tab.drawbridge.getToken()).toBe(origin.storedToken)
  })

  it('stays as it was where an API’s origin is no URL', async () => {
    const options = { gateway: 'https://other.example', apiOrigins: ['api.example'] }
    expect(() => tab.drawbridge.configure(options)).toThrow(TypeError)
    expect(await tab.drawbridge.getToken()).toBe(origin.storedToken)
  })

  it('is not used where the setting is no URL, and the rest of it neither', async () => {
    const options = { gateway: 'other.example', apiOrigins: ['https://api.example'] }
    expect(() => tab.drawbridge.configure(options)).toThrow(TypeError)
    await tab.drawbridge.fetch('https://api.example/things')
    expect(origin.apiRequests[0]!.headers.has('authorization')).toBe(false)
    expect(await tab.drawbridge.getToken()).toBe(origin.storedToken)
  })
})
