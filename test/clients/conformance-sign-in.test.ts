/**
 * The modules that the suite's plans `oidcc-basic-certification`, `oidcc-formpost-basic-certification` and
 * `oidcc-implicit-certification` have in common, under the suite's names, for each of their variants.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApplicationServer } from './application-server.ts'
import type { ApplicationServer } from './application-server.ts'
import { HttpVisitor } from './http-visitor.ts'
import { createSuiteClient } from './suite-client.ts'
import type { Parameters, SignedIn, SuiteClient, Variant } from './suite-client.ts'

const variants: readonly (Variant & { readonly plan: string })[] = [
  { plan: 'oidcc-basic-certification', responseType: 'code' },
  { plan: 'oidcc-formpost-basic-certification', responseType: 'code', responseMode: 'form_post' },
  { plan: 'oidcc-implicit-certification (id_token)', responseType: 'id_token' },
  { plan: 'oidcc-implicit-certification (id_token token)', responseType: 'id_token token' },
]

const CLAIMS = {
  profile: {
    name: 'Ada Lovelace',
    given_name: 'Ada',
    family_name: 'Lovelace',
    preferred_username: 'ada',
    locale: 'en-GB',
    zoneinfo: 'Europe/London',
    updated_at: expect.any(Number) as number,
  },
  email: { email: 'ada@otrotl.example', email_verified: true },
  address: { address: expect.objectContaining({ country: 'United Kingdom' }) as object },
  phone: { phone_number: '+44 20 7946 0815', phone_number_verified: true },
}

describe.each(variants)('$plan', (variant) => {
  const hasToken = variant.responseType !== 'id_token'
  let server: ApplicationServer
  let suite: SuiteClient
  /** Somebody who is signed in already, for modules that do not look at the sign-in. */
  const person = new HttpVisitor()
  beforeAll(async () => {
    server = await startApplicationServer()
    suite = await createSuiteClient(server, variant)
  })
  afterAll(() => server.stop())

  /** Where the suite looks for claims: in UserInfo, or in the ID token where nothing else is given (Core §5.4). */
  const claimsAbout = (signedIn: SignedIn) =>
    hasToken ? suite.userInfo(signedIn) : Promise.resolve(signedIn.claims)

  it('oidcc-server', async () => {
    const { asked } = await suite.signIn(person)
    expect(asked).toEqual(['sign-in'])
  })

  if (hasToken)
    it('oidcc-userinfo-get', async () => {
      await suite.userInfo(await suite.signIn(person), 'get')
    })

  if (hasToken)
    it('oidcc-userinfo-post-header', async () => {
      await suite.userInfo(await suite.signIn(person), 'post-header')
    })

  if (hasToken)
    it('oidcc-userinfo-post-body', async () => {
      await suite.userInfo(await suite.signIn(person), 'post-body')
    })

  it.each(['profile', 'email', 'address', 'phone'] as const)('oidcc-scope-%s', async (value) => {
    const told = await claimsAbout(await suite.signIn(person, { scope: `openid ${value}` }))
    expect(told).toMatchObject(CLAIMS[value])
    const others = Object.entries(CLAIMS).filter(([scope]) => scope !== value)
    for (const name of others.flatMap(([, claims]) => Object.keys(claims))) {
      expect(told).not.toHaveProperty(name)
    }
  })

  it('oidcc-scope-all', async () => {
    const scope = 'openid profile email address phone'
    const told = await claimsAbout(await suite.signIn(person, { scope }))
    expect(told).toMatchObject(Object.assign({}, ...Object.values(CLAIMS)) as object)
  })

  it('oidcc-ensure-other-scope-order-succeeds', async () => {
    const told = await claimsAbout(await suite.signIn(person, { scope: 'email openid' }))
    expect(told).toMatchObject(CLAIMS.email)
  })

  it('oidcc-prompt-login', async () => {
    const visitor = new HttpVisitor()
    const first = await suite.signIn(visitor)
    await delay(1100)
    const second = await suite.signIn(visitor, { prompt: 'login' })
    expect(second.asked).toEqual(['sign-in'])
    expect(second.claims.sub).toBe(first.claims.sub)
    expect(second.claims['auth_time']).toBeGreaterThan(first.claims['auth_time'] as number)
  })

  it('oidcc-prompt-none-not-logged-in', async () => {
    const { callback, asked, sent } = await suite.authorize(new HttpVisitor(), { prompt: 'none' })
    expect(asked).toEqual([])
    expect(callback).toEqual({
      error: 'login_required',
      state: sent['state'],
      iss: suite.gateway,
      ...(callback?.['error_description'] && { error_description: expect.any(String) as string }),
    })
  })

  it('oidcc-prompt-none-logged-in', async () => {
    const first = await suite.signIn(person)
    const second = await suite.signIn(person, { prompt: 'none' })
    expect(second.asked).toEqual([])
    expect(second.claims.sub).toBe(first.claims.sub)
    expect(second.claims['auth_time']).toBe(first.claims['auth_time'])
  })

  it('oidcc-max-age-1', async () => {
    const visitor = new HttpVisitor()
    const first = await suite.signIn(visitor)
    await delay(2100)
    const second = await suite.signIn(visitor, { max_age: '1' })
    expect(second.asked).toEqual(['sign-in'])
    expect(second.claims.sub).toBe(first.claims.sub)
    expect(second.claims['auth_time']).toBeGreaterThan(first.claims['auth_time'] as number)
  })

  it('oidcc-max-age-10000', async () => {
    const first = await suite.signIn(person)
    const second = await suite.signIn(person, { max_age: '10000', prompt: 'none' })
    expect(second.asked).toEqual([])
    expect(second.claims).toMatchObject({
      sub: first.claims.sub,
      auth_time: first.claims['auth_time'],
    })
  })

  it('oidcc-id-token-hint', async () => {
    const first = await suite.signIn(person)
    const second = await suite.signIn(person, { prompt: 'none', id_token_hint: first.idToken })
    expect(second.asked).toEqual([])
    expect(second.claims.sub).toBe(first.claims.sub)
  })

  it('oidcc-login-hint', async () => {
    const login_hint = 'buffy@test-a-drawbridge.certification.example'
    expect((await suite.signIn(new HttpVisitor(), { login_hint })).asked).toEqual(['sign-in'])
  })

  const tolerated: Readonly<Record<string, Parameters>> = {
    'oidcc-display-page': { display: 'page' },
    'oidcc-display-popup': { display: 'popup' },
    'oidcc-ui-locales': { ui_locales: 'se' },
    'oidcc-claims-locales': { claims_locales: 'se' },
    'oidcc-ensure-request-with-acr-values-succeeds': { acr_values: '1 2' },
    'oidcc-ensure-request-with-unknown-parameter-succeeds': { extra: 'foobar' },
  }
  it.each(Object.entries(tolerated))('%s', async (_module, changes) => {
    await suite.signIn(person, changes)
    // What is passed on to the identity provider is the same in every variant.
    if (variant === variants[0]) await suite.signIn(new HttpVisitor(), changes)
  })

  it('oidcc-claims-essential', async () => {
    const member = hasToken ? 'userinfo' : 'id_token'
    const claims = JSON.stringify({ [member]: { name: { essential: true } } })
    expect(await claimsAbout(await suite.signIn(person, { claims }))).toMatchObject({
      name: 'Ada Lovelace',
    })
  })

  it('oidcc-ensure-post-request-succeeds', async () => {
    const sent = suite.requestOf()
    // From a page of the suite's, so that browsers leave our cookie behind.
    const posted = await fetch(`${suite.gateway}/oauth/authorize`, {
      method: 'POST',
      body: new URLSearchParams(sent),
      headers: { origin: server.origin },
      redirect: 'manual',
    })
    const first = await person.visit(new URL(posted.headers.get('location') ?? '', suite.gateway))
    const { asked } = await suite.finish(await suite.follow(person, first, sent))
    expect(asked).toEqual([])
  })

  it('oidcc-response-type-missing', async () => {
    const { response_type: _, ...sent } = suite.requestOf()
    const page = await person.visit(suite.authorizeUrl(sent))
    // In whatever way: nothing says which it would be.
    const { search } = page.url
    const answer = page.body.includes('id="answer"')
      ? page.body
      : decodeURIComponent(search.slice(1))
    expect(answer).toMatch(/invalid_request|unsupported_response_type/)
    expect(answer).toContain(sent['state'])
  })

  it('oidcc-ensure-registered-redirect-uri', async () => {
    const redirect_uri = `${suite.redirectUri}/${'x'.repeat(10)}`
    const { page, callback } = await suite.authorize(person, { redirect_uri })
    expect(callback).toBeUndefined()
    expect(page).toMatchObject({ status: 400 })
    expect(page.url.pathname).toBe('/oauth/authorize')
    expect(page.body).toContain('redirect_uri_not_registered')
  })

  it('a redirect URI is missing', async () => {
    const { redirect_uri: _, ...sent } = suite.requestOf()
    const page = await person.visit(suite.authorizeUrl(sent))
    expect(page).toMatchObject({ status: 400 })
    expect(page.url.pathname).toBe('/oauth/authorize')
    expect(page.body).toContain('redirect_uri_missing')
  })

  /** Signed by nothing at all: the suite takes a right answer, or this error. */
  const unsigned = (claims: Parameters): string =>
    [{ alg: 'none' }, claims].map((part) => base64url(part)).join('.') + '.'
  const base64url = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

  it('oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported', async () => {
    const sent = suite.requestOf()
    const { callback } = await suite.authorize(person, { ...sent, request: unsigned(sent) })
    expect(callback).toMatchObject({ error: 'request_not_supported', state: sent['state'] })
  })

  it('oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported', async () => {
    const request_uri = `${server.origin}/test/a/drawbridge/requesturi/abc#123`
    const { callback, sent } = await suite.authorize(person, { request_uri })
    expect(callback).toMatchObject({ error: 'request_uri_not_supported', state: sent['state'] })
    expect(server.received.filter(({ url }) => url.pathname.includes('requesturi'))).toEqual([])
  })

  it('oidcc-ensure-request-object-with-redirect-uri', async () => {
    const sent = suite.requestOf()
    const redirect_uri = `${suite.redirectUri}?of=the-query`
    const { callback, page } = await suite.authorize(person, {
      ...sent,
      redirect_uri,
      request: unsigned(sent),
    })
    // Nothing inside an object that nobody has signed says where an answer may go.
    expect(callback).toBeUndefined()
    expect(page).toMatchObject({ status: 400 })
    expect(page.body).toContain('redirect_uri_not_registered')
  })

  if (variant.responseType === 'code')
    it('oidcc-ensure-request-without-nonce-succeeds-for-code-flow', async () => {
      const { nonce: _, ...sent } = suite.requestOf()
      const first = await person.visit(suite.authorizeUrl(sent))
      const { claims } = await suite.finish(await suite.follow(person, first, sent))
      expect(claims).not.toHaveProperty('nonce')
    })

  if (variant.responseType !== 'code')
    it('oidcc-ensure-request-without-nonce-fails', async () => {
      const { nonce: _, ...sent } = suite.requestOf()
      const first = await person.visit(suite.authorizeUrl(sent))
      const { callback } = await suite.follow(person, first, sent)
      expect(callback).toMatchObject({ error: 'invalid_request', state: sent['state'] })
      expect(callback).not.toHaveProperty('id_token')
    })
})
