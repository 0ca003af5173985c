import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { limitQueries } from '../../../src/platform/limit-queries.ts'
import { forgetApplication } from '../../../src/core/applications/known-applications.ts'
import type { Registration } from '../../../src/core/applications/registration.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { all, byId } from '../../pages/read-page.ts'
import {
  applicationRegistry,
  registerApplication,
  shopRegistration,
} from '../../world/applications.ts'
import type { Browser } from '../../world/browser.ts'
import { captureLog, decisions } from '../../world/log-lines.ts'
import { settings } from '../../world/settings.ts'
import { snapshot } from '../../world/snapshot.ts'
import { createWorld } from '../../world/sign-in.ts'
import {
  ask,
  authorizeUrl,
  click,
  elementsOf,
  errorCodeOf,
  formOf,
  go,
  heard,
  pause,
  press,
  signedInBrowser,
  takeCode,
} from '../authorization/asking.ts'

async function asking(registration: Partial<Registration> = {}) {
  const world = await createWorld()
  const { oauth, ...rest } = registration
  const app = await registerApplication({
    isFirstParty: false,
    name: 'Shop',
    ...rest,
    ...(oauth && { oauth }),
  })
  return { world, app, browser: await signedInBrowser(world) }
}

const post = (browser: Browser, body: URLSearchParams, from = settings.ISSUER) =>
  browser.request(`${settings.ISSUER}/oauth/authorize/consent`, { method: 'POST', body, from })

describe('an application that is not the company’s own', () => {
  it('asks the person, in plain words, and gets a code when they allow it', async () => {
    const { app, browser } = await asking()
    const url = authorizeUrl(app, {
      scope: 'openid email',
      claims: '{"userinfo":{"given_name":null}}',
    })
    const page = await go(browser, url)
    expect(page.response.status).toBe(200)
    expect(page.response.headers.get('cache-control')).toBe('no-store')
    const elements = await elementsOf(page)
    const text = byId(elements, 'main')!.text
    for (const words of [
      'Shop',
      'Alice Archer',
      'Your e-mail address',
      'Your given name',
      'shop.example',
    ])
      expect(text).toContain(words)
    expect(text).not.toContain('Your name, picture')
    // Where no script runs, nothing keeps anybody from pressing.
    const buttons = all(elements, 'button').map(({ attributes }) => [...attributes.keys()])
    expect(buttons.flat().filter((name) => name.endsWith('disabled'))).toEqual([])
    const done = await press(browser, page, 'allow')
    const { code, state, iss } = heard(done)
    expect([state, iss]).toEqual(['state-1', 'https://login.example'])
    expect(await takeCode(code!, app)).toMatchObject({
      value: { content: { scope: ['openid', 'email'] } },
    })
  })

  it('says for which API it asks (RFC 8707 §2)', async () => {
    const resources = ['https://orders.example/v1', 'https://other.example']
    const { redirectUris } = shopRegistration.oauth
    const { app, browser } = await asking({ oauth: { redirectUris, resources } })
    const page = await go(browser, authorizeUrl(app, { resource: resources[0]! }))
    const text = byId(await elementsOf(page), 'main')!.text
    expect(text).toContain('To act for you at https://orders.example/v1')
    expect(text).not.toContain('other.example')
    expect(heard(await press(browser, page, 'allow')).code).toBeTruthy()
  })

  it('is not asked about again for the same, but for more', async () => {
    const resources = ['https://orders.example/v1', 'https://other.example']
    const { redirectUris } = shopRegistration.oauth
    const { app, browser } = await asking({ oauth: { redirectUris, resources } })
    const resource = resources[0]!
    const first = await go(browser, authorizeUrl(app, { scope: 'openid email', resource }))
    await press(browser, first, 'allow')
    for (const asked of [
      { scope: 'openid email' },
      { scope: 'email' },
      { prompt: 'none' },
      { scope: 'openid', resource },
    ])
      expect(heard(await ask(browser, authorizeUrl(app, asked))).code).toBeTruthy()
    for (const asked of [
      { scope: 'openid profile' },
      { scope: 'openid', claims: '{"userinfo":{"name":null}}' },
      { scope: 'openid', resource: resources[1]! },
      { scope: 'openid', prompt: 'consent' },
    ]) {
      const page = await ask(browser, authorizeUrl(app, asked))
      expect(byId(await elementsOf(page), 'allow'), JSON.stringify(asked)).toBeDefined()
    }
    const other = await registerApplication({ isFirstParty: false })
    expect((await ask(browser, authorizeUrl(other))).status).toBe(200)
  })

  it('hears access_denied when the person says no, and nothing is remembered', async () => {
    const { app, browser } = await asking()
    const log = captureLog()
    const denied = await press(browser, await go(browser, authorizeUrl(app)), 'deny')
    expect(heard(denied)).toMatchObject({ error: 'access_denied', state: 'state-1' })
    expect(decisions(log.lines)).toMatchObject([
      { event: 'authorization.refused', reason: 'access_denied' },
    ])
    expect((await ask(browser, authorizeUrl(app))).status).toBe(200)
  })

  it('is asked about after signing in, too', async () => {
    const { app, world } = await asking()
    const browser = world.newBrowser()
    const page = await click(browser, await go(browser, authorizeUrl(app)), 'sign-in-with-otrotl')
    const done = await press(browser, page, 'allow')
    expect(heard(done).code).toBeTruthy()
  })

  it('can be told about another account', async () => {
    const { app, browser } = await asking()
    const page = await go(browser, authorizeUrl(app))
    await pause()
    const choice = await click(browser, page, 'other-account')
    expect(choice.url.pathname).toBe('/auth/login')
    const asBob = await click(browser, choice, 'sign-in-with-otrotl', 'bob')
    expect(byId(await elementsOf(asBob), 'main')!.text).toContain('Bob Brewer')
    // What was shown to Alice is no answer of Bob's.
    const { body } = await formOf(page, 'allow')
    const stale = await post(browser, body)
    expect(stale.status).toBe(403)
    expect(heard(await press(browser, asBob, 'allow')).code).toBeTruthy()
  })

  it('asks each time where any program on the machine may catch the answer (RFC 8252 §8.6)', async () => {
    const { app, browser } = await asking({
      oauth: {
        applicationType: 'native',
        redirectUris: ['com.example.app:/cb'],
        tokenEndpointAuthMethod: 'none',
        requirePkce: true,
      },
    })
    const url = authorizeUrl(app, {
      redirect_uri: 'com.example.app:/cb',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    })
    const page = await go(browser, url)
    expect(page.response.headers.get('content-security-policy')).toContain(
      "form-action 'self' com.example.app:;",
    )
    const { body } = await formOf(page, 'allow')
    const answer = await post(browser, body)
    expect(answer.headers.get('location')).toMatch(/^com\.example\.app:\/cb\?code=/)
    expect((await ask(browser, url)).status).toBe(200)
    // The company's own are not asked about, wherever their answers go.
    await env.DIRECTORY.exec('UPDATE applications SET is_first_party = 1')
    forgetApplication(limitQueries(env.DIRECTORY), app.id)
    expect((await ask(browser, url)).headers.get('location')).toMatch(
      /^com\.example\.app:\/cb\?code=/,
    )
  })

  it('is remembered on a machine, too, of an application that proves who it is at each code', async () => {
    const redirect_uri = 'com.example.app:/cb'
    const { app, browser } = await asking({
      oauth: { applicationType: 'native', redirectUris: [redirect_uri] },
    })
    const url = authorizeUrl(app, { redirect_uri })
    const { body } = await formOf(await ask(browser, url), 'allow')
    expect((await post(browser, body)).status).toBe(303)
    expect((await ask(browser, url)).headers.get('location')).toContain('?code=')
  })

  it('gets offline_access only where the person has just been asked', async () => {
    const { app, browser } = await asking()
    const scope = 'openid offline_access'
    const plain = await go(browser, authorizeUrl(app, { scope }))
    expect(byId(await elementsOf(plain), 'main')!.text).not.toContain('while you are not using')
    // Alone, it leaves nothing that the person could be asked about.
    const alone = await ask(browser, authorizeUrl(app, { scope: 'offline_access' }))
    expect(heard(alone).error).toBe('invalid_scope')
    const asked = await go(browser, authorizeUrl(app, { scope, prompt: 'consent' }))
    expect(byId(await elementsOf(asked), 'main')!.text).toContain('while you are not using')
    const done = await press(browser, asked, 'allow')
    expect(await takeCode(heard(done).code!, app)).toMatchObject({
      value: { content: { scope: ['openid', 'offline_access'] } },
    })
  })
})

describe('the consent page', () => {
  it('shows a name as text, whatever it is', async () => {
    const name = '<img src=x onerror=alert(1)> & Co'
    const { app, browser } = await asking({ name })
    const text = await (await ask(browser, authorizeUrl(app))).text()
    expect(text).not.toContain('<img src=x')
    expect(text).toMatch(/<bdi>&lt;img src=x onerror=alert\(1\)&gt; &amp; Co/)
  })

  it('cannot be framed, and its form leads to us, and on by the application’s scheme alone', async () => {
    const { app, browser } = await asking()
    const { headers } = await ask(browser, authorizeUrl(app))
    expect(headers.get('x-frame-options')).toBe('DENY')
    const policy = headers.get('content-security-policy')!
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).toContain("form-action 'self' https:;")
    expect(policy).toContain("default-src 'none'")
  })
})

/** A world in which the person's object, or that of the request, fails at one question while it is set to. */
async function withMoodyObject(
  question: string,
  namespace: 'USER_SESSIONS' | 'ONE_TIME_REFERENCES' = 'USER_SESSIONS',
) {
  let isDown = false
  const moody = (stub: object) =>
    new Proxy(stub, {
      get: (_, method) => {
        if (isDown && method === question) throw new Error('down')
        return Reflect.get(stub, method) as unknown
      },
    })
  const objects = { getByName: (name: string) => moody(env[namespace].getByName(name)) }
  const world = await createWorld({}, { [namespace]: objects as unknown })
  const app = await registerApplication({ isFirstParty: false })
  const set = (value: boolean) => {
    isDown = value
  }
  return { app, browser: await signedInBrowser(world), set }
}

describe('the answer to the consent page (RFC 6749 §10.12)', () => {
  it('counts once, of 20 at the same time', async () => {
    const { app, browser } = await asking()
    const { body } = await formOf(await ask(browser, authorizeUrl(app)), 'allow')
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => post(browser, new URLSearchParams(body))),
    )
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1)
    const rest = answers.filter(({ status }) => status !== 303)
    for (const { status } of rest) expect(status).toBe(403)
    const again = await post(browser, body)
    expect(again.status).toBe(403)
    expect(await errorCodeOf(again)).toBe('consent_not_asked')
  })

  it.each<[string, (body: URLSearchParams) => void]>([
    ['no proof', (body) => body.delete('proof')],
    ['an empty proof', (body) => body.set('proof', '')],
    ['another proof', (body) => body.set('proof', 'A'.repeat(43))],
    ['a proof in other characters', (body) => body.set('proof', 'é'.repeat(43))],
    ['two proofs', (body) => body.append('proof', 'x')],
    ['no request', (body) => body.delete('request_uri')],
    [
      'an unknown request',
      (body) => body.set('request_uri', 'urn:ietf:params:oauth:request_uri:x'),
    ],
    ['a request of elsewhere', (body) => body.set('request_uri', 'https://shop.example/x')],
    ['no application', (body) => body.delete('client_id')],
    ['another application', (body) => body.set('client_id', 'other')],
    ['no decision', (body) => body.delete('decision')],
    ['another decision', (body) => body.set('decision', 'maybe')],
    ['two decisions', (body) => body.append('decision', 'deny')],
  ])('with %s changes nothing', async (_, change) => {
    const { app, browser } = await asking()
    const { body } = await formOf(await ask(browser, authorizeUrl(app)), 'allow')
    const wrong = new URLSearchParams(body)
    change(wrong)
    const before = await snapshot()
    const answer = await post(browser, wrong)
    expect(answer.status).toBe(403)
    expect(answer.headers.get('location')).toBeNull()
    expect(await errorCodeOf(answer)).toBe('consent_not_asked')
    expect(await snapshot()).toEqual(before)
    expect((await post(browser, body)).status).toBe(303)
  })

  it('from a page of somebody else changes nothing', async () => {
    const { app, browser } = await asking()
    const { body } = await formOf(await ask(browser, authorizeUrl(app)), 'allow')
    const before = await snapshot()
    expect((await post(browser, body, 'https://evil.example')).status).toBe(403)
    const bare = await browser.request(`${settings.ISSUER}/oauth/authorize/consent`, {
      method: 'POST',
      body,
      headers: { origin: 'https://evil.example' },
    })
    expect(bare.status).toBe(403)
    expect(await snapshot()).toEqual(before)
  })

  it('of one question is none of another, nor of another person', async () => {
    const { app, browser, world } = await asking()
    const one = await formOf(await ask(browser, authorizeUrl(app, { scope: 'openid' })), 'allow')
    const two = await formOf(await ask(browser, authorizeUrl(app, { scope: 'email' })), 'allow')
    const mixed = new URLSearchParams(two.body)
    mixed.set('proof', one.body.get('proof')!)
    expect((await post(browser, mixed)).status).toBe(403)
    const bob = await signedInBrowser(world, 'bob')
    expect((await post(bob, one.body)).status).toBe(403)
    expect((await post(world.newBrowser(), one.body)).status).toBe(403)
    expect((await post(browser, one.body)).status).toBe(303)
  })

  it.each<Record<string, string>>([
    { scope: 'openid email' },
    { scope: 'openid', claims: '{"userinfo":{"email":null}}' },
  ])('is none to a question that has grown since: %j', async (asked) => {
    const { app, browser } = await asking({ oauth: { scope: ['openid'] } })
    const url = authorizeUrl(app, asked)
    const { body } = await formOf(await ask(browser, url), 'allow')
    const wider = { ...shopRegistration, isFirstParty: false }
    await applicationRegistry().change({ id: app.id, version: 1 }, wider, systemClock())
    const answer = await post(browser, body)
    expect([answer.status, await errorCodeOf(answer)]).toEqual([403, 'consent_not_asked'])
    expect((await ask(browser, authorizeUrl(app))).status).toBe(200)
  })

  it('is none to a question that is about another API since', async () => {
    const resources = ['https://a.example', 'https://b.example']
    const { redirectUris } = shopRegistration.oauth
    const asksFor = (value: string) => ({
      redirectUris,
      resources,
      requestAdapter: [{ rule: 'parameter_set', name: 'resource', value } as const],
    })
    const { app, browser } = await asking({ oauth: asksFor(resources[0]!) })
    const { body } = await formOf(await ask(browser, authorizeUrl(app)), 'allow')
    const oauth = { ...shopRegistration.oauth, ...asksFor(resources[1]!) }
    const changed = { ...shopRegistration, isFirstParty: false, oauth }
    await applicationRegistry().change({ id: app.id, version: 1 }, changed, systemClock())
    const answer = await post(browser, body)
    expect([answer.status, await errorCodeOf(answer)]).toEqual([403, 'consent_not_asked'])
  })

  it.each(['peekSession', 'giveConsent', 'mintGrant'])(
    'still counts afterwards, where the person’s object does not answer to %s',
    async (question) => {
      const { app, browser, set } = await withMoodyObject(question)
      const { body } = await formOf(await ask(browser, authorizeUrl(app)), 'allow')
      set(true)
      const answer = await post(browser, body)
      if (question === 'mintGrant') expect(heard(answer).error).toBe('temporarily_unavailable')
      else expect([answer.status, await errorCodeOf(answer)]).toEqual([503, 'unavailable'])
      set(false)
      expect(heard(await post(browser, body)).code).toBeTruthy()
    },
  )

  it('is not remembered where the request that it answers cannot be taken, and still counts afterwards', async () => {
    const { app, browser, set } = await withMoodyObject('take', 'ONE_TIME_REFERENCES')
    const { body } = await formOf(await ask(browser, authorizeUrl(app)), 'allow')
    set(true)
    const answer = await post(browser, body)
    expect([answer.status, await errorCodeOf(answer)]).toEqual([503, 'unavailable'])
    const silent = await ask(browser, authorizeUrl(app, { prompt: 'none' }))
    expect(heard(silent).error).toBe('consent_required')
    set(false)
    expect(heard(await post(browser, body)).code).toBeTruthy()
  })

  it('is not asked for where nobody can say what was agreed to', async () => {
    const { app, browser, set } = await withMoodyObject('readConsent')
    set(true)
    const answer = heard(await ask(browser, authorizeUrl(app)))
    expect(answer).toMatchObject({ error: 'temporarily_unavailable', state: 'state-1' })
  })

  it('is worth nothing once the application has been switched off', async () => {
    const { app, browser } = await asking()
    const { body } = await formOf(await ask(browser, authorizeUrl(app)), 'allow')
    await applicationRegistry().setStatus(app.id, 'disabled', systemClock())
    const answer = await post(browser, body)
    expect(answer.status).toBe(400)
    expect(await errorCodeOf(answer)).toBe('unknown_application')
  })
})
