import { describe, expect, it } from 'vitest'
import { all, byId, readPage } from '../pages/read-page.ts'
import {
  answerOf,
  ask,
  authorizeUrl,
  go,
  press,
  signedInBrowser,
  takeCode,
} from '../openid-provider/authorization/asking.ts'
import { registerApplication, shopRegistration } from '../world/applications.ts'
import type { Browser } from '../world/browser.ts'
import { settings } from '../world/settings.ts'
import { createWorld, liveSession } from '../world/sign-in.ts'
import { snapshot } from '../world/snapshot.ts'

const API = 'https://orders.example'
const ACCOUNT = `${settings.ISSUER}/account`

const applicationsOf = async (browser: Browser) => {
  const page = await readPage((await browser.request(ACCOUNT)).text())
  return all(page, 'li').filter(({ attributes }) => attributes.has('data-application'))
}

const disconnect = (
  browser: Browser,
  application: string | readonly string[],
  from = settings.ISSUER,
) =>
  browser.request(`${ACCOUNT}/applications/disconnect`, {
    method: 'POST',
    body: new URLSearchParams([application].flat().map((id) => ['application', id])),
    from,
  })

/** Somebody who has allowed an application to see their e-mail address, and uses it. */
async function connected(name = 'Shop') {
  const world = await createWorld()
  const app = await registerApplication({
    isFirstParty: false,
    name,
    oauth: { ...shopRegistration.oauth, resources: [API] },
  })
  const browser = await signedInBrowser(world)
  const url = authorizeUrl(app, {
    scope: 'openid email',
    claims: '{"userinfo":{"name":null}}',
    resource: API,
  })
  const done = await press(browser, await go(browser, url), 'allow')
  const code = answerOf(done).get('code')!
  return { world, app, browser, url, code }
}

describe('the connected applications on /account', () => {
  it('are listed with what they may see and since when, and nobody else’s are', async () => {
    const { world, app, browser } = await connected('<b>Shop</b> & Co')
    const [item, ...others] = await applicationsOf(browser)
    expect(others).toEqual([])
    expect(item!.attributes.get('data-application')).toBe(app.id)
    expect(item!.text).toMatch(/&lt;b&gt;Shop&lt;\/b&gt; &amp; Co/)
    for (const words of ['Your e-mail address', 'Your name', API, 'Allowed'])
      expect(item!.text).toContain(words)
    expect(await applicationsOf(await signedInBrowser(world, 'bob'))).toEqual([])
  })

  it('are not shown to somebody who has none', async () => {
    const world = await createWorld()
    const browser = await signedInBrowser(world)
    const page = await readPage((await browser.request(ACCOUNT)).text())
    expect(byId(page, 'applications-heading')).toBeUndefined()
  })

  it('are disconnected by a form: consent and codes are gone, the person’s session is not', async () => {
    const { app, browser, url, code } = await connected()
    expect((await ask(browser, url)).status).toBe(303)
    const answer = await disconnect(browser, app.id)
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toBe('/account')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await applicationsOf(browser)).toEqual([])
    expect((await takeCode(code, app)).ok).toBe(false)
    expect((await ask(browser, url)).status).toBe(200)
    expect(await liveSession(browser.session())).toBeDefined()
    expect((await disconnect(browser, app.id)).status).toBe(303)
  })

  it('stay connected when somebody else’s page, or nobody, or another person asks', async () => {
    const { world, app, browser, url } = await connected()
    const before = await snapshot()
    expect((await disconnect(browser, app.id, 'https://evil.example')).status).toBe(403)
    const stranger = await disconnect(world.newBrowser(), app.id)
    expect(stranger.headers.get('location')).toBe('/auth/login?return_to=%2Faccount')
    for (const other of ['', 'unknown', '\u0000', 'x'.repeat(1000), [app.id, app.id]])
      expect((await disconnect(browser, other)).status, String(other)).toBe(303)
    expect(await snapshot()).toEqual(before)
    expect((await disconnect(await signedInBrowser(world, 'bob'), app.id)).status).toBe(303)
    expect((await ask(browser, url)).status).toBe(303)
  })
})
