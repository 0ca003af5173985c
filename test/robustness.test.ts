import { exports } from 'cloudflare:workers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { settings } from './world/settings.ts'
import { snapshot } from './world/snapshot.ts'

const ask = async (path: string, init: RequestInit = {}) =>
  exports.default.fetch(settings.ISSUER + path, { redirect: 'manual', ...init })

const PATHS = [
  '/',
  '/health',
  '/dashboard',
  '/account',
  '/account/sessions/end',
  '/account/sessions/end-all',
  '/account/sessions/end-others',
  '/api/me',
  '/auth/sessions',
  '/auth/sessions/1',
  '/auth/login',
  '/auth/sso/login',
  '/auth/sso/login/otrotl',
  '/auth/sso/callback',
  '/auth/sso/callback/otrotl',
  '/auth/sso/events',
  '/auth/sso/token',
  '/oauth/authorize',
  '/oauth/authorize/cancel',
  '/oauth/authorize/consent',
  '/oauth/device',
  '/oauth/device_authorization',
  '/oauth/introspect',
  '/oauth/logout',
  '/oauth/logout/confirm',
  '/oauth/par',
  '/oauth/revoke',
  '/oauth/token',
  '/oauth/userinfo',
  '/sso/v1/login/',
  '/sso/v1/service-request/',
  '/api/v1/sso/token-verify/',
  '/api/v1/sso/logout/',
  '/api/v1/user/login/',
  '/oneall/shop/users.json',
  '/oneall/shop/sso/sessions/x.json',
  '/widgets/shop/token',
  '/widgets/shop/auth',
  '/auth/sso/logout',
  '/auth/sso/logout/callback',
  '/auth/sso/backchannel-logout/otrotl',
  '/auth/sso/frontchannel-logout/otrotl',
  '/.well-known/jwks.json',
  '/nowhere',
]

const QUERIES = [
  '&',
  '=',
  '&&==',
  '?',
  '%',
  '%zz',
  '%ff',
  '%00',
  '%0d%0aX:1',
  '#',
  '__proto__=1',
  'a[b]=1',
]

const CONTENT_TYPES = [
  '',
  'application/json, application/x-www-form-urlencoded',
  'APPLICATION/X-WWW-FORM-URLENCODED',
  'application/x-www-form-urlencoded; charset=utf-7',
  'multipart/form-data',
  'multipart/form-data; boundary=',
  'text/plain',
]

/** Words of the inside that no answer may hold. */
const INSIDE =
  /\bat \w.*:\d+|SELECT |INSERT |D1_ERROR|SQLITE|TypeError|RangeError|\/src\/|\.ts\b|127\.0\.0\.1/

/** The answer is a considered one: not a crash, and it tells nothing of the inside. */
async function expectConsidered(answer: Response): Promise<string> {
  const text = await answer.text()
  expect([500, 501]).not.toContain(answer.status)
  expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/)
  expect(text).not.toMatch(INSIDE)
  const type = answer.headers.get('content-type')
  if (text.startsWith('{')) expect(type).toMatch(/^application\/(jwk-set\+)?json/)
  if (text.startsWith('<')) expect(type).toMatch(/^text\/html; ?charset=utf-8/i)
  return text
}

describe.each(PATHS)('%s', (path) => {
  it('considers every query', async () => {
    for (const query of QUERIES) {
      const answer = await ask(`${path}?${query}`)
      await expectConsidered(answer)
      expect(answer.headers.get('x'), query).toBeNull()
    }
  })

  it('considers a body of every type', async () => {
    for (const type of CONTENT_TYPES) {
      const headers = { 'content-type': type }
      await expectConsidered(await ask(path, { method: 'POST', headers, body: 'a=1&a=2&code=c' }))
    }
  })

  it('considers a body that is far too large, without reading all of it', async () => {
    let pieces = 0
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pieces += 1
          if (pieces > 2000) controller.close()
          else controller.enqueue(new Uint8Array(1024).fill(0x61))
        },
      },
      { highWaterMark: 0 },
    )
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    await expectConsidered(await ask(path, { method: 'POST', headers, body }))
    expect(pieces).toBeLessThan(100)
  })

  it('considers headers that lie', async () => {
    const marked = 'marked-by-the-client'
    const headers = {
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': `${marked}.example`,
      'x-forwarded-proto': 'http',
      'x-forwarded-user': marked,
      'x-forwarded-uri': '/api/me',
      'x-original-url': '/api/me',
      'x-rewrite-url': '/api/me',
      'x-auth-user': marked,
      x_forwarded_user: marked,
      x_auth_user: marked,
      'x-http-method-override': 'DELETE',
      'x-request-id': marked,
      forwarded: `for=127.0.0.1;host=${marked}.example`,
      'user-agent': `<script>${marked}</script>`,
      referer: `https://${marked}.example/`,
    }
    const [plain, lying] = [await ask(path), await ask(path, { headers })]
    expect(lying.status).toBe(plain.status)
    expect(`${JSON.stringify([...lying.headers])}${await expectConsidered(lying)}`).not.toContain(
      marked,
    )
  })
})

it('no request of a stranger, however strange, crashes or changes anything', async () => {
  const before = await snapshot()
  const name = fc.constantFrom(
    'code',
    'state',
    'iss',
    'error',
    'return_to',
    'prompt',
    'max_age',
    'client_id',
    'client_secret',
    'redirect_uri',
    'response_type',
    'grant_type',
    'scope',
    'resource',
    'claims',
    'request_uri',
    'user_code',
    'id_token_hint',
    'logout_token',
    'token',
    'x',
  )
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('none', '-1', '1e400', '//evil', 'authorization_code', 'c_', 'a.b.c', '{}'),
  )
  const query = fc
    .array(fc.tuple(name, value), { maxLength: 5 })
    .map((fields) => new URLSearchParams(fields.map(([a, b]) => [a, b.toWellFormed()])).toString())
  const request = fc.record({
    path: fc.constantFrom(...PATHS),
    query,
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'),
    cookie: fc.stringMatching(/^[!-~ ]{0,60}$/),
    authorization: fc.stringMatching(/^(Bearer|DPoP|Basic|)( [!-~]{0,40})?$/),
    accept: fc.constantFrom('*/*', 'text/html', 'application/json', ''),
  })
  await fc.assert(
    fc.asyncProperty(request, async ({ path, query: search, method, ...headers }) => {
      const asked = method === 'POST' ? path : `${path}?${search}`
      const body = method === 'POST' ? new URLSearchParams(search) : undefined
      await expectConsidered(await ask(asked, { method, headers, ...(body && { body }) }))
    }),
    { numRuns: 200 },
  )
  expect(await snapshot()).toEqual(before)
}, 30_000)
