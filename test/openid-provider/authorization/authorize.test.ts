import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { registerApplication } from '../../world/applications.ts'
import { captureLog, decisions } from '../../world/log-lines.ts'
import { byId } from '../../pages/read-page.ts'
import { snapshot } from '../../world/snapshot.ts'
import { createWorld } from '../../world/sign-in.ts'
import {
  answerOf,
  ask,
  authorizeUrl,
  CALLBACK,
  challenge,
  click,
  elementsOf,
  errorCodeOf,
  go,
  heard,
  SHOP,
  signedInBrowser,
  takeCode,
} from './asking.ts'

const ISSUER = 'https://login.example'

describe('an application of the company sends a person', () => {
  it('who is signed in, and gets a code at once', async () => {
    const world = await createWorld()
    const app = await registerApplication({ isFirstParty: true })
    const browser = await signedInBrowser(world)
    const answer = await ask(browser, authorizeUrl(app, { state: 'a b+c&d=é{"x":"y"}' }))
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toMatch(/^https:\/\/shop\.example\/callback\?code=/)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
    const parameters = heard(answer)
    expect(Object.keys(parameters).toSorted()).toEqual(['code', 'iss', 'state'])
    expect(parameters).toMatchObject({ state: 'a b+c&d=é{"x":"y"}', iss: ISSUER })
    const taken = await takeCode(parameters.code!, app)
    expect(taken).toMatchObject({
      ok: true,
      value: {
        binding: { applicationId: app.id, redirectUri: CALLBACK },
        content: { scope: ['openid'], nonce: 'nonce-1', isOpenId: true },
        session: { profile: { name: 'Alice Archer' } },
      },
    })
  })

  it('who is not signed in: they see for whom, sign in, and the application gets its code', async () => {
    const world = await createWorld()
    const app = await registerApplication({ isFirstParty: true, name: 'Fish & <b>Chips</b>' })
    const browser = world.newBrowser()
    const page = await go(browser, authorizeUrl(app, { login_hint: 'alice@example.org' }))
    expect(page.url.pathname).toBe('/auth/login')
    expect(page.url.href).not.toMatch(/alice|nonce-1|state-1|callback/)
    const text = await page.response.clone().text()
    expect(text).toContain('Fish &amp; &lt;b&gt;Chips&lt;/b&gt;')
    const done = await click(browser, page, 'sign-in-with-otrotl')
    expect(done.url.origin + done.url.pathname).toBe(CALLBACK)
    expect(heard(done)).toMatchObject({ state: 'state-1', iss: ISSUER })
    const upstream = done.trail.find(({ host }) => host === 'otrotl.example')
    expect(upstream?.searchParams.get('login_hint')).toBe('alice@example.org')
    expect((await takeCode(answerOf(done).get('code')!, app)).ok).toBe(true)
  })

  it('who is signed in meanwhile in another tab, and goes on with that session', async () => {
    const world = await createWorld()
    const app = await registerApplication({ isFirstParty: true })
    const browser = world.newBrowser()
    const waiting = await go(browser, authorizeUrl(app))
    await signedInBrowserIn(browser, world)
    const done = await click(browser, waiting, 'sign-in-with-otrotl')
    expect(answerOf(done).get('code')).toBeTruthy()
  })

  it('who would rather not, and hears so', async () => {
    const world = await createWorld()
    const app = await registerApplication({ isFirstParty: true })
    const browser = world.newBrowser()
    const page = await go(browser, authorizeUrl(app))
    const cancelled = await click(browser, page, 'cancel')
    expect(cancelled.url.origin).toBe(SHOP)
    expect(heard(cancelled)).toMatchObject({
      error: 'access_denied',
      state: 'state-1',
      iss: ISSUER,
    })
    const again = await click(browser, page, 'cancel')
    expect(again.response.status).toBe(400)
    expect(await errorCodeOf(again.response)).toBe('request_uri_invalid')
  })

  it('who has nothing to cancel: a request that does not wait is not ended', async () => {
    const world = await createWorld()
    const app = await registerApplication({ isFirstParty: true })
    const url = authorizeUrl(app)
    url.pathname = '/oauth/authorize/cancel'
    const answer = await ask(world.newBrowser(), url)
    expect([answer.status, await errorCodeOf(answer)]).toEqual([400, 'request_uri_invalid'])
  })

  it('who says no at the provider, and can go back or try again', async () => {
    const world = await createWorld()
    const app = await registerApplication({ isFirstParty: true, name: 'Shop' })
    const browser = world.newBrowser()
    const page = await go(browser, authorizeUrl(app))
    world.otrotl.behaviour.authorizationError = 'access_denied'
    const refused = await click(browser, page, 'sign-in-with-otrotl')
    expect(await errorCodeOf(refused.response)).toBe('access_denied')
    delete world.otrotl.behaviour.authorizationError
    const elements = await elementsOf(refused)
    expect(byId(elements, 'leave')?.text).toContain('Shop')
    const retried = await click(browser.newTab(), refused, 'try-again')
    expect(answerOf(retried).get('code')).toBeTruthy()
  })

  it('and leaves one event', async () => {
    const world = await createWorld()
    const app = await registerApplication({ isFirstParty: true })
    const browser = await signedInBrowser(world)
    const log = captureLog()
    const { code } = heard(await ask(browser, authorizeUrl(app)))
    await ask(browser, authorizeUrl(app, { response_type: 'nonsense' }))
    await ask(browser, authorizeUrl({ id: 'nobody' }))
    expect(decisions(log.lines)).toMatchObject([
      { event: 'authorization.accepted', application_id: app.id, response_type: 'code' },
      { event: 'authorization.refused', reason: 'unsupported_response_type' },
      { event: 'authorization.refused', reason: 'unknown_application' },
    ])
    expect(code).toMatch(/^c_[\w-]{20}/)
    for (const secret of ['state-1', 'nonce-1', code!]) expect(log.text()).not.toContain(secret)
  })
})

describe('an authorization', () => {
  it('is on record where the person signed in for it, and only in the log where they came by', async () => {
    const world = await createWorld()
    const app = await registerApplication({ isFirstParty: true })
    const browser = world.newBrowser()
    const recorded = async () => {
      const { results } = await env.DIRECTORY.prepare(
        `SELECT event FROM audit_events WHERE event LIKE 'authorization.%' ORDER BY id`,
      ).all()
      return results.map(({ event }) => event)
    }
    const before = await recorded()
    const page = await go(browser, authorizeUrl(app))
    expect(heard(await click(browser, page, 'sign-in-with-otrotl')).code).toBeDefined()
    expect(heard(await ask(browser, authorizeUrl(app))).code).toBeDefined()
    const no = await ask(browser, authorizeUrl(app, { prompt: 'none', max_age: '0' }))
    expect(heard(no).error).toBe('login_required')
    await vi.waitFor(async () => {
      const accepted = 'authorization.accepted'
      expect(await recorded()).toEqual([...before, accepted, 'authorization.refused'])
    })
  })
})

describe('POST /oauth/authorize', () => {
  it('goes on by GET, where the cookie is', async () => {
    const world = await createWorld()
    const app = await registerApplication({ isFirstParty: true })
    const browser = await signedInBrowser(world)
    const url = authorizeUrl(app, {
      code_challenge: await challenge(),
      code_challenge_method: 'S256',
    })
    const body = url.searchParams
    const posted = await browser.request(`${ISSUER}/oauth/authorize`, {
      method: 'POST',
      body,
      from: SHOP,
    })
    expect(posted.status).toBe(303)
    const done = await go(browser, new URL(posted.headers.get('location')!, ISSUER))
    expect(heard(done)).toMatchObject({ state: 'state-1', iss: ISSUER })
    const taken = await takeCode(answerOf(done).get('code')!, app, {
      redirectUri: CALLBACK,
      codeChallenge: await challenge(),
    })
    expect(taken.ok).toBe(true)
  })

  it('refuses what would not fit into a URL, or is no form', async () => {
    const world = await createWorld()
    const browser = world.newBrowser()
    const post = (body: string, type = 'application/x-www-form-urlencoded') =>
      browser.request(`${ISSUER}/oauth/authorize`, {
        method: 'POST',
        body,
        from: SHOP,
        headers: { 'content-type': type },
      })
    const before = await snapshot()
    expect((await post(`state=${'a'.repeat(8200)}`)).status).toBe(413)
    expect((await post(`state=${'a'.repeat(70_000)}`)).status).toBe(413)
    expect((await post('state=%ZZ')).status).toBe(400)
    expect((await post('{"state":1}', 'application/json')).status).toBe(400)
    expect(await snapshot()).toEqual(before)
  })
})

async function signedInBrowserIn(
  browser: Parameters<typeof go>[0],
  world: Awaited<ReturnType<typeof createWorld>>,
) {
  await browser.navigate(`${ISSUER}/auth/sso/login/otrotl`, { from: ISSUER, as: 'alice' })
  expect(world.otrotl.grants).toHaveLength(1)
}
