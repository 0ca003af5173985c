import jwt from 'jsonwebtoken'
import type { JwtPayload } from 'jsonwebtoken'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { people } from '../../dev/otrotl/people.ts'
import { HttpVisitor } from './http-visitor.ts'

const { gateway, adminKey } = inject('clientsWorld')
const SITE = 'http://localhost:1'
const [ada] = people

interface Widget {
  readonly client_id: string
  readonly secret: string
}

const asOperator = (method: string, path: string, body?: unknown) =>
  fetch(`${gateway}/admin/api${path}`, {
    method,
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })

describe('jsonwebtoken', () => {
  const visitor = new HttpVisitor()
  let id: string
  let widget: Widget
  beforeAll(async () => {
    const registered = await asOperator('POST', '/applications', {
      name: 'Comments',
      widget: {
        audience: 'http://annoto.net',
        token_lifetime_seconds: 300,
        allowed_origins: [SITE],
        roles: { admin: 'super-mod' },
      },
    })
    const body = (await registered.json()) as { client_id: string; widget: Widget }
    id = body.client_id
    widget = body.widget
    await visitor.signIn(gateway)
  })

  const askToken = async (cookie: string) => {
    const headers = { origin: SITE, cookie }
    const asked = await fetch(`${gateway}/widgets/${id}/token`, { headers })
    expect(asked.status).toBe(200)
    return (await asked.json()) as { success: boolean; token: string; expires_in: number }
  }

  const present = async (token: string) => {
    const asked = await fetch(`${gateway}/widgets/${id}/auth`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
    })
    return { status: asked.status, ...((await asked.json()) as { user?: object; error?: string }) }
  }

  const claims = { iss: '', jti: '7', name: 'Ada', email: 'ada@moodle.example', photoUrl: '' }
  const sign = (changes: object, options: jwt.SignOptions = {}, secret = widget.secret) =>
    jwt.sign({ ...claims, iss: widget.client_id, ...changes }, secret, {
      algorithm: 'HS256',
      expiresIn: 300,
      ...options,
    })

  it('verifies the tokens of the gateway', async () => {
    const { token, expires_in } = await askToken(visitor.cookieHeader('localhost'))
    const verified = jwt.verify(token, widget.secret, {
      algorithms: ['HS256'],
      issuer: widget.client_id,
      audience: 'http://annoto.net',
      complete: true,
    })
    expect(verified.header).toEqual({ alg: 'HS256', typ: 'JWT' })
    const payload = verified.payload as JwtPayload & { name: string }
    expect(payload).toMatchObject({ name: ada!.name, scope: 'user' })
    expect(payload.jti).toMatch(/^[0-9a-f]{32}$/)
    expect(Object.keys(payload).toSorted()).toEqual([
      'aud',
      'email',
      'exp',
      'iss',
      'jti',
      'name',
      'scope',
    ])
    expect(expires_in).toBeLessThanOrEqual(300)
    expect(() => jwt.verify(token, `${widget.secret}x`)).toThrow('invalid signature')
  })

  it('finds there what operators say that the person is', async () => {
    const before = jwt.decode(
      (await askToken(visitor.cookieHeader('localhost'))).token,
    ) as JwtPayload
    await asOperator('PUT', `/users/${before.jti!}/roles`, { roles: ['admin'] })
    const after = jwt.decode((await askToken(visitor.cookieHeader('localhost'))).token)
    expect(after).toMatchObject({ jti: before.jti, scope: 'super-mod' })
    await asOperator('PUT', `/users/${before.jti!}/roles`, { roles: [] })
  })

  it('has nothing to verify where nobody is signed in', async () => {
    expect(await askToken('')).toEqual({ success: true, token: '', expires_in: 0 })
  })

  it('makes tokens that the gateway takes', async () => {
    expect(await present(sign({}))).toMatchObject({
      status: 200,
      user: { id: '7', name: 'Ada', email: 'ada@moodle.example', scope: 'user' },
    })
    expect(await present(sign({ jti: 7, scope: 'moderator' }))).toMatchObject({
      status: 200,
      user: { id: '7', scope: 'moderator' },
    })
    const bare = sign({}, { noTimestamp: true, audience: 'http://annoto.net' })
    expect((await present(bare)).status).toBe(200)
  })

  it.each([
    ['wrong_signature', () => sign({}, {}, 'another-0123456789-abcdefghijklmnopqrstuv')],
    ['wrong_algorithm', () => sign({}, { algorithm: 'HS512' })],
    [
      'wrong_algorithm',
      () => jwt.sign({ ...claims, iss: widget.client_id }, '', { algorithm: 'none' }),
    ],
    ['expired', () => sign({}, { expiresIn: -1 })],
    ['expires_too_late', () => sign({}, { expiresIn: '1h' })],
    ['not_valid_yet', () => sign({}, { notBefore: 120 })],
    ['wrong_audience', () => sign({}, { audience: 'https://elsewhere.example' })],
    ['wrong_issuer', () => sign({ iss: 'somebody-else' })],
  ])('makes others that it refuses: %s', async (error, make) => {
    expect(await present(make())).toMatchObject({ status: 401, error })
  })

  it('takes no access token for one of them, nor the gateway one of them for an access token', async () => {
    const headers = { cookie: visitor.cookieHeader('localhost') }
    const bridged = await fetch(`${gateway}/auth/sso/token`, { headers })
    const { access_token: accessToken } = (await bridged.json()) as { access_token: string }
    expect((await present(accessToken)).status).toBe(401)
    const authorization = `Bearer ${sign({ sub: claims.jti })}`
    expect((await fetch(`${gateway}/api/me`, { headers: { authorization } })).status).toBe(401)
    const own = await fetch(`${gateway}/widgets/${id}/token`, {
      headers: { authorization: `Bearer ${accessToken}` },
    })
    const { token } = (await own.json()) as { token: string }
    expect(jwt.verify(token, widget.secret, { algorithms: ['HS256'] })).toMatchObject({
      name: ada!.name,
    })
  })
})
