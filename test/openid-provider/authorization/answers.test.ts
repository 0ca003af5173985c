import { env } from 'cloudflare:workers'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, it } from 'vitest'
import type { OAuthRegistration } from '../../../src/core/applications/registration.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { gatewayFor } from '../../../src/gateway.ts'
import { all, byId } from '../../pages/read-page.ts'
import { registerApplication } from '../../world/applications.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { createWorld, liveSession } from '../../world/sign-in.ts'
import {
  answerOf,
  ask,
  authorizeUrl,
  CALLBACK,
  elementsOf,
  heard,
  signedInBrowser,
  takeCode,
} from './asking.ts'
import type { Asked } from './asking.ts'

const ISSUER = 'https://login.example'

const implicit: OAuthRegistration = {
  grantTypes: ['implicit', 'authorization_code', 'refresh_token'],
  responseTypes: ['code', 'token', 'id_token', 'id_token token'],
}

async function asking(oauth: OAuthRegistration = {}) {
  await prepareKeyRing(systemClock())
  const world = await createWorld()
  const app = await registerApplication({ isFirstParty: true, oauth })
  const browser = await signedInBrowser(world)
  const send = (asked: Asked) => ask(browser, authorizeUrl(app, asked))
  return { world, app, browser, send }
}

const fragmentOf = (answer: Response): URLSearchParams => {
  const url = new URL(answer.headers.get('location')!)
  expect(url.search).toBe('')
  return new URLSearchParams(url.hash.slice(1))
}

describe('implicit answers (OpenID Connect Core 1.0 §3.2)', () => {
  it('id_token: an ID token in the fragment, and nothing else', async () => {
    const { app, browser, send } = await asking(implicit)
    const answer = fragmentOf(await send({ response_type: 'id_token', scope: 'openid email' }))
    expect([...answer.keys()].toSorted()).toEqual(['id_token', 'iss', 'state'])
    const idToken = answer.get('id_token')!
    expect(decodeProtectedHeader(idToken)).toMatchObject({ alg: 'RS256', typ: 'JWT' })
    const session = await liveSession(browser.session())
    expect(decodeJwt(idToken)).toMatchObject({
      iss: ISSUER,
      aud: app.id,
      sub: session!.userId,
      nonce: 'nonce-1',
      auth_time: session!.authentication.authTime,
      email: 'alice@example.org',
    })
    expect(decodeJwt(idToken)).not.toHaveProperty('name')
    expect(decodeJwt(idToken)).not.toHaveProperty('at_hash')
  })

  it('id_token token: both, tied together, and the token works at UserInfo', async () => {
    const { world, send } = await asking(implicit)
    const answer = fragmentOf(
      await send({ response_type: 'token id_token', scope: 'openid profile' }),
    )
    expect(Object.fromEntries(answer)).toMatchObject({
      token_type: 'Bearer',
      expires_in: '300',
      scope: 'openid profile',
      state: 'state-1',
    })
    expect(decodeJwt(answer.get('id_token')!).at_hash).toMatch(/^[\w-]{22}$/)
    const told = await world.fetch(
      new Request(`${ISSUER}/oauth/userinfo`, {
        headers: { authorization: `Bearer ${answer.get('access_token')}` },
      }),
    )
    expect(await told.json()).toMatchObject({ name: 'Alice Archer' })
  })

  it('token: plain OAuth, without a nonce', async () => {
    const { send } = await asking(implicit)
    const asked = { response_type: 'token', scope: 'profile', nonce: undefined }
    const answer = fragmentOf(await send(asked))
    expect(answer.has('access_token')).toBe(true)
    expect(answer.has('id_token')).toBe(false)
    expect(answer.has('refresh_token')).toBe(false)
  })

  it('is noted, so that the application hears when the session ends', async () => {
    const { app, browser, send } = await asking(implicit)
    await send({ response_type: 'id_token' })
    const { userId, sid } = (await liveSession(browser.session()))!
    const { consents } = gatewayFor(env).core!
    expect(await consents.connections(userId, systemClock())).toMatchObject({
      value: [{ applicationId: app.id, sids: [sid] }],
    })
  })

  it('never carries offline_access', async () => {
    const { send } = await asking(implicit)
    const asked = { response_type: 'token', scope: 'openid offline_access', prompt: '' }
    expect(fragmentOf(await send(asked)).get('scope')).toBe('openid')
  })
})

describe('response_mode=form_post', () => {
  it('is a page that posts itself, with a button where no scripts run', async () => {
    const { app, send } = await asking()
    const answer = await send({ response_mode: 'form_post', state: '"><script>alert(1)</script>' })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const policy = answer.headers.get('content-security-policy')!
    expect(policy).toContain("form-action 'self' https:;")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(answer.headers.get('x-frame-options')).toBe('DENY')
    const elements = await elementsOf(answer)
    const form = byId(elements, 'answer')!.attributes
    expect([form.get('method'), form.get('action')]).toEqual(['post', CALLBACK])
    expect(byId(elements, 'go-on')!.attributes.get('type')).toBe('submit')
    const [script, ...others] = all(elements, 'script')
    expect(others).toEqual([])
    expect(policy).toContain(`'nonce-${script!.attributes.get('nonce')}'`)
    const fields = new Map(
      all(elements, 'input').map(({ attributes: a }) => [a.get('name')!, a.get('value')!]),
    )
    expect([...fields.keys()].toSorted()).toEqual(['code', 'iss', 'state'])
    expect(fields.get('iss')).toBe(ISSUER)
    expect((await takeCode(fields.get('code')!, app)).ok).toBe(true)
  })

  it('carries tokens as well', async () => {
    const { send } = await asking(implicit)
    const answer = await send({ response_type: 'id_token token', response_mode: 'form_post' })
    const names = all(await elementsOf(answer), 'input').map(({ attributes }) =>
      attributes.get('name'),
    )
    expect(names).toEqual(expect.arrayContaining(['access_token', 'id_token', 'state', 'iss']))
  })
})

describe('native applications', () => {
  const native: OAuthRegistration = {
    applicationType: 'native',
    redirectUris: ['com.example.app:/cb', 'http://127.0.0.1/cb', 'http://[::1]/cb'],
    tokenEndpointAuthMethod: 'none',
    requirePkce: true,
  }
  const pkce = {
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  }

  it.each(['com.example.app:/cb', 'http://127.0.0.1:49152/cb', 'http://[::1]:1/cb'])(
    'are answered at %s',
    async (redirect_uri) => {
      const { send } = await asking(native)
      const answer = await send({ ...pkce, redirect_uri })
      const location = answer.headers.get('location') ?? ''
      expect(location.split('?')[0]).toBe(redirect_uri)
      expect(location).toContain('?code=')
      const posted = await send({ ...pkce, redirect_uri, response_mode: 'form_post' })
      expect(posted.headers.get('content-security-policy')).toMatch(
        /form-action 'self' (com\.example\.app:|http:);/,
      )
    },
  )
})

describe('a code', () => {
  it('is bound to everything that the request was', async () => {
    const { app, send } = await asking({ resources: ['https://api.shop.example'] })
    const jkt = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'
    const answer = await send({
      resource: 'https://api.shop.example',
      dpop_jkt: jkt,
      claims: '{"userinfo":{"name":null,"nonsense":null},"id_token":{"email":{"essential":true}}}',
      scope: 'openid profile email',
    })
    const code = heard(answer).code!
    expect(await takeCode(code, app)).toMatchObject({ ok: false })
    const again = await send({ dpop_jkt: jkt, resource: 'https://api.shop.example' })
    expect(await takeCode(heard(again).code!, app, { redirectUri: CALLBACK, jkt })).toMatchObject({
      ok: true,
      value: { content: { resource: 'https://api.shop.example' }, binding: { jkt } },
    })
  })

  it('keeps the claims that were asked for, and no others', async () => {
    const { app, send } = await asking()
    const claims =
      '{"userinfo":{"name":null,"phone_number":null,"x":null},"id_token":{"email":null}}'
    const taken = await takeCode(heard(await send({ claims })).code!, app)
    expect(taken).toMatchObject({
      value: { content: { claims: { userinfo: ['name'], idToken: ['email'] } } },
    })
  })

  it('dies with the session (L04)', async () => {
    const { app, browser, send } = await asking()
    const { code } = heard(await send({}))
    const { userId, sid } = (await liveSession(browser.session()))!
    const { ends } = gatewayFor(env).core!
    const facts = {
      requestId: '0'.repeat(32),
      clientKey: 'x',
      waitUntil: () => undefined,
      continent: undefined,
    }
    await ends.endSession(facts, { userId, sid, cause: 'person', now: systemClock() })
    expect((await takeCode(code!, app)).ok).toBe(false)
    expect(answerOf(await send({ prompt: 'none' })).get('error')).toBe('login_required')
  })

  it('carries offline_access for the company’s own applications', async () => {
    const { app, send } = await asking()
    const taken = await takeCode(heard(await send({ scope: 'openid offline_access' })).code!, app)
    expect(taken).toMatchObject({ value: { content: { scope: ['openid', 'offline_access'] } } })
  })
})
