import { createExecutionContext } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { gatewayFor } from '../src/gateway.ts'
import { captureLog } from './world/log-lines.ts'
import { settings } from './world/settings.ts'

const ISSUER = 'https://login.example'

/** A gateway of its own whose settings have two mistakes, and what it logs. */
function openMisconfigured() {
  const lines: string[] = []
  for (const level of ['info', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation((line: string) => void lines.push(line))
  }
  const broken = { ...env, ...settings, ISSUER: 'nowhere', HANDLE_KEY: 'marked-but-short' }
  const gateway = gatewayFor(broken as unknown as Env)
  const fetch = async (path: string, init?: RequestInit) =>
    gateway.fetch(new Request(ISSUER + path, init), broken, createExecutionContext())
  return { fetch, lines }
}

describe('/health', () => {
  it('says that the gateway serves, and nothing else', async () => {
    const answer = await exports.default.fetch(`${ISSUER}/health`)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.json()).toEqual({ status: 'ok' })
  })

  it('says when the gateway is not set up', async () => {
    const answer = await openMisconfigured().fetch('/health')
    expect(answer.status).toBe(503)
    expect(await answer.json()).toEqual({ status: 'misconfigured' })
  })
})

describe('the line that a request leaves in the log', () => {
  it.each([
    ['/health', '/health'],
    ['/auth/drawbridge.js', '/auth/drawbridge.js'],
    ['/ping.html', '/ping.html'],
    ['/api/me', '/api/me'],
    ['/nowhere', '/*'],
  ])('of %s names the route %s', async (path, route) => {
    const { lines } = captureLog()
    await exports.default.fetch(ISSUER + path)
    expect(lines).toContainEqual(expect.objectContaining({ event: 'request.completed', route }))
  })
})

describe('a gateway whose settings are wrong', () => {
  it('serves nobody, and tells the client nothing but the request id', async () => {
    const { fetch } = openMisconfigured()
    for (const path of ['/', '/auth/login', '/auth/sso/token', '/nowhere']) {
      const answer = await fetch(path)
      const request_id = answer.headers.get('x-request-id')
      expect(answer.status).toBe(500)
      expect(request_id).toMatch(/^[0-9a-f]{32}$/)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      expect(await answer.json()).toEqual({ error: 'misconfigured', request_id })
    }
    expect((await fetch('/auth/sso/backchannel-logout', { method: 'POST' })).status).toBe(500)
  })

  it('answers a browser with a page that names no setting', async () => {
    const answer = await openMisconfigured().fetch('/', { headers: { accept: 'text/html' } })
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/)
    const page = await answer.text()
    expect(page).toContain('misconfigured')
    expect(page).not.toMatch(/ISSUER|HANDLE_KEY|nowhere/)
  })

  it('names every problem in the log, once, without the value of a secret', async () => {
    const { fetch, lines } = openMisconfigured()
    await fetch('/')
    await fetch('/')
    const problems = lines
      .map((line) => JSON.parse(line) as { event: string; problem?: string })
      .filter(({ event }) => event === 'config.invalid')
      .map(({ problem }) => problem?.split(':')[0])
    expect(problems).toEqual(['ISSUER', 'HANDLE_KEY'])
    expect(lines.join('\n')).not.toContain('marked')
  })
})
