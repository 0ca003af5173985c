import { env } from 'cloudflare:workers'
import { calculateJwkThumbprint } from 'jose'
import { describe, expect, it } from 'vitest'
import type { OAuthRegistration } from '../../../src/core/applications/registration.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { registerApplication } from '../../world/applications.ts'
import type { RegisteredApplication } from '../../world/applications.ts'
import { freezeClock } from '../../world/clock.ts'
import { captureLog, decisions } from '../../world/log-lines.ts'
import { settings } from '../../world/settings.ts'
import { createProver } from '../../world/signed-by-us.ts'
import { createWorld } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'
import { snapshot } from '../../world/snapshot.ts'
import {
  ask,
  authorizeUrl,
  CALLBACK,
  challenge,
  click,
  errorCodeOf,
  go,
  heard,
  signedInBrowser,
  takeCode,
} from '../authorization/asking.ts'
import type { Asked } from '../authorization/asking.ts'

const basic = ({ id, secret }: RegisteredApplication) => `Basic ${btoa(`${id}:${secret}`)}`

/** Pushes a request, as the application does by itself. */
const pushTo = async (
  world: World,
  app: RegisteredApplication,
  asked: Asked = {},
  headers: Record<string, string> = {},
): Promise<Response> =>
  world.fetch(
    new Request(`${settings.ISSUER}/oauth/par`, {
      method: 'POST',
      body: authorizeUrl(app, asked).searchParams,
      headers: { authorization: basic(app), ...headers },
    }),
  )

async function asking(oauth: OAuthRegistration = {}, bindings: Partial<Env> = {}) {
  const world = await createWorld({}, bindings)
  const app = await registerApplication({ isFirstParty: true, oauth })
  const push = async (asked?: Asked, headers?: Record<string, string>) =>
    pushTo(world, app, asked, headers)
  const reference = async (asked?: Asked): Promise<string> => {
    const { request_uri } = await (await push(asked)).json<{ request_uri: string }>()
    return request_uri
  }
  return { world, app, push, reference }
}

const bring = (
  { id }: Pick<RegisteredApplication, 'id'>,
  request_uri: string,
  more: Asked = {},
) => {
  const url = new URL('/oauth/authorize', settings.ISSUER)
  for (const [name, value] of Object.entries({ client_id: id, request_uri, ...more }))
    if (value !== undefined) url.searchParams.set(name, value)
  return url
}

describe('a pushed authorization request (RFC 9126)', () => {
  it('gets a reference, that a browser brings within 90 seconds', async () => {
    const { world, app, push } = await asking()
    const answer = await push({ state: '{"from":"/"}' })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    const { request_uri, expires_in } = await answer.json<Record<string, string>>()
    expect(expires_in).toBe(90)
    expect(request_uri).toMatch(/^urn:ietf:params:oauth:request_uri:[\w-]{43}$/)
    const browser = await signedInBrowser(world)
    const done = heard(await ask(browser, bring(app, request_uri!)))
    expect(done).toMatchObject({ state: '{"from":"/"}', iss: settings.ISSUER })
    expect((await takeCode(done.code!, app)).ok).toBe(true)
  })

  it('works through a sign-in, and nothing of it stands in a URL or cookie of ours', async () => {
    const { world, app, reference } = await asking()
    const secret = { state: 'secret-state', nonce: 'secret-nonce', login_hint: 'secret-hint' }
    const requestUri = await reference(secret)
    const browser = world.newBrowser()
    const page = await go(browser, bring(app, requestUri))
    const kept = [
      ...page.trail.map(({ href }) => href),
      ...browser.jar.list('login.example').map(({ value }) => value),
      await page.response.clone().text(),
    ]
    for (const text of kept) expect(text).not.toMatch(/secret-|shop\.example/)
    const done = await click(browser, page, 'sign-in-with-otrotl')
    expect(heard(done)).toMatchObject({ state: 'secret-state' })
    const ours = done.trail.filter(({ host }) => host === 'login.example').join(' ')
    expect(ours).not.toMatch(/secret-/)
  })

  it('is answered once, of 20 browsers at the same time', async () => {
    const { world, app, reference } = await asking()
    const requestUri = await reference()
    const browser = await signedInBrowser(world)
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => ask(browser, bring(app, requestUri))),
    )
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1)
    for (const answer of answers.filter(({ status }) => status !== 303)) {
      expect(answer.status).toBe(400)
      expect(await errorCodeOf(answer)).toBe('request_uri_invalid')
    }
  })

  it('leads each of ten tabs to the sign-in', async () => {
    const { world, app, reference } = await asking()
    const requestUri = await reference({ prompt: 'login' })
    const browser = await signedInBrowser(world)
    const tabs = await Promise.all(
      Array.from({ length: 10 }, async () => ask(browser, bring(app, requestUri))),
    )
    for (const tab of tabs) {
      expect(tab.headers.get('location')).toMatch(/^\/auth\/login\?asked=/)
    }
  })

  it('is not used up while the person’s object cannot give an answer to it', async () => {
    let isDown = false
    const moody = (stub: object) =>
      new Proxy(stub, {
        get: (_, method) => {
          if (method === 'mintGrant' && isDown) throw new Error('down')
          return Reflect.get(stub, method) as unknown
        },
      })
    const objects = {
      getByName: (name: string) => moody(env.USER_SESSIONS.getByName(name)),
    }
    const { world, app, reference } = await asking(
      {},
      { USER_SESSIONS: objects as unknown as Env['USER_SESSIONS'] },
    )
    const requestUri = await reference()
    const browser = await signedInBrowser(world)
    isDown = true
    const told = heard(await ask(browser, bring(app, requestUri)))
    expect(told).toMatchObject({ error: 'temporarily_unavailable', state: 'state-1' })
    isDown = false
    expect(heard(await ask(browser, bring(app, requestUri))).code).toBeTruthy()
  })

  it.each([
    ['sec-purpose', 'prefetch'],
    ['sec-purpose', 'prefetch;prerender'],
    ['purpose', 'preview'],
  ])('is not used up by a browser that loads it ahead (%s: %s)', async (name, purpose) => {
    const clock = freezeClock()
    const { world, app, reference } = await asking()
    const requestUri = await reference()
    const browser = await signedInBrowser(world)
    const before = await snapshot()
    const ahead = await browser.request(bring(app, requestUri), {
      from: 'https://shop.example',
      headers: { [name]: purpose },
    })
    expect([ahead.status, await errorCodeOf(ahead)]).toEqual([403, 'fetched_ahead'])
    expect(await snapshot()).toEqual(before)
    clock.advance(89)
    expect(heard(await ask(browser, bring(app, requestUri))).code).toBeTruthy()
  })

  it('is worth nothing after 90 seconds, and waits longer once a browser has brought it', async () => {
    const clock = freezeClock()
    const { world, app, reference } = await asking()
    const late = await reference()
    const early = await reference()
    clock.advance(89)
    const browser = world.newBrowser()
    const page = await go(browser, bring(app, early))
    clock.advance(1)
    const refused = await ask(browser, bring(app, late))
    expect([refused.status, await errorCodeOf(refused)]).toEqual([400, 'request_uri_invalid'])
    clock.advance(500)
    const done = await click(browser, page, 'sign-in-with-otrotl')
    expect(heard(done).code).toBeTruthy()
  })

  it('of one application is nothing in the hands of another, and stays good for its own', async () => {
    const { world, app, reference } = await asking()
    const requestUri = await reference()
    const other = await registerApplication({ isFirstParty: true })
    const browser = await signedInBrowser(world)
    const before = await snapshot()
    const refused = await ask(browser, bring(other, requestUri))
    expect(refused.status).toBe(400)
    expect(refused.headers.get('location')).toBeNull()
    const nobody = await ask(browser, bring({ id: '' }, requestUri))
    expect(nobody.headers.get('location')).toBeNull()
    expect(await snapshot()).toEqual(before)
    expect(heard(await ask(browser, bring(app, requestUri))).code).toBeTruthy()
  })

  it('is not changed by what the browser brings beside it', async () => {
    const { world, app, reference } = await asking({
      redirectUris: ['https://shop.example/callback', 'https://shop.example/other'],
    })
    const requestUri = await reference({ scope: 'openid' })
    const browser = await signedInBrowser(world)
    const more = {
      scope: 'openid email',
      redirect_uri: 'https://shop.example/other',
      state: 'other',
      response_mode: 'fragment',
    }
    const answer = await ask(browser, bring(app, requestUri, more))
    expect(answer.headers.get('location')).toMatch(/^https:\/\/shop\.example\/callback\?/)
    expect(heard(answer).state).toBe('state-1')
    const taken = await takeCode(heard(answer).code!, app)
    expect(taken).toMatchObject({ value: { content: { scope: ['openid'] } } })
  })

  it('that is silent shows the person nothing, whatever the browser brings beside it', async () => {
    const { world, app, reference } = await asking()
    const requestUri = await reference({ prompt: 'none' })
    const browser = await signedInBrowser(world)
    const answer = await ask(browser, bring(app, requestUri, { other_account: '1' }))
    expect(heard(answer).code).toBeTruthy()
  })

  it('waits without what has proven who the application is', async () => {
    const { world, app } = await asking({ tokenEndpointAuthMethod: 'client_secret_post' })
    const body = authorizeUrl(app).searchParams
    body.set('client_secret', app.secret)
    const pushed = await world.fetch(
      new Request(`${settings.ISSUER}/oauth/par`, { method: 'POST', body }),
    )
    const { request_uri } = await pushed.json<{ request_uri: string }>()
    const reference = request_uri.split(':').at(-1)!
    const kept = await world.core.keptValues.read('authorization_request', reference, systemClock())
    expect(kept).toMatchObject({ ok: true, value: { applicationId: app.id, isPushed: true } })
    expect(JSON.stringify(kept)).not.toContain(app.secret)
  })

  it('is that of whoever has proven who they are, though it does not name them', async () => {
    const { world, app, reference } = await asking()
    const requestUri = await reference({ client_id: undefined })
    const browser = await signedInBrowser(world)
    expect(heard(await ask(browser, bring(app, requestUri))).code).toBeTruthy()
  })

  it('is not brought beside another, nor by two applications', async () => {
    const { world, app, reference } = await asking()
    const requestUri = await reference()
    const browser = await signedInBrowser(world)
    for (const [name, value] of [
      ['request_uri', await reference()],
      ['client_id', 'other'],
    ] as const) {
      const twice = bring(app, requestUri)
      twice.searchParams.append(name, value)
      const answer = await ask(browser, twice)
      expect([answer.status, answer.headers.get('location')], name).toEqual([400, null])
    }
    expect(heard(await ask(browser, bring(app, requestUri))).code).toBeTruthy()
  })

  it('whose hint is longer than any token of ours is refused when a browser brings it', async () => {
    const { world, app, reference } = await asking()
    const requestUri = await reference({ id_token_hint: 'e'.repeat(9000) })
    const answer = await ask(await signedInBrowser(world), bring(app, requestUri))
    expect(heard(answer).error).toBe('invalid_request')
  })

  it('can be required of an application', async () => {
    const { world, app, reference } = await asking({ requirePushedAuthorizationRequests: true })
    const browser = await signedInBrowser(world)
    expect(heard(await ask(browser, authorizeUrl(app))).error).toBe('invalid_request')
    expect(heard(await ask(browser, bring(app, await reference()))).code).toBeTruthy()
  })

  it('of a public application needs no secret, but PKCE', async () => {
    const { world, app } = await asking({ tokenEndpointAuthMethod: 'none', requirePkce: true })
    const push = async (asked: Asked) =>
      world.fetch(
        new Request(`${settings.ISSUER}/oauth/par`, {
          method: 'POST',
          body: authorizeUrl(app, asked).searchParams,
        }),
      )
    expect((await push({})).status).toBe(400)
    const pkce = { code_challenge: await challenge(), code_challenge_method: 'S256' }
    expect((await push(pkce)).status).toBe(201)
  })

  it('leaves one event each time', async () => {
    const { push } = await asking()
    const log = captureLog()
    await push()
    await push({ scope: 'unknown' })
    await push({}, { authorization: 'Bearer x' })
    expect(decisions(log.lines)).toMatchObject([
      { event: 'authorization.pushed' },
      { event: 'authorization.pushed', reason: 'invalid_scope' },
      { event: 'client.refused', reason: 'invalid_client' },
    ])
  })
})

describe('a push with the proof of a key (RFC 9449 §10.1)', () => {
  const proven = async () => {
    const place = await asking()
    const prover = await createProver()
    const url = `${settings.ISSUER}/oauth/par`
    const prove = () => prover.prove({ method: 'POST', url, now: systemClock() })
    const jkt = await calculateJwkThumbprint(prover.jwk)
    return { ...place, prove, jkt }
  }

  it('binds the code to that key', async () => {
    const { world, app, push, prove, jkt } = await proven()
    const browser = await signedInBrowser(world)
    for (const dpop_jkt of [undefined, '', jkt]) {
      const pushed = await push({ dpop_jkt }, { dpop: await prove() })
      const { request_uri } = await pushed.json<{ request_uri: string }>()
      const { code } = heard(await ask(browser, bring(app, request_uri)))
      const taken = await takeCode(code!, app, { redirectUri: CALLBACK, jkt })
      expect(taken, dpop_jkt).toMatchObject({ value: { binding: { jkt } } })
    }
  })

  it('names no other key beside it, and none twice', async () => {
    const { world, app, push, prove, jkt } = await proven()
    const other = { dpop_jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' }
    const contradicted = await push(other, { dpop: await prove() })
    expect(await contradicted.json()).toMatchObject({ error: 'invalid_request' })
    const body = authorizeUrl(app, { dpop_jkt: jkt }).searchParams
    body.append('dpop_jkt', jkt)
    const headers = { authorization: basic(app), dpop: await prove() }
    const twice = await world.fetch(
      new Request(`${settings.ISSUER}/oauth/par`, { method: 'POST', body, headers }),
    )
    expect(await twice.json()).toMatchObject({ error: 'invalid_request' })
  })

  it('takes a proof once, and none for another place', async () => {
    const { push, prove } = await proven()
    const dpop = await prove()
    expect((await push({}, { dpop })).status).toBe(201)
    const elsewhere = await (
      await createProver()
    ).prove({ method: 'POST', url: `${settings.ISSUER}/oauth/token`, now: systemClock() })
    for (const bad of [dpop, elsewhere]) {
      const answer = await push({}, { dpop: bad })
      expect(await answer.json()).toMatchObject({ error: 'invalid_dpop_proof' })
    }
  })
})

describe('a push is refused, with nothing kept,', () => {
  it.each<[string, Asked, string]>([
    ['with a reference in it', { request_uri: 'urn:x' }, 'invalid_request'],
    ['with an empty reference in it', { request_uri: '' }, 'invalid_request'],
    ['with a request object', { request: 'e30.e30.' }, 'request_not_supported'],
    [
      'with an unregistered redirect URI',
      { redirect_uri: 'https://x.example/' },
      'invalid_request',
    ],
    ['without a redirect URI', { redirect_uri: undefined }, 'invalid_request'],
    ['with another response type', { response_type: 'token' }, 'unauthorized_client'],
    ['with a bad scope', { scope: 'unknown' }, 'invalid_scope'],
    ['for another application', { client_id: 'other' }, 'invalid_request'],
    ['with plain PKCE', { code_challenge: 'a'.repeat(43) }, 'invalid_request'],
  ])('%s', async (_, asked, error) => {
    const { push } = await asking()
    const before = await snapshot()
    const answer = await push(asked)
    expect(answer.status).toBe(400)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.json()).toMatchObject({ error })
    expect(await snapshot()).toEqual(before)
  })

  it('by whoever does not prove who they are', async () => {
    const { app, push } = await asking()
    for (const authorization of [`Basic ${btoa(`${app.id}:wrong`)}`, 'Bearer x', 'Basic x'])
      expect((await push({}, { authorization })).status).toBe(401)
  })

  it('by GET, and as anything but a form', async () => {
    const { world, push } = await asking()
    const got = await world.fetch(new Request(`${settings.ISSUER}/oauth/par`))
    expect(got.status).toBe(405)
    expect(got.headers.get('allow')).toContain('POST')
    expect((await push({}, { 'content-type': 'text/plain' })).status).toBe(400)
  })

  it('with a DPoP proof that is none', async () => {
    const { push } = await asking()
    const answer = await push({}, { dpop: 'x' })
    expect(await answer.json()).toMatchObject({ error: 'invalid_dpop_proof' })
  })
})
