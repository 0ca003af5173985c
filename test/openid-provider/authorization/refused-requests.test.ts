import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { OAuthRegistration } from '../../../src/core/applications/registration.ts'
import { applicationRegistry, registerApplication } from '../../world/applications.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { snapshot } from '../../world/snapshot.ts'
import { createWorld } from '../../world/sign-in.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import {
  answerOf,
  ask,
  authorizeUrl,
  CALLBACK,
  errorCodeOf,
  heard,
  SHOP,
  signedInBrowser,
  takeCode,
} from './asking.ts'
import type { Asked } from './asking.ts'

const ISSUER = 'https://login.example'

const implicit: OAuthRegistration = {
  grantTypes: ['implicit', 'authorization_code', 'refresh_token'],
  responseTypes: ['code', 'token', 'id_token', 'id_token token'],
}

/** A world in which somebody is signed in, and how an application's request comes out for them. */
async function asking(oauth: OAuthRegistration = {}) {
  const world = await createWorld()
  const app = await registerApplication({ isFirstParty: true, oauth })
  const browser = await signedInBrowser(world)
  return {
    app,
    send: (url: URL) => ask(browser, url),
    sendAsked: (asked: Asked) => ask(browser, authorizeUrl(app, asked)),
  }
}

/** THREATS, REJ-PAGE. */
async function expectPage(response: Response, code: string, status = 400): Promise<void> {
  expect(response.status).toBe(status)
  expect(response.headers.get('location')).toBeNull()
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.get('x-frame-options')).toBe('DENY')
  expect(await errorCodeOf(response)).toBe(code)
}

/** THREATS, REJ-RDR. */
function expectRedirect(response: Response, error: string, state: string | null = 'state-1'): void {
  expect(response.status, error).toBe(303)
  expect(response.headers.get('location'), error).toMatch(/^https:\/\/shop\.example\/callback[?#]/)
  const answer = answerOf(response)
  expect(answer.get('error')).toBe(error)
  expect(answer.get('state')).toBe(state)
  expect(answer.get('iss')).toBe(ISSUER)
  for (const name of ['code', 'access_token', 'id_token']) expect(answer.has(name)).toBe(false)
  expect(answer.get('error_description')).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
}

describe('before the application and its redirect URI are known to be right, there is only a page', () => {
  it('for a client_id that is unknown, empty, missing, repeated or disabled', async () => {
    const { app, send, sendAsked } = await asking()
    const before = await snapshot()
    for (const client_id of [
      'unknown',
      '',
      undefined,
      app.id.toUpperCase(),
      `${app.id} `,
      '\u0000',
    ])
      await expectPage(await sendAsked({ client_id }), 'unknown_application')
    const twice = authorizeUrl(app)
    twice.searchParams.append('client_id', app.id)
    await expectPage(await send(twice), 'duplicate_parameter')
    expect(await snapshot()).toEqual(before)
    await applicationRegistry().setStatus(app.id, 'disabled', systemClock())
    await expectPage(await sendAsked({}), 'unknown_application')
  })

  it.each([
    'https://evil.example/callback',
    'https://a.shop.example/callback',
    'https://shop.example/callback/more',
    'https://shop.example/Callback',
    'https://shop.example/callback?x=1',
    'https://shop.example/callback#x',
    'https://shop.example/x/../callback',
    'https://shop.example/callback;x',
    'https://user@shop.example/callback',
    'https://shop.example:8443/callback',
    'https://shop.example%2fcallback',
    'http://shop.example/callback',
    'javascript:alert(1)',
    '//shop.example/callback',
    ' https://shop.example/callback',
  ])('for the redirect URI %s', async (redirect_uri) => {
    const { sendAsked } = await asking()
    await expectPage(await sendAsked({ redirect_uri }), 'redirect_uri_not_registered')
    // Whatever else is wrong, it is not told to a stranger.
    const worse = { redirect_uri, response_type: 'nonsense', scope: '"' }
    await expectPage(await sendAsked(worse), 'redirect_uri_not_registered')
  })

  it('for a redirect URI that is missing where it is needed, or repeated', async () => {
    const { app, send, sendAsked } = await asking()
    const missing = { redirect_uri: undefined }
    await expectPage(await sendAsked(missing), 'redirect_uri_missing')
    await expectPage(await sendAsked({ ...missing, scope: 'email' }), 'redirect_uri_missing')
    const twice = authorizeUrl(app)
    twice.searchParams.append('redirect_uri', CALLBACK)
    await expectPage(await send(twice), 'duplicate_parameter')
  })

  it.each([
    ['GET', '/oauth/authorize'],
    ['POST', '/oauth/authorize'],
    ['GET', '/oauth/authorize/cancel'],
    ['POST', '/oauth/authorize/consent'],
  ] as const)('for one too many from the same place: %s %s', async (method, path) => {
    const limit = async () => ({ success: false })
    const world = await createWorld({}, { AUTHORIZE_LIMIT: { limit } })
    const url = authorizeUrl(await registerApplication())
    const body = method === 'POST' ? { body: url.searchParams } : {}
    url.pathname = path
    const answer = await world.newBrowser().request(url, { method, from: ISSUER, ...body })
    await expectPage(answer, 'rate_limited', 429)
    expect(answer.headers.get('retry-after')).toBe('60')
  })

  it('for what no parser would give back to the application as it was', async () => {
    const { app, send } = await asking()
    const url = authorizeUrl(app, { state: undefined })
    await expectPage(await send(new URL(`${url.href}&state=%FF`)), 'malformed_query')
    await expectPage(await send(new URL(`${url.href}&state=100%`)), 'malformed_query')
  })
})

describe('a default redirect URI', () => {
  it('is used by plain OAuth requests, and never by OpenID requests', async () => {
    const { app, sendAsked } = await asking({
      redirectUris: [CALLBACK, `${SHOP}/other`],
      defaultRedirectUri: `${SHOP}/other`,
    })
    const plain = await sendAsked({ redirect_uri: undefined, scope: 'profile' })
    expect(plain.headers.get('location')).toMatch(/^https:\/\/shop\.example\/other\?code=/)
    // RFC 6749 §4.1.3: what was not sent is not sent again.
    expect((await takeCode(answerOf(plain).get('code')!, app, {})).ok).toBe(true)
    await expectPage(await sendAsked({ redirect_uri: undefined }), 'redirect_uri_missing')
    const idToken = { redirect_uri: undefined, scope: 'profile', response_type: 'id_token' }
    await expectPage(await sendAsked(idToken), 'redirect_uri_missing')
  })
})

describe('everything else is told to the application', () => {
  it.each<[string, string, Asked]>([
    ['no response type', 'invalid_request', { response_type: undefined }],
    ['an unknown response type', 'unsupported_response_type', { response_type: 'cod' }],
    ['a hybrid response type', 'unsupported_response_type', { response_type: 'code id_token' }],
    ['implicit, while that is off', 'unauthorized_client', { response_type: 'token' }],
    ['an unknown response mode', 'invalid_request', { response_mode: 'web_message' }],
    ['a request object', 'request_not_supported', { request: 'e30.e30.' }],
    ['a request URI', 'request_uri_not_supported', { request_uri: 'https://shop.example/r' }],
    ['a registration', 'registration_not_supported', { registration: '{}' }],
    ['prompt=none with another', 'invalid_request', { prompt: 'none login' }],
    ['an unknown prompt', 'invalid_request', { prompt: 'create' }],
    ['a max_age that is no number', 'invalid_request', { max_age: '-1' }],
    ['a max_age without end', 'invalid_request', { max_age: '1e9' }],
    ['claims that are no JSON', 'invalid_request', { claims: '{' }],
    ['claims that are no object', 'invalid_request', { claims: '[]' }],
    [
      'an essential acr that cannot be read',
      'invalid_request',
      { claims: '{"id_token":{"acr":{"essential":true,"values":"gold"}}}' },
    ],
    ['claims without end', 'invalid_request', { claims: `{"a":"${'a'.repeat(4100)}"}` }],
    ['an unknown scope alone', 'invalid_scope', { scope: 'unknown' }],
    ['a scope of bad characters', 'invalid_scope', { scope: 'openid "email"' }],
    ['a scope with a backslash', 'invalid_scope', { scope: 'openid a\\b' }],
    ['a scope of control characters', 'invalid_scope', { scope: 'openid\tprofile' }],
    ['a scope without end', 'invalid_scope', { scope: `openid ${'a '.repeat(1100)}` }],
    ['a resource that is not theirs', 'invalid_target', { resource: 'https://api.example' }],
    ['an ID token of nobody', 'invalid_request', { id_token_hint: 'e30.e30.e30' }],
    ['a key that is no thumbprint', 'invalid_request', { dpop_jkt: 'x' }],
    ['a nonce without end', 'invalid_request', { nonce: 'n'.repeat(1025) }],
  ])('%s: %s', async (_, error, asked) => {
    const { sendAsked } = await asking()
    expectRedirect(await sendAsked(asked), error)
  })

  it('a state without end is not carried', async () => {
    const { sendAsked } = await asking()
    const state = 's'.repeat(4097)
    expectRedirect(await sendAsked({ state }), 'invalid_request', state)
  })

  it.each([
    'scope',
    'nonce',
    'code_challenge',
    'response_type',
    'prompt',
    'unknown',
    'request_uri',
  ])('a second %s', async (name) => {
    const { app, send } = await asking()
    const url = authorizeUrl(app, { [name]: 'openid' })
    url.searchParams.append(name, 'openid')
    expectRedirect(await send(url), 'invalid_request')
  })

  it('a second state, of which neither is repeated', async () => {
    const { app, send } = await asking()
    const url = authorizeUrl(app)
    url.searchParams.append('state', 'state-2')
    expectRedirect(await send(url), 'invalid_request', null)
  })

  it('a second resource, though both are theirs; one that is named twice is one', async () => {
    const [one, other] = ['https://api.shop.example', 'https://stock.shop.example']
    const { app, send } = await asking({ resources: [one!, other!] })
    const naming = async (second: string) => {
      const url = authorizeUrl(app, { resource: one })
      url.searchParams.append('resource', second)
      return send(url)
    }
    expectRedirect(await naming(other!), 'invalid_target')
    for (const same of [one!, '']) expect(heard(await naming(same)).code, same).toBeTruthy()
  })

  it('an access token by the browser, where it would have to be bound to a key', async () => {
    await prepareKeyRing(systemClock())
    const { sendAsked } = await asking(implicit)
    // None is registered like this any more.
    await env.DIRECTORY.exec(
      `UPDATE applications SET oauth = json_set(oauth, '$.dpopBoundAccessTokens', json('true'))`,
    )
    for (const response_type of ['token', 'id_token token'])
      expectRedirect(await sendAsked({ response_type }), 'unauthorized_client')
    expect(heard(await sendAsked({ response_type: 'id_token' }))).toHaveProperty('id_token')
  })

  it('and what is refused has changed nothing', async () => {
    const { sendAsked } = await asking()
    const before = await snapshot()
    expectRedirect(await sendAsked({ scope: 'unknown' }), 'invalid_scope')
    expectRedirect(await sendAsked({ response_type: 'token' }), 'unauthorized_client')
    expect(await snapshot()).toEqual(before)
  })

  it('by the fragment, where tokens would have gone', async () => {
    const { sendAsked } = await asking(implicit)
    for (const asked of [
      { response_type: 'id_token', nonce: undefined },
      { response_type: 'id_token token', nonce: '' },
      { response_type: 'token', response_mode: 'query' },
    ]) {
      const answer = await sendAsked(asked)
      expectRedirect(answer, 'invalid_request')
      expect(new URL(answer.headers.get('location')!).hash).not.toBe('')
    }
    for (const response_mode of [undefined, 'query']) {
      const answer = await sendAsked({ response_type: 'code id_token', response_mode })
      expectRedirect(answer, 'unsupported_response_type')
      expect(new URL(answer.headers.get('location')!).hash).not.toBe('')
    }
    expectRedirect(
      await sendAsked({ response_type: 'id_token', scope: 'profile' }),
      'invalid_scope',
    )
  })

  it('in the mode that was asked for', async () => {
    const { sendAsked } = await asking()
    const inFragment = await sendAsked({ scope: 'unknown', response_mode: 'fragment' })
    expect(new URL(inFragment.headers.get('location')!).hash).toContain('error=invalid_scope')
    const posted = await sendAsked({ scope: 'unknown', response_mode: 'form_post' })
    expect(posted.status).toBe(200)
    expect(await posted.text()).toContain('value="invalid_scope"')
  })
})

describe('PKCE (RFC 7636, S256 alone)', () => {
  const S256 = { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM' }

  it.each<[string, Asked]>([
    ['plain', { ...S256, code_challenge_method: 'plain' }],
    ['no method, which would be plain', S256],
    ['an unknown method', { ...S256, code_challenge_method: 's256' }],
    ['a method without a challenge', { code_challenge_method: 'S256' }],
    ['42 characters', { code_challenge: 'a'.repeat(42), code_challenge_method: 'S256' }],
    ['44 characters', { code_challenge: 'a'.repeat(44), code_challenge_method: 'S256' }],
    ['129 characters', { code_challenge: 'a'.repeat(129), code_challenge_method: 'S256' }],
    ['padding', { code_challenge: `${'a'.repeat(42)}=`, code_challenge_method: 'S256' }],
    ['no hash at all', { code_challenge: 'b'.repeat(43), code_challenge_method: 'S256' }],
  ])('refuses %s', async (_, asked) => {
    const { sendAsked } = await asking()
    expectRedirect(await sendAsked(asked), 'invalid_request')
  })

  it('is required of public applications, and of those that are registered so', async () => {
    const { sendAsked } = await asking({ tokenEndpointAuthMethod: 'none', requirePkce: true })
    expectRedirect(await sendAsked({}), 'invalid_request')
    const careful = await asking({ requirePkce: true })
    expectRedirect(await careful.sendAsked({}), 'invalid_request')
    const good = { ...S256, code_challenge_method: 'S256' }
    expect(heard(await careful.sendAsked(good)).code).toBeTruthy()
  })

  it('is enforced for whoever uses it', async () => {
    const { app, sendAsked } = await asking()
    const answer = await sendAsked({ ...S256, code_challenge_method: 'S256' })
    const taken = await takeCode(heard(answer).code!, app)
    expect(taken).toMatchObject({ ok: false, refusal: { code: 'wrong_proof' } })
  })
})

describe('what is no reason to refuse', () => {
  it('are parameters that nobody knows, and empty ones', async () => {
    const { app, sendAsked } = await asking()
    const answer = await sendAsked({ extra: 'x', prompt: '', max_age: '', request: '' })
    expect((await takeCode(heard(answer).code!, app)).ok).toBe(true)
  })

  it('are scope values that are unknown or not theirs: they are left out', async () => {
    const { app, sendAsked } = await asking()
    const answer = await sendAsked({ scope: '  openid unknown phone  email email ' })
    const taken = await takeCode(heard(answer).code!, app)
    expect(taken).toMatchObject({ value: { content: { scope: ['openid', 'email'] } } })
  })

  it('is a scope that is missing: it has a default, which is not an OpenID request', async () => {
    const { app, sendAsked } = await asking()
    const taken = await takeCode(heard(await sendAsked({ scope: undefined })).code!, app)
    expect(taken).toMatchObject({
      value: { content: { scope: ['profile', 'email'], isOpenId: false } },
    })
  })

  it('are display, locales, hints and acr_values of any kind', async () => {
    const { sendAsked } = await asking()
    for (const asked of [
      { display: 'page' },
      { display: 'popup' },
      { display: 'hologram' },
      { ui_locales: 'se fi' },
      { claims_locales: 'se' },
      { acr_values: '1 2' },
      { login_hint: 'a@b.example' },
      { login_hint: 'x'.repeat(1000) },
    ]) {
      expect(heard(await sendAsked(asked)).code, JSON.stringify(asked)).toBeTruthy()
    }
  })
})
