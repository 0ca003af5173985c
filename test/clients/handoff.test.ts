/**
 * Service hand-off, over the wire: first a service written from the description of the wire alone, then a second
 * gateway as the service.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { HttpVisitor, formsOf } from './http-visitor.ts'
import type { Answer } from './http-visitor.ts'
import { secondGatewayPort, startSecondGateway } from './second-gateway.ts'
import type { SecondGateway } from './second-gateway.ts'

const { gateway, adminKey } = inject('clientsWorld')

interface RegisteredService {
  readonly client_id: string
  readonly apikey: string
}

async function registerService(handoff: Record<string, unknown>): Promise<RegisteredService> {
  const answer = await fetch(`${gateway}/admin/api/applications`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'A service', handoff }),
  })
  const body = await answer.text()
  if (answer.status !== 201) throw new Error(`not registered: ${answer.status} ${body}`)
  const made = JSON.parse(body) as { client_id: string; handoff: { apikey: string } }
  return { client_id: made.client_id, apikey: made.handoff.apikey }
}

/** The person's own page asks for a login URL, as a script of it does. */
async function loginUrl(visitor: HttpVisitor, service: string): Promise<URL> {
  const answer = await fetch(`${gateway}/sso/v1/service-request/`, {
    method: 'PUT',
    headers: {
      cookie: visitor.cookieHeader(new URL(gateway).hostname),
      origin: gateway,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ service }),
  })
  expect(answer.status).toBe(200)
  const { login_url } = (await answer.json()) as { login_url: string }
  return new URL(login_url)
}

const isSignedIn = (page: Answer) => page.url.pathname === '/dashboard' && page.status === 200

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('it did not come about')
}

describe('a service written from the wire', () => {
  const told: { path: string | undefined; body: string }[] = []
  const server = createServer(async (request, response) => {
    told.push({ path: request.url, body: await text(request) })
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  let service: RegisteredService

  const call = (path: string, body: object, headers: Record<string, string> = {}) =>
    fetch(`${gateway}/api/v1/sso/${path}/`, {
      method: 'POST',
      headers: { apikey: service.apikey, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    service = await registerService({
      login_url: `${origin}/sso/login`,
      logout_url: `${origin}/sso/logout/`,
    })
  })

  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  it('takes a person over, and hears when they leave', async () => {
    const visitor = new HttpVisitor()
    await visitor.signIn(gateway)
    const url = await loginUrl(visitor, service.client_id)
    const token = url.searchParams.get('token')!

    const verified = await call('token-verify', { token })
    expect(verified.status).toBe(200)
    const { api_sid, access } = (await verified.json()) as { api_sid: string; access: string }
    expect(api_sid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect((await call('token-verify', { token })).status).toBe(410)

    const acknowledged = await call('login-acknowledgement', { api_sid })
    expect(await acknowledged.json()).toEqual({ status: 'acknowledged', api_sid })

    const bearer = { authorization: `Bearer ${access}` }
    const again = await call('service-request', { service: service.client_id }, bearer)
    expect(Object.keys((await again.json()) as object)).toEqual([
      'login_url',
      'token',
      'expires_in',
    ])

    const account = await visitor.visit(`${gateway}/account`)
    const signOut = formsOf(account).find(
      ({ action }) => action.pathname === '/account/sessions/end',
    )!
    await visitor.visit(signOut.action, { ...signOut.fields })
    await until(() => told.length > 0)
    expect(told).toEqual([{ path: '/sso/logout/', body: JSON.stringify({ api_sid }) }])
    const late = await call('service-request', { service: service.client_id }, bearer)
    expect([late.status, ((await late.json()) as { code: string }).code]).toEqual([
      401,
      'token_not_valid',
    ])
  })

  it('ends it from its own side', async () => {
    const visitor = new HttpVisitor()
    await visitor.signIn(gateway)
    const url = await loginUrl(visitor, service.client_id)
    const verified = await call('token-verify', { token: url.searchParams.get('token')! })
    const { api_sid } = (await verified.json()) as { api_sid: string }
    await call('login-acknowledgement', { api_sid })
    for (const _ of [1, 2]) {
      const out = await call('logout', { api_sid })
      expect([out.status, await out.json()]).toEqual([200, { status: 'logged_out', api_sid }])
    }
    expect(isSignedIn(await visitor.visit(`${gateway}/dashboard`))).toBe(false)
  })
})

describe('two gateways', () => {
  let second: SecondGateway
  let service: RegisteredService

  beforeAll(async () => {
    const port = await secondGatewayPort()
    const origin = `http://127.0.0.1:${port}`
    service = await registerService({
      login_url: `${origin}/sso/v1/login/host`,
      logout_url: `${origin}/sso/v1/logout/host`,
    })
    second = await startSecondGateway(port, gateway, service.apikey)
  })

  afterAll(() => second.stop())

  /** Signed in at the first, and by a click at the second. */
  async function comeOver(): Promise<HttpVisitor> {
    const visitor = new HttpVisitor()
    await visitor.signIn(gateway)
    const landing = await visitor.visit(await loginUrl(visitor, service.client_id))
    expect(landing.body).toContain('Continue from The other gateway?')
    // Looking at it is not going on.
    expect(isSignedIn(await visitor.visit(`${second.origin}/dashboard`))).toBe(false)
    expect(isSignedIn(await visitor.goOn(landing))).toBe(true)
    return visitor
  }

  it('hand a person over, with their name', async () => {
    const visitor = await comeOver()
    const dashboard = await visitor.visit(`${second.origin}/dashboard`)
    expect(dashboard.body).toContain('Ada')
    expect(dashboard.body).toContain('The other gateway')
  })

  it('end it at the second, when it ends at the first', async () => {
    const visitor = await comeOver()
    const account = await visitor.visit(`${gateway}/account`)
    const signOut = formsOf(account).find(
      ({ action }) => action.pathname === '/account/sessions/end',
    )!
    await visitor.visit(signOut.action, { ...signOut.fields })
    await until(async () => !isSignedIn(await visitor.visit(`${second.origin}/dashboard`)))
  })

  it('end it at the first, when the person leaves the second', async () => {
    const visitor = await comeOver()
    const account = await visitor.visit(`${second.origin}/account`)
    const signOut = formsOf(account).find(
      ({ action }) => action.pathname === '/account/sessions/end',
    )!
    await visitor.visit(signOut.action, { ...signOut.fields })
    await until(async () => !isSignedIn(await visitor.visit(`${gateway}/dashboard`)))
  })
})
