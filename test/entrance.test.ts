import { Hono } from 'hono'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Audit } from '../src/core/audit/audit.ts'
import type { AuditEvent } from '../src/core/audit/audit-event.ts'
import { answerThrown, answerUnrouted, identify, keepLimits } from '../src/entrance.tsx'
import type { RequestFacts, RequestVariables } from '../src/platform/request-facts.ts'
import { configFor } from './world/config.ts'

const ISSUER = 'https://login.example'

/** An entrance with a few routes behind it, and what these and the audit trail saw. */
function openEntrance(issuer = ISSUER) {
  const seen: { facts?: RequestFacts; handled: string[]; audited: AuditEvent[] } = {
    handled: [],
    audited: [],
  }
  const audit: Audit = { record: async (_facts, event) => void seen.audited.push(event) }
  const config = configFor({ issuer, isHttps: issuer.startsWith('https:') })
  const app = new Hono<{ Variables: RequestVariables }>()
  app.use(identify)
  app.use(keepLimits({ app, config, audit }))
  app.use('/auth/sso/*', async (_c, next) => next())
  app.on(['GET'], ['/health', '/auth/sso/callback/:provider', '/api/me'], (c) => {
    seen.facts = c.get('facts')
    seen.handled.push(c.req.path)
    c.header('Strict-Transport-Security', 'max-age=31536000')
    return c.text('done')
  })
  app.post('/auth/sso/callback/:provider', (c) => {
    seen.handled.push(c.req.path)
    return c.body(null, 204)
  })
  app.all('/auth/sso/token', (c) => {
    seen.handled.push(`${c.req.method} ${c.req.path}`)
    return c.body(null, 204)
  })
  app.get('/error', () => {
    throw new TypeError('cannot read the code SplxlOBeZQQYbYS6WxSbIA\nat somewhere.ts:1')
  })
  app.get('/no-error', () => {
    // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error
    throw 'a text'
  })
  app.get('/socket', () => {
    const { 0: client, 1: server } = new WebSocketPair()
    server.accept()
    return new Response(null, { status: 101, webSocket: client })
  })
  app.notFound(answerUnrouted(app))
  app.onError(answerThrown)
  const fetch = async (path: string, init: RequestInit = {}) =>
    app.fetch(new Request(path.startsWith('http') ? path : issuer + path, init))
  return { fetch, seen }
}

let lines: Record<string, unknown>[]

beforeEach(() => {
  lines = []
  for (const level of ['info', 'warn', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation((line: string) => {
      lines.push(JSON.parse(line) as Record<string, unknown>)
    })
  }
})

const PAGE = { headers: { accept: 'text/html,application/xhtml+xml' } }

describe('every answer', () => {
  it.each([
    ['GET', '/health', 200],
    ['HEAD', '/health', 200],
    ['OPTIONS', '/health', 204],
    ['POST', '/health', 405],
    ['GET', '/nowhere', 404],
    ['HEAD', '/nowhere', 404],
    ['GET', '/error', 500],
    ['GET', '/no-error', 500],
    ['GET', '/socket', 101],
    ['GET', '/a…', 414],
    ['GET', 'http://login.example/health', 301],
    ['POST', 'http://login.example/health', 400],
  ])('to %s %s is %i and has a request id of its own', async (method, shortened, status) => {
    const { fetch } = openEntrance()
    const path = shortened.replace('…', 'a'.repeat(8191))
    const [first, second] = [await fetch(path, { method }), await fetch(path, { method })]
    expect(first.status).toBe(status)
    const ids = [first, second].map(({ headers }) => headers.get('x-request-id'))
    expect(ids[0]).toMatch(/^[0-9a-f]{32}$/)
    expect(ids[1]).toMatch(/^[0-9a-f]{32}$/)
    expect(ids[0]).not.toBe(ids[1])
  })

  it('leaves one line in the log, with the route and never the path or the query', async () => {
    const { fetch } = openEntrance()
    const answer = await fetch('/auth/sso/callback/otrotl?code=marked-code&state=marked-state')
    expect(lines).toEqual([
      {
        level: 'info',
        event: 'request.completed',
        request_id: answer.headers.get('x-request-id'),
        method: 'GET',
        route: '/auth/sso/callback/:provider',
        status: 200,
        duration_ms: expect.any(Number) as number,
      },
    ])
    await fetch('/marked-path?marked-query')
    expect(JSON.stringify(lines)).not.toContain('marked')
    expect(lines).toHaveLength(2)
  })

  it('keeps a web socket open', async () => {
    const { fetch } = openEntrance()
    expect((await fetch('/socket')).webSocket).not.toBeNull()
  })
})

describe('the facts of a request', () => {
  it('take the client from CF-Connecting-IP and from nothing else', async () => {
    const { fetch, seen } = openEntrance()
    const spoofed = { 'x-forwarded-for': '203.0.113.9', 'x-request-id': 'mine' }
    await fetch('/health', { headers: { ...spoofed, 'cf-connecting-ip': '2001:db8:1:2:3::4' } })
    expect(seen.facts).toMatchObject({ clientKey: '2001:db8:1:2::/64' })
    expect(seen.facts?.requestId).not.toBe('mine')
    await fetch('/health', { headers: spoofed })
    expect(seen.facts).toMatchObject({ clientKey: 'unknown' })
  })
})

describe('limits', () => {
  it('refuse before any route runs, with one audit event', async () => {
    const { fetch, seen } = openEntrance()
    const headers = { cookie: `a=${'x'.repeat(16_384)}` }
    const answer = await fetch('/health', { headers })
    expect(answer.status).toBe(431)
    expect(await answer.json()).toEqual({
      error: 'headers_too_large',
      request_id: answer.headers.get('x-request-id'),
    })
    expect((await fetch(`/health?${'&'.repeat(8192)}`)).status).toBe(414)
    expect(seen.handled).toEqual([])
    expect(seen.audited.map(({ event, refusal }) => [event, refusal?.code])).toEqual([
      ['request.refused', 'headers_too_large'],
      ['request.refused', 'uri_too_long'],
    ])
  })
})

describe('plain http', () => {
  it('leads to the same place on the issuer, and only there', async () => {
    const { fetch, seen } = openEntrance()
    for (const host of ['login.example', 'evil.example', 'login.example:8080']) {
      const answer = await fetch(`http://${host}//x/../health?a=1`, { redirect: 'manual' })
      expect(answer.status).toBe(301)
      expect(answer.headers.get('location')).toBe('https://login.example//health?a=1')
      expect(answer.headers.get('strict-transport-security')).toBeNull()
    }
    expect(seen.handled).toEqual([])
  })

  it('leads from the host of a site to the same thing of that site', async () => {
    const { fetch } = openEntrance()
    const path = '/socialize/library.js?v=1'
    const leadsTo = async (host: string) =>
      (await fetch(`http://${host}${path}`, { redirect: 'manual' })).headers.get('location')
    expect(await leadsTo('shop.api.login.example')).toBe(`${ISSUER}/oneall/shop${path}`)
    expect(await leadsTo('shop.api.login.example.evil.example')).toBe(ISSUER + path)
    expect(await leadsTo('api.login.example')).toBe(ISSUER + path)
  })

  it('is refused for everything that sends something', async () => {
    const { fetch, seen } = openEntrance()
    const answer = await fetch('http://login.example/auth/sso/callback/otrotl', { method: 'POST' })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: 'https_required' })
    expect(seen.handled).toEqual([])
    expect(seen.audited).toHaveLength(1)
  })

  it('serves a gateway that is itself plain http, without ever promising https', async () => {
    const { fetch } = openEntrance('http://localhost:8787')
    const answer = await fetch('/health')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('strict-transport-security')).toBeNull()
    expect((await openEntrance().fetch('/health')).headers.get('strict-transport-security')).toBe(
      'max-age=31536000',
    )
  })
})

describe('HEAD, OPTIONS and methods that a path does not have', () => {
  it('HEAD runs no handler of a place that does something', async () => {
    const { fetch, seen } = openEntrance()
    const answer = await fetch('/auth/sso/callback/otrotl?code=c', { method: 'HEAD' })
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe('GET, POST, OPTIONS')
    expect((await fetch('/%61uth/sso/callback/otrotl', { method: 'HEAD' })).status).toBe(405)
    expect(seen.handled).toEqual([])
  })

  it('HEAD is answered like GET where it is harmless', async () => {
    const { fetch } = openEntrance()
    expect((await fetch('/api/me', { method: 'HEAD' })).status).toBe(200)
    expect((await fetch('/api/me', { method: 'DELETE' })).headers.get('allow')).toBe(
      'GET, HEAD, OPTIONS',
    )
  })

  it('a route that takes all methods decides for itself', async () => {
    const { fetch, seen } = openEntrance()
    for (const method of ['HEAD', 'OPTIONS', 'PUT']) await fetch('/auth/sso/token', { method })
    expect(seen.handled).toEqual([
      'HEAD /auth/sso/token',
      'OPTIONS /auth/sso/token',
      'PUT /auth/sso/token',
    ])
  })

  it.each(['PUT', 'PATCH', 'DELETE'])('%s is answered with what there is', async (method) => {
    const { fetch, seen } = openEntrance()
    const answer = await fetch('/auth/sso/callback/otrotl', { method })
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe('GET, POST, OPTIONS')
    expect(seen.handled).toEqual([])
  })

  it('OPTIONS grants nothing to other origins', async () => {
    const { fetch, seen } = openEntrance()
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'GET' }
    const answer = await fetch('/auth/sso/callback/otrotl', { method: 'OPTIONS', headers })
    expect(answer.status).toBe(204)
    const granted = [...answer.headers.keys()].filter((name) => name.startsWith('access-control'))
    expect(granted).toEqual([])
    expect(seen.handled).toEqual([])
  })

  it('no header changes the method or the path', async () => {
    const { fetch, seen } = openEntrance()
    const headers = {
      'x-http-method-override': 'POST',
      'x-method-override': 'POST',
      'x-original-url': '/api/me',
      'x-rewrite-url': '/api/me',
      'x-forwarded-uri': '/api/me',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
    }
    expect((await fetch('/nowhere', { headers })).status).toBe(404)
    expect((await fetch('/health', { headers })).status).toBe(200)
    expect(seen.handled).toEqual(['/health'])
  })
})

describe('what is thrown', () => {
  it.each(['/error', '/no-error'])('at %s tells the client nothing but the id', async (path) => {
    const { fetch } = openEntrance()
    const answer = await fetch(path)
    const request_id = answer.headers.get('x-request-id')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.json()).toEqual({ error: 'server_error', request_id })
    expect(lines.filter(({ event }) => event === 'request.failed')).toMatchObject([{ request_id }])
  })

  it('is a page for whoever asks for pages, without stack or cause', async () => {
    const { fetch } = openEntrance()
    const answer = await fetch('/error', PAGE)
    const page = await answer.text()
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/)
    expect(page).toContain(answer.headers.get('x-request-id'))
    expect(page).toContain('server_error')
    for (const leak of ['TypeError', 'cannot read', 'SplxlO', '.ts'])
      expect(page).not.toContain(leak)
  })
})

it('a page for an unknown address repeats nothing of the request', async () => {
  const { fetch } = openEntrance()
  const answer = await fetch('/marked-path?marked-query', {
    headers: { accept: 'text/html', referer: 'https://marked.example', 'user-agent': 'marked' },
  })
  const page = await answer.text()
  expect(answer.status).toBe(404)
  expect(page).toContain('not_found')
  expect(page).not.toContain('marked')
})

it.each(['/nothing-here', '/error'])('the page for %s is kept by no cache', async (path) => {
  const answer = await openEntrance().fetch(path, PAGE)
  expect(answer.headers.get('content-type')).toMatch(/^text\/html/)
  expect(answer.headers.get('cache-control')).toBe('no-store')
})
