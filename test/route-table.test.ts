import { env, exports } from 'cloudflare:workers'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { describe, expect, it } from 'vitest'
import { createAdminApi } from '../src/admin/api/routes.ts'
import { gatewayFor } from '../src/gateway.ts'
import { settings } from './world/settings.ts'
import { snapshot } from './world/snapshot.ts'

/**
 * Every route that the gateway serves. `ALL` takes every method: a guard that also meets preflights, or a
 * route that decides for itself. A route that is not here is a route that nobody has thought about.
 */
const ROUTES = [
  'ALL /.well-known/jwks.json',
  'ALL /account',
  'ALL /account/applications/disconnect',
  'ALL /account/services',
  'ALL /account/services/leave',
  'ALL /account/services/open',
  'ALL /account/sessions/end',
  'ALL /account/sessions/end-all',
  'ALL /account/sessions/end-others',
  'ALL /admin/api/*',
  'ALL /api/me',
  'ALL /auth/sessions',
  'ALL /auth/sessions/:sid',
  'ALL /auth/sso/events',
  'ALL /auth/sso/token',
  'ALL /oauth/device',
  'ALL /oneall/:site/*',
  'ALL /widgets/:application/auth',
  'ALL /widgets/:application/events',
  'ALL /widgets/:application/token',
  'DELETE /auth/sessions',
  'DELETE /auth/sessions/:sid',
  'GET /',
  'GET /.well-known/oauth-authorization-server',
  'GET /.well-known/openid-configuration',
  'GET /account',
  'GET /account/services',
  'GET /account/sessions/end-all',
  'GET /admin',
  'GET /api/me',
  'GET /auth/assets/:file',
  'GET /auth/drawbridge.js',
  'GET /auth/drawbridge.mjs',
  'GET /auth/login',
  'GET /auth/sessions',
  'GET /auth/sso/callback/:provider?',
  'GET /auth/sso/events',
  'GET /auth/sso/frontchannel-logout/:provider?',
  'GET /auth/sso/login/:provider?',
  'GET /auth/sso/logout',
  'GET /auth/sso/logout/callback',
  'GET /dashboard',
  'GET /health',
  'GET /oauth/authorize',
  'GET /oauth/authorize/cancel',
  'GET /oauth/device',
  'GET /oauth/logout',
  'GET /oauth/userinfo',
  'GET /ping.html',
  'GET /sso/v1/login',
  'GET /sso/v1/login/',
  'GET /sso/v1/login/:host',
  'GET /sso/v1/login/:host/',
  'GET /widgets/:file',
  'OPTIONS /.well-known/oauth-authorization-server',
  'OPTIONS /.well-known/openid-configuration',
  'OPTIONS /oauth/userinfo',
  'POST /account/applications/disconnect',
  'POST /account/services/leave',
  'POST /account/services/open',
  'POST /account/sessions/end',
  'POST /account/sessions/end-all',
  'POST /account/sessions/end-others',
  'POST /api/v1/sso/login-acknowledgement',
  'POST /api/v1/sso/login-acknowledgement/',
  'POST /api/v1/sso/logout',
  'POST /api/v1/sso/logout/',
  'POST /api/v1/sso/service-request',
  'POST /api/v1/sso/service-request/',
  'POST /api/v1/sso/token-refresh',
  'POST /api/v1/sso/token-refresh/',
  'POST /api/v1/sso/token-verify',
  'POST /api/v1/sso/token-verify/',
  'POST /api/v1/user/login',
  'POST /api/v1/user/login/',
  'POST /auth/sso/backchannel-logout/:provider?',
  'POST /auth/sso/callback/:provider?',
  'POST /auth/sso/login/:provider?',
  'POST /auth/sso/logout',
  'POST /oauth/authorize',
  'POST /oauth/authorize/consent',
  'POST /oauth/device',
  'POST /oauth/device_authorization',
  'POST /oauth/introspect',
  'POST /oauth/logout',
  'POST /oauth/logout/confirm',
  'POST /oauth/par',
  'POST /oauth/revoke',
  'POST /oauth/token',
  'POST /oauth/userinfo',
  'POST /sso/v1/login',
  'POST /sso/v1/login/',
  'POST /sso/v1/login/:host',
  'POST /sso/v1/login/:host/',
  'POST /sso/v1/logout',
  'POST /sso/v1/logout/',
  'POST /sso/v1/logout/:host',
  'POST /sso/v1/logout/:host/',
  'PUT /sso/v1/service-request',
  'PUT /sso/v1/service-request/',
]

/** The management API, which is loaded when it is first asked for; all of it is behind `ALL /admin/api/*`. */
const ADMIN_ROUTES = [
  'DELETE /applications/:id',
  'DELETE /applications/:id/handoff-keys/:key',
  'DELETE /applications/:id/secrets/:secret',
  'DELETE /users/:id',
  'DELETE /users/:id/password',
  'DELETE /users/:id/sessions',
  'DELETE /users/:id/sessions/:sid',
  'GET /applications',
  'GET /applications/:id',
  'GET /applications/:id/handoff-keys',
  'GET /applications/:id/secrets',
  'GET /applications/:id/secrets/:secret',
  'GET /applications/:id/site-keys',
  'GET /applications/:id/widget-secrets',
  'GET /audit',
  'GET /canary',
  'GET /cut-offs',
  'GET /cut-offs/:id',
  'GET /keys',
  'GET /openapi.json',
  'GET /undelivered-logouts',
  'GET /users',
  'GET /users/:id',
  'GET /users/:id/export',
  'GET /users/:id/password',
  'GET /users/:id/roles',
  'GET /users/:id/sessions',
  'PATCH /applications/:id',
  'POST /applications',
  'POST /applications/:id/disable',
  'POST /applications/:id/enable',
  'POST /applications/:id/handoff-keys',
  'POST /applications/:id/secrets',
  'POST /applications/:id/site-keys',
  'POST /applications/:id/widget-secrets',
  'POST /cut-offs',
  'POST /keys/:kid/compromise',
  'POST /keys/rotate',
  'POST /undelivered-logouts/:id/replay',
  'POST /users',
  'POST /users/:id/disable',
  'POST /users/:id/enable',
  'PUT /applications/:id',
  'PUT /users/:id/password',
  'PUT /users/:id/roles',
]

const gateway = gatewayFor(env)
const routes = gateway.routes.map(({ method, path }) => `${method} ${path}`)

const ADMIN_PATHS = ADMIN_ROUTES.map((route) => `/admin/api${route.split(' ')[1] ?? ''}`)

/**
 * Where a GET begins, takes or ends something, connects a tab, or tells of a person what is then in the audit
 * trail: a HEAD is told that only others do.
 */
const NOT_FOR_HEAD = [
  '/auth/sso/callback/:provider?',
  '/auth/sso/events',
  '/auth/sso/frontchannel-logout/:provider?',
  '/auth/sso/login/:provider?',
  '/auth/sso/logout/callback',
  '/oauth/authorize',
  '/oauth/authorize/cancel',
  '/oauth/logout',
  '/oauth/userinfo',
  '/sso/v1/login',
  '/sso/v1/login/',
  '/sso/v1/login/:host',
  '/sso/v1/login/:host/',
]

/** As a request would have it. */
const asRequested = (path: string): string =>
  path
    .replace(':provider?', 'otrotl')
    .replace(':host', 'portal')
    .replace('/widgets/:file', '/widgets/bootstrap.js')
    .replace(':file', 'drawbridge.css')
    .replace(/:(id|sid|secret|kid)/g, '0'.repeat(32))

const PATHS = [
  ...new Set([...ROUTES.map((route) => route.split(' ')[1] ?? ''), ...ADMIN_PATHS]),
].map(asRequested)

const GET_ROUTES = ROUTES.filter((route) => route.startsWith('GET ')).map((route) => route.slice(4))

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

const ask = async (method: string, path: string, headers: Record<string, string> = {}) =>
  exports.default.fetch(settings.ISSUER + path, { method, headers, redirect: 'manual' })

it('the gateway serves these routes and no others', () => {
  const served = new Set(routes.filter((route) => route !== 'ALL /*'))
  expect([...served].toSorted()).toEqual(ROUTES)
  const api = createAdminApi(gateway.core!).routes.filter(({ method }) => method !== 'ALL')
  const described = new Set(api.map(({ method, path }) => `${method} ${path}`))
  expect([...described].toSorted()).toEqual(ADMIN_ROUTES)
})

it('its routes fit into the router that finds one by a single regular expression', () => {
  const router = new RegExpRouter<string>()
  for (const { method, path } of gateway.routes) router.add(method, path, `${method} ${path}`)
  expect(router.match('POST', '/oauth/token')[0].map(([route]) => route)).toContain(
    'POST /oauth/token',
  )
})

describe.each(PATHS)('%s, by every method,', (path) => {
  it('is answered with what every answer has', async () => {
    for (const method of METHODS) {
      const { status, headers } = await ask(method, path)
      // A provider that cannot be reached is the only thing that may be wrong in this world.
      expect([500, 501], method).not.toContain(status)
      expect(headers.get('x-request-id'), method).toMatch(/^[0-9a-f]{32}$/)
      expect(headers.get('strict-transport-security'), method).toBe('max-age=31536000')
      expect(headers.get('x-content-type-options'), method).toBe('nosniff')
      expect(headers.get('referrer-policy'), method).toBe('no-referrer')
      // The one page that its provider may frame.
      const framer = headers.get('x-frame-options') === 'DENY' ? "'none'" : 'https://otrotl.example'
      if (framer !== "'none'") expect(path).toBe('/auth/sso/frontchannel-logout/otrotl')
      expect(headers.get('content-security-policy'), method).toMatch(/^default-src 'none'/)
      expect(headers.get('content-security-policy'), method).toContain(`frame-ancestors ${framer}`)
    }
  })

  it('keeps the limits before anything else', async () => {
    for (const method of METHODS) {
      expect((await ask(method, `${path}?${'a'.repeat(8192)}`)).status, method).toBe(414)
      const oversized = { cookie: `a=${'x'.repeat(16_384)}` }
      expect((await ask(method, path, oversized)).status, method).toBe(431)
    }
  })

  it('comes by https only', async () => {
    for (const method of METHODS) {
      const url = `http://login.example${path}`
      const answer = await exports.default.fetch(url, { method, redirect: 'manual' })
      expect(answer.status, method).toBe(['GET', 'HEAD'].includes(method) ? 301 : 400)
      expect(answer.headers.get('set-cookie'), method).toBeNull()
      expect(answer.headers.get('strict-transport-security'), method).toBeNull()
    }
  })

  it('changes nothing and sets no cookie, unless it is read or posted to', async () => {
    const before = await snapshot()
    for (const method of METHODS.filter((name) => name !== 'GET' && name !== 'POST')) {
      const answer = await ask(method, path)
      expect(answer.headers.get('set-cookie'), method).toBeNull()
      const overridden = { 'x-http-method-override': 'GET', 'x-method': 'GET' }
      expect((await ask(method, path, overridden)).status, method).toBe(answer.status)
    }
    expect(await snapshot()).toEqual(before)
  })

  it('says which methods it has, to one that it does not have', async () => {
    for (const method of METHODS) {
      const { status, headers } = await ask(method, path)
      if (status === 405) expect(headers.get('allow'), method).toMatch(/GET|POST|PUT|DELETE/)
      const isGuarded = path === '/api/me' || /^\/(admin\/api|oneall)\//.test(path)
      const isTaken = ROUTES.some((route) => route === `${method} ${path}`)
      if (['PUT', 'PATCH'].includes(method) && !isGuarded && !isTaken) {
        expect(status, method).toBe(405)
      }
    }
  })
})

describe('RFC 9110 §9.3.2, HEAD', () => {
  it.each([
    ...GET_ROUTES.filter((path) => !NOT_FOR_HEAD.includes(path)),
    '/widgets/nothing.js',
    '/auth/assets/nothing.js',
  ])('of %s is answered as GET is, without the body', async (route) => {
    const path = asRequested(route)
    const [read, asked] = [await ask('GET', path), await ask('HEAD', path)]
    const nonceless = ({ headers }: Response) =>
      [...headers]
        .filter(([name]) => !['x-request-id', 'content-length'].includes(name))
        .map(([name, value]) => [name, value.replaceAll(/'nonce-[^']+'/g, 'a nonce')])
    expect(asked.status).toBe(read.status)
    expect(nonceless(asked)).toEqual(nonceless(read))
    expect(await asked.text()).toBe('')
  })

  it.each(NOT_FOR_HEAD)('of %s does nothing, and is told which methods do', async (route) => {
    const { status, headers } = await ask('HEAD', asRequested(route))
    expect(status).toBe(405)
    expect(headers.get('allow')).toMatch(/^GET\b/)
  })
})

it('RFC 9110 §15.5.2: every 401 says by what somebody could be let in', async () => {
  const ours = { origin: settings.ISSUER, 'sec-fetch-site': 'same-origin' }
  const challenges = new Map<string, string | null>()
  for (const route of [
    ...ROUTES,
    ...ADMIN_ROUTES.map((name) => name.replace(' ', ' /admin/api')),
  ]) {
    const [method = '', path = ''] = route.split(' ')
    const { status, headers } = await ask(method.replace('ALL', 'GET'), asRequested(path), {
      ...ours,
      ...(path.endsWith('/events') && { upgrade: 'websocket' }),
    })
    if (status === 401) challenges.set(route, headers.get('www-authenticate'))
  }
  expect([...challenges].filter(([, challenge]) => !challenge)).toEqual([])
  expect([...challenges.keys()]).toEqual(
    expect.arrayContaining([
      'ALL /auth/sso/token',
      'DELETE /auth/sessions',
      'GET /admin/api/users',
      'GET /auth/sessions',
      'GET /auth/sso/events',
      'PUT /sso/v1/service-request',
    ]),
  )
})
