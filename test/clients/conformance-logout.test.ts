/**
 * The suite's plans `oidcc-rp-initiated-logout-certification`,
 * `oidcc-backchannel-rp-initiated-logout-certification` and
 * `oidcc-frontchannel-rp-initiated-logout-certification`.
 */
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApplicationServer } from './application-server.ts'
import type { ApplicationServer } from './application-server.ts'
import { HttpVisitor } from './http-visitor.ts'
import type { Answer } from './http-visitor.ts'
import { createSuiteClient } from './suite-client.ts'
import type { Parameters, SuiteClient } from './suite-client.ts'

const variants = [
  ['code', { responseType: 'code' }],
  ['id_token', { responseType: 'id_token' }],
] as const

let server: ApplicationServer
let bye: string
beforeAll(async () => {
  server = await startApplicationServer()
  bye = `${server.origin}/test/a/drawbridge/post_logout_redirect`
})
afterAll(() => server.stop())

const createClient = (variant: (typeof variants)[number][1], oauth = {}) =>
  createSuiteClient(server, variant, { oauth: { post_logout_redirect_uris: [bye], ...oauth } })

const sendToLogout = (suite: SuiteClient, visitor: HttpVisitor, sent: Parameters) =>
  visitor.visit(`${suite.gateway}/oauth/logout?${new URLSearchParams(sent)}`)

/** Says yes wherever the person is asked, and loads what a page has in its frames before going on from it. */
async function goAllTheWay(visitor: HttpVisitor, first: Answer): Promise<Answer> {
  let page = first
  for (let step = 0; step < 6 && page.url.origin !== server.origin; step += 1) {
    const [, wait, refresh] = /^(\d+); ?url=(.+)$/.exec(String(page.headers['refresh'] ?? '')) ?? []
    for (const [, source = ''] of page.body.matchAll(/<iframe\b[^>]*\bsrc="([^"]*)"/g)) {
      // What a browser would need to load it, before the page is gone.
      const policy = String(page.headers['content-security-policy'])
      expect(policy).toMatch(new RegExp(`frame-src [^;]*${new URL(source).origin}`))
      expect(Number(wait)).toBeGreaterThan(1)
      await fetch(source.replaceAll('&amp;', '&'))
    }
    if (refresh !== undefined) page = await visitor.visit(refresh)
    else if (page.body.includes('<form')) page = await visitor.goOn(page)
    else return page
  }
  return page
}

const isSignedIn = async (suite: SuiteClient, visitor: HttpVisitor): Promise<boolean> => {
  const { callback } = await suite.authorize(visitor, { prompt: 'none' })
  if (callback?.['error'] !== undefined) expect(callback['error']).toBe('login_required')
  return callback?.['error'] === undefined
}

const addressOf = ({ url }: Answer) => `${url.origin}${url.pathname}`

describe.each(variants)('oidcc-rp-initiated-logout-certification (%s)', (_name, variant) => {
  let suite: SuiteClient
  beforeAll(async () => {
    suite = await createClient(variant)
  })

  it('oidcc-rp-initiated-logout', async () => {
    const visitor = new HttpVisitor()
    const { idToken: id_token_hint } = await suite.signIn(visitor)
    const sent = { id_token_hint, post_logout_redirect_uri: bye, state: 'a state & more=%20+' }
    const last = await goAllTheWay(visitor, await sendToLogout(suite, visitor, sent))
    expect(addressOf(last)).toBe(bye)
    expect([...last.url.searchParams]).toEqual([['state', sent.state]])
    expect(await isSignedIn(suite, visitor)).toBe(false)
  })

  it('oidcc-rp-initiated-logout-no-state', async () => {
    const visitor = new HttpVisitor()
    const { idToken: id_token_hint } = await suite.signIn(visitor)
    const sent = { id_token_hint, post_logout_redirect_uri: bye }
    const last = await goAllTheWay(visitor, await sendToLogout(suite, visitor, sent))
    expect(last.url.href).toBe(bye)
    expect(await isSignedIn(suite, visitor)).toBe(false)
  })

  it('oidcc-rp-initiated-logout-no-post-logout-redirect-uri', async () => {
    const visitor = new HttpVisitor()
    const { idToken: id_token_hint } = await suite.signIn(visitor)
    const sent = { id_token_hint, state: 'x' }
    const last = await goAllTheWay(visitor, await sendToLogout(suite, visitor, sent))
    expect(last.url.origin).toBe(suite.gateway)
    expect(last.body).toContain('id="signed-out"')
    expect(await isSignedIn(suite, visitor)).toBe(false)
  })

  it.each(['oidcc-rp-initiated-logout-no-params', 'oidcc-rp-initiated-logout-only-state'])(
    '%s',
    async (module) => {
      const visitor = new HttpVisitor()
      await suite.signIn(visitor)
      const sent: Parameters = module.endsWith('only-state') ? { state: 'x' } : {}
      const first = await sendToLogout(suite, visitor, sent)
      expect(first.body).toContain('Sign out?')
      expect(await isSignedIn(suite, visitor)).toBe(true)
      const last = await goAllTheWay(visitor, first)
      expect(last.url.origin).toBe(suite.gateway)
      expect(last.body).toContain('id="signed-out"')
      expect(await isSignedIn(suite, visitor)).toBe(false)
    },
  )

  describe('an address that the suite has to be kept from', () => {
    const visitor = new HttpVisitor()
    let hint: string
    beforeAll(async () => {
      hint = (await suite.signIn(visitor)).idToken
    })

    it.each([
      ['oidcc-rp-initiated-logout-bad-post-logout-redirect-uri', '/random'],
      ['oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri', '?foo=bar'],
    ])('%s', async (_module, more) => {
      const sent = { id_token_hint: hint, post_logout_redirect_uri: bye + more, state: 'x' }
      const page = await sendToLogout(suite, visitor, sent)
      expect(page).toMatchObject({ status: 400 })
      expect(page.url.pathname).toBe('/oauth/logout')
      expect(page.body).toContain('post_logout_redirect_uri_not_registered')
      expect(await isSignedIn(suite, visitor)).toBe(true)
    })

    it.each([
      ['oidcc-rp-initiated-logout-no-id-token-hint', () => ({})],
      ['oidcc-rp-initiated-logout-bad-id-token-hint', () => ({ id_token_hint: 'not a token' })],
      [
        'oidcc-rp-initiated-logout-modified-id-token-hint',
        () => {
          const [header, payload, signature = ''] = hint.split('.')
          const flipped = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)
          return { id_token_hint: [header, payload, flipped].join('.') }
        },
      ],
    ] as const)('%s', async (_module, hinted) => {
      const sent = { ...hinted(), post_logout_redirect_uri: bye, state: 'x' }
      const page = await sendToLogout(suite, visitor, sent)
      // The person is asked, and stays here even if they say yes.
      expect(page.url.pathname).toBe('/oauth/logout')
      expect(page.body).toContain('Sign out?')
      expect(page.body).not.toContain(bye)
      expect(await isSignedIn(suite, visitor)).toBe(true)
    })

    it('stays unvisited when the person then says yes', async () => {
      const sent = { id_token_hint: 'not a token', post_logout_redirect_uri: bye, state: 'x' }
      const page = await sendToLogout(suite, visitor, { ...sent, client_id: suite.clientId })
      const last = await goAllTheWay(visitor, page)
      expect(last.url.origin).toBe(suite.gateway)
      expect(last.body).toContain('id="signed-out"')
      expect(await isSignedIn(suite, visitor)).toBe(false)
    })
  })
})

describe.each(variants)(
  'oidcc-backchannel-rp-initiated-logout-certification (%s)',
  (_name, variant) => {
    it('oidcc-backchannel-rp-initiated-logout', async () => {
      const path = `/backchannel-logout/${variant.responseType.replace(' ', '-')}`
      const suite = await createClient(variant, {
        backchannel_logout_uri: server.origin + path,
        backchannel_logout_session_required: true,
      })
      const visitor = new HttpVisitor()
      const { idToken, claims } = await suite.signIn(visitor)
      expect(claims['sid']).toEqual(expect.any(String))
      const sent = { id_token_hint: idToken, post_logout_redirect_uri: bye, state: 'x' }
      const last = await goAllTheWay(visitor, await sendToLogout(suite, visitor, sent))
      expect(addressOf(last)).toBe(bye)
      // By then it has been told.
      const told = server.received.filter(({ url }) => url.pathname === path)
      expect(told).toHaveLength(1)
      expect(told[0]!.method).toBe('POST')
      const form = new URLSearchParams(told[0]!.body)
      expect([...form.keys()]).toEqual(['logout_token'])
      const keys = createRemoteJWKSet(new URL(`${suite.gateway}/.well-known/jwks.json`))
      const { payload, protectedHeader } = await jwtVerify(form.get('logout_token')!, keys, {
        issuer: suite.gateway,
        audience: suite.clientId,
        algorithms: ['RS256'],
        requiredClaims: ['iat', 'exp', 'jti'],
      })
      expect(protectedHeader).toMatchObject({
        typ: 'logout+jwt',
        kid: expect.any(String) as string,
      })
      expect(payload).toMatchObject({ sub: claims.sub, sid: claims['sid'] })
      expect(payload['events']).toEqual({
        'http://schemas.openid.net/event/backchannel-logout': {},
      })
      expect(payload).not.toHaveProperty('nonce')
      expect(await isSignedIn(suite, visitor)).toBe(false)
    })
  },
)

describe.each(variants)(
  'oidcc-frontchannel-rp-initiated-logout-certification (%s)',
  (_name, variant) => {
    it('oidcc-frontchannel-rp-initiated-logout', async () => {
      const path = `/frontchannel-logout/${variant.responseType.replace(' ', '-')}`
      const suite = await createClient(variant, {
        frontchannel_logout_uri: server.origin + path,
        frontchannel_logout_session_required: true,
      })
      const visitor = new HttpVisitor()
      const { idToken, claims } = await suite.signIn(visitor)
      const sent = { id_token_hint: idToken, post_logout_redirect_uri: bye, state: 'x' }
      const last = await goAllTheWay(visitor, await sendToLogout(suite, visitor, sent))
      expect(addressOf(last)).toBe(bye)
      expect(last.url.searchParams.get('state')).toBe('x')
      const order = server.received.map(({ url }) => url.pathname)
      expect(order.indexOf(path)).toBeGreaterThan(-1)
      expect(order.indexOf(path)).toBeLessThan(order.lastIndexOf(new URL(bye).pathname))
      const told = server.received.filter(({ url }) => url.pathname === path)
      expect(told.map(({ url }) => Object.fromEntries(url.searchParams))).toEqual([
        { iss: suite.gateway, sid: claims['sid'] },
      ])
      expect(await isSignedIn(suite, visitor)).toBe(false)
    })
  },
)
