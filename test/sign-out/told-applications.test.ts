import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { rowsOf } from '../core/sessions/signed-in-user.ts'
import { formOf, logoutUrl, shopper } from '../openid-provider/logout/participant.ts'
import { createApplication, knownTo, takePart } from '../world/application.ts'
import type { Browser } from '../world/browser.ts'
import { freezeClock } from '../world/clock.ts'
import { captureLog } from '../world/log-lines.ts'
import { settings } from '../world/settings.ts'
import { prepareKeyRing } from '../world/signed-by-us.ts'
import { createWorld } from '../world/sign-in.ts'
import type { World } from '../world/sign-in.ts'
import { GONE, whatLivesOf } from './signed-in-person.ts'
import { tampered } from '../world/tampered.ts'

/** A busy machine takes its time. */
const PATIENCE = { timeout: 10_000 }

const SIGN_OUT = `${settings.ISSUER}/auth/sso/logout`
const RETURN = `${SIGN_OUT}/callback`
const BYE = 'https://shop.example/bye'

beforeEach(async () => {
  captureLog()
  await prepareKeyRing(systemClock())
})

/** The way out, as far as the last page. `at`: where the browser has left for. */
async function lastPage(browser: Browser, world: World, left: Response): Promise<Response> {
  const url = new URL(left.headers.get('location')!)
  if (url.origin === settings.ISSUER) return browser.request(url)
  const back = `${RETURN}?state=${url.searchParams.get('state')}`
  return browser.request(back, { from: world.otrotl.issuer })
}

const pressSignOut = (browser: Browser) =>
  browser.request(SIGN_OUT, { method: 'POST', from: settings.ISSUER })

const items = (text: string) => [...text.matchAll(/<li class="([^"]+)">/g)].map(([, name]) => name)
const frames = (text: string) =>
  [...text.matchAll(/<iframe [^>]*src="([^"]+)"/g)].map(([, src = '']) =>
    src.replaceAll('&amp;', '&'),
  )
const directive = (page: Response, name: string) =>
  page.headers
    .get('content-security-policy')!
    .split('; ')
    .find((each) => each.startsWith(`${name} `))

describe('the page at the end of a sign-out', () => {
  it('says of each application whether it was told', async () => {
    const world = await createWorld()
    const me = await shopper(world, { name: 'Told' })
    const down = await createApplication(world, { name: 'Down', origin: 'https://down.example' })
    const mute = await createApplication(world, {
      name: 'Mute',
      origin: 'https://mute.example',
      oauth: { backchannelLogoutUri: undefined },
    })
    const front = await createApplication(world, {
      name: 'Front',
      origin: 'https://front.example',
      oauth: {
        backchannelLogoutUri: undefined,
        frontchannelLogoutUri: 'https://front.example/fcl',
      },
    })
    down.manner = 'fails'
    for (const application of [down, mute, front]) await takePart(application, me.session)
    const page = await lastPage(me.browser, world, await pressSignOut(me.browser))
    const text = await page.text()
    expect(text).toContain('<bdi>Told</bdi>: told')
    expect(text).toContain('<bdi>Down</bdi>: could not be reached yet, and is being retried')
    expect(text).toContain('<bdi>Mute</bdi>: cannot be told; sign out there yourself')
    expect(text).toContain('<bdi>Front</bdi>: told by this page')
    expect(new Set(items(text))).toEqual(
      new Set(['told-by-browser', 'told-no-way', 'told-retrying', 'told-told']),
    )
    expect(page.headers.get('refresh')).toBeNull()
    expect(await whatLivesOf(me)).toEqual(GONE)
  })

  it('says of one that is not tried any more that the person has to see to it', async () => {
    const world = await createWorld()
    const me = await shopper(world, { name: 'Lost' })
    me.shop.manner = 'fails'
    const left = await pressSignOut(me.browser)
    const { userId } = me.session
    await vi.waitFor(async () => {
      const rows = await rowsOf(userId, 'SELECT last_error FROM deliveries')
      expect(rows).toEqual([{ last_error: expect.any(String) }])
    }, PATIENCE)
    await rowsOf(userId, `UPDATE deliveries SET state = 'given_up'`)
    const text = await (await lastPage(me.browser, world, left)).text()
    expect(text).toContain('<bdi>Lost</bdi>: could not be reached; sign out there yourself')
  })

  it('waits for one that hangs no longer than a little', async () => {
    const world = await createWorld()
    const me = await shopper(world)
    me.shop.manner = 'hangs'
    const page = await lastPage(me.browser, world, await pressSignOut(me.browser))
    expect(items(await page.text())).toEqual(['told-retrying'])
    me.shop.manner = 'takes'
    await vi.waitFor(() => expect(me.shop.hanging()).toBe(0), PATIENCE)
  })

  it('has the frames of those that are told by the browser, with iss and sid where they want them', async () => {
    const world = await createWorld()
    const me = await shopper(world, {
      oauth: {
        frontchannelLogoutUri: 'https://shop.example/fcl?a=1',
        frontchannelLogoutSessionRequired: true,
      },
    })
    const plain = await createApplication(world, {
      name: 'Plain',
      origin: 'https://plain.example',
      oauth: { frontchannelLogoutUri: 'https://plain.example/fcl' },
    })
    const absent = await createApplication(world, {
      name: 'Absent',
      origin: 'https://absent.example',
      oauth: { frontchannelLogoutUri: 'https://absent.example/fcl' },
    })
    await takePart(plain, me.session)
    const page = await lastPage(me.browser, world, await pressSignOut(me.browser))
    const text = await page.text()
    const { clientSid } = await knownTo(me.shop, me.session)
    const wanted = new URLSearchParams({ iss: settings.ISSUER, sid: clientSid }).toString()
    expect(frames(text)).toEqual([
      `https://shop.example/fcl?a=1&${wanted}`,
      'https://plain.example/fcl',
    ])
    expect(directive(page, 'frame-src')).toBe(
      'frame-src https://shop.example https://plain.example',
    )
    expect(page.headers.get('x-frame-options')).toBe('DENY')
    expect(text).not.toContain(me.session.sid)
    expect(text).not.toContain('Absent')
    expect(absent.received).toEqual([])
    // Apart from its frames, it may do what every page may.
    const usual = await world.newBrowser().request(RETURN)
    const policies = [page, usual].map(({ headers }) =>
      headers
        .get('content-security-policy')!
        .split('; ')
        .map((each) => each.replace(/nonce-[^']+/, 'nonce').replace(/;$/, ''))
        .filter((each) => !/^(frame-src|form-action) /.test(each))
        .toSorted(),
    )
    expect(policies[0]).toEqual(policies[1])
    expect(directive(page, 'form-action')).toBe("form-action 'self'")
  })

  it.each(['"><script>alert(1)</script>', "'onload='x", '</title><b>&amp;'])(
    'shows the name %s as text',
    async (name) => {
      const world = await createWorld()
      const me = await shopper(world, { name })
      const page = await lastPage(me.browser, world, await pressSignOut(me.browser))
      const text = await page.text()
      expect(text).not.toContain(name)
      expect(text).not.toContain('<script>alert')
      expect(text).not.toContain('<b>')
    },
  )

  it('has neither names nor frames for whoever was not just signed out in this browser', async () => {
    const clock = freezeClock()
    const world = await createWorld()
    const me = await shopper(world)
    const left = await pressSignOut(me.browser)
    const state = new URL(left.headers.get('location')!).searchParams.get('state')
    const stranger = await world.newBrowser().request(`${RETURN}?state=${state}`)
    expect(await stranger.text()).not.toContain('Shop')
    // A cookie that was changed, came twice, or is too old, is none.
    const name = '__Host-drawbridge_sign_out'
    const kept = me.browser.cookie(name)!
    const pageWith = async (cookie: string) => {
      const back = new Request(`${RETURN}?state=${state}`, { headers: { cookie } })
      return (await world.fetch(back)).text()
    }
    expect(await pageWith(`${name}=${tampered(kept)}`)).not.toContain('Shop')
    expect(await pageWith(`${name}=${kept}; ${name}=${kept}`)).not.toContain('Shop')
    clock.advance(599)
    expect(await pageWith(`${name}=${kept}`)).toContain('Shop')
    clock.advance(1)
    expect(await pageWith(`${name}=${kept}`)).not.toContain('Shop')
  })
})

describe('when an application has asked for the sign-out', () => {
  const asking = (hint: string) =>
    logoutUrl({ id_token_hint: hint, post_logout_redirect_uri: BYE, state: 'st' })
  const from = { from: 'https://shop.example' }

  it.each([
    ['was told', {}],
    ['has no address at which it could be', { backchannelLogoutUri: undefined }],
  ])('the last page is passed by, if the application %s', async (_, oauth) => {
    const world = await createWorld()
    const me = await shopper(world, { oauth })
    const page = await lastPage(me.browser, world, await me.browser.request(asking(me.hint), from))
    expect([page.status, page.headers.get('location')]).toEqual([303, `${BYE}?state=st`])
  })

  it('the last page is shown for a while, if nobody knows whether the applications were told', async () => {
    const silent = (stub: object) =>
      new Proxy(stub, {
        get(target, name) {
          if (name === 'then') return undefined
          if (name === 'reportDeliveries') return () => Promise.reject(new Error('away'))
          return (...asked: unknown[]) =>
            Reflect.apply(Reflect.get(target, name) as () => unknown, target, asked)
        },
      })
    const world = await createWorld(
      {},
      {
        USER_SESSIONS: {
          getByName: (name: string, options?: object) =>
            silent(env.USER_SESSIONS.getByName(name, options)),
        } as unknown as Env['USER_SESSIONS'],
      },
    )
    const me = await shopper(world)
    const page = await lastPage(me.browser, world, await me.browser.request(asking(me.hint), from))
    expect([page.status, page.headers.get('location')]).toEqual([200, null])
    expect(page.headers.get('refresh')).toBe(`5; url=${BYE}?state=st`)
  })

  it.each([
    ['a frame', { frontchannelLogoutUri: 'https://shop.example/fcl' }, 'takes'],
    ['an application that was not told', {}, 'fails'],
  ] as const)(
    'the last page shows %s, and then goes on, with and without a click',
    async (_, oauth, manner) => {
      const world = await createWorld()
      const me = await shopper(world, { oauth })
      me.shop.manner = manner
      const page = await lastPage(
        me.browser,
        world,
        await me.browser.request(asking(me.hint), from),
      )
      expect([page.status, page.headers.get('location')]).toEqual([200, null])
      expect(page.headers.get('refresh')).toBe(`5; url=${BYE}?state=st`)
      expect(await page.text()).toContain(
        `<a class="button primary" id="go-on" href="${BYE}?state=st">Go on to Shop</a>`,
      )
    },
  )

  it('a link of somebody else to the last page goes nowhere by itself, and spoils nothing', async () => {
    const world = await createWorld()
    const me = await shopper(world)
    const left = await me.browser.request(asking(me.hint), from)
    for (const query of ['', '?state=wrong', '?state=a&state=b']) {
      const page = await me.browser.request(RETURN + query, { from: 'https://evil.example' })
      expect([page.status, page.headers.get('location'), page.headers.get('refresh')]).toEqual([
        200,
        null,
        null,
      ])
    }
    const page = await lastPage(me.browser, world, left)
    expect(page.headers.get('location')).toBe(`${BYE}?state=st`)
  })

  it('goes on although the provider has no page of its own', async () => {
    const world = await createWorld()
    world.otrotl.behaviour.discovery = { end_session_endpoint: undefined }
    const me = await shopper(world)
    const asked = await me.browser.request(
      logoutUrl({ client_id: me.shop.id, post_logout_redirect_uri: BYE }),
      from,
    )
    const { action, body } = formOf(await asked.text())
    const left = await me.browser.request(action, { method: 'POST', from: settings.ISSUER, body })
    expect(left.headers.get('location')).toBe(RETURN)
    const page = await me.browser.request(RETURN)
    expect(page.headers.get('location')).toBe(BYE)
  })
})
