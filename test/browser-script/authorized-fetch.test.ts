import { beforeEach, describe, expect, it } from 'vitest'
import { Origin } from './browser-stand-in.ts'
import type { Tab } from './browser-stand-in.ts'

let origin: Origin
let tab: Tab

beforeEach(() => {
  origin = new Origin()
  tab = origin.openTab()
})

const authorization = () => origin.apiRequests.map(({ headers }) => headers.get('authorization'))

describe('drawbridge.fetch', () => {
  it('sends the token to the gateway and to configured origins', async () => {
    tab.drawbridge.configure({ apiOrigins: ['https://api.example'] })
    await tab.drawbridge.fetch('https://login.example/api/me')
    await tab.drawbridge.fetch(new URL('https://api.example/things'), { method: 'POST', body: 'x' })
    expect(authorization()).toEqual([
      `Bearer ${origin.storedToken}`,
      `Bearer ${origin.storedToken}`,
    ])
    expect(await origin.apiRequests[1]!.text()).toBe('x')
  })

  it('knows a configured origin by any URL of it', async () => {
    tab.drawbridge.configure({
      apiOrigins: ['https://api.example/', 'HTTPS://Other.example:443/v1'],
    })
    await tab.drawbridge.fetch('https://api.example/things')
    await tab.drawbridge.fetch('https://other.example/things')
    await tab.drawbridge.fetch('https://other.example:8443/things')
    const ours = `Bearer ${origin.storedToken}`
    expect(authorization()).toEqual([ours, ours, null])
  })

  it.each([
    'https://evil.example/api/me',
    'https://login.example.evil.example/api/me',
    'https://login.example:444/api/me',
    'http://login.example/api/me',
    'https://login.example@evil.example/',
    'https://api.example/not-configured',
  ])('sends it nowhere else: %s', async (url) => {
    await tab.drawbridge.getToken()
    const bridgeCalls = origin.bridgeCalls
    await tab.drawbridge.fetch(url)
    expect(authorization()).toEqual([null])
    expect(origin.bridgeCalls).toBe(bridgeCalls)
  })

  it('keeps the caller’s own headers and leaves other answers alone', async () => {
    origin.answerApi = () => new Response('teapot', { status: 418 })
    const response = await tab.drawbridge.fetch('https://login.example/api/me', {
      headers: { 'x-a': 'b' },
    })
    expect(response.status).toBe(418)
    expect(origin.apiRequests[0]!.headers.get('x-a')).toBe('b')
    expect(origin.apiRequests).toHaveLength(1)
  })

  it('goes without a token when nobody is signed in', async () => {
    origin.session = undefined
    origin.answerApi = () => new Response(null, { status: 401 })
    const response = await tab.drawbridge.fetch('https://login.example/api/me')
    expect(response.status).toBe(401)
    expect(authorization()).toEqual([null])
    expect(origin.bridgeCalls).toBe(1)
  })

  it('drops a token that is refused and tries once more with a new one, body and all', async () => {
    const old = await tab.drawbridge.getToken()
    origin.answerApi = ({ headers }) =>
      new Response(null, { status: headers.get('authorization') === `Bearer ${old}` ? 401 : 200 })
    const response = await tab.drawbridge.fetch('https://login.example/api/me', {
      method: 'PUT',
      body: 'the same again',
    })
    expect(response.status).toBe(200)
    expect(authorization()).toEqual([`Bearer ${old}`, `Bearer ${origin.storedToken}`])
    expect(await Promise.all(origin.apiRequests.map((request) => request.text()))).toEqual([
      'the same again',
      'the same again',
    ])
    expect(origin.bridgeCalls).toBe(2)
  })

  it('tries only once more', async () => {
    origin.answerApi = () => new Response(null, { status: 401 })
    const response = await tab.drawbridge.fetch('https://login.example/api/me')
    expect(response.status).toBe(401)
    expect(origin.apiRequests).toHaveLength(2)
    expect(origin.bridgeCalls).toBe(2)
  })

  it('leaves in place the newer token that another tab has got meanwhile', async () => {
    const other = origin.openTab()
    const old = await tab.drawbridge.getToken()
    let newer: string | undefined
    origin.answerApi = async ({ headers }) => {
      if (headers.get('authorization') !== `Bearer ${old}`) return new Response('ok')
      origin.items.clear()
      newer = await other.drawbridge.getToken()
      return new Response(null, { status: 401 })
    }
    const response = await tab.drawbridge.fetch('https://login.example/api/me')
    expect(response.status).toBe(200)
    expect(origin.storedToken).toBe(newer)
    expect(origin.bridgeCalls).toBe(2)
  })

  it('signs out when the token is refused because the session has ended', async () => {
    await tab.drawbridge.getToken()
    origin.session = undefined
    origin.answerApi = () => new Response(null, { status: 401 })
    const response = await tab.drawbridge.fetch('https://login.example/api/me')
    expect(response.status).toBe(401)
    expect(origin.apiRequests).toHaveLength(1)
    expect(origin.storedToken).toBeUndefined()
    expect(tab.events).toEqual(['drawbridge:signed-out'])
  })

  it('asks the bridge once for many requests that are refused at the same time', async () => {
    const old = await tab.drawbridge.getToken()
    origin.answerApi = ({ headers }) =>
      new Response(null, { status: headers.get('authorization') === `Bearer ${old}` ? 401 : 200 })
    const responses = await Promise.all(
      Array.from({ length: 10 }, () => tab.drawbridge.fetch('https://login.example/api/me')),
    )
    expect(responses.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect(origin.bridgeCalls).toBe(2)
  })
})
