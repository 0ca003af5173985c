import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/platform/clock.ts'
import { applicationRegistry } from '../../world/applications.ts'
import type { Browser } from '../../world/browser.ts'
import { freezeClock, slowBody } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { createService, ticketFor } from '../../world/service.ts'
import type { Service } from '../../world/service.ts'
import { settings } from '../../world/settings.ts'
import { createWorld, liveSession, signIn } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'
import { snapshot } from '../../world/snapshot.ts'
import { ring } from '../../core/sessions/published-hint.ts'

const PAGE = `${settings.ISSUER}/account/services`

let clock: TestClock
let world: World
let browser: Browser
let shop: Service

beforeEach(async () => {
  clock = freezeClock()
  world = await createWorld()
  browser = world.newBrowser()
  await signIn(browser, world.otrotl)
  shop = await createService(world)
})

const page = async () => {
  const answer = await browser.request(PAGE)
  return { answer, html: await answer.text() }
}

const send = (to: 'open' | 'leave', service: string, from: string = settings.ISSUER) =>
  browser.request(`${PAGE}/${to}`, { method: 'POST', body: new URLSearchParams({ service }), from })

/** The services on the page, in order, and whether the person is signed in to each. */
const shown = (html: string): [string, boolean][] =>
  [...html.matchAll(/data-service="([^"]*)"(.*?)<\/li>/gs)].map(([, id = '', text = '']) => [
    id,
    text.includes('Signed in'),
  ])

describe('the page about services', () => {
  it('shows where the person may go, and first where they are signed in', async () => {
    const blog = await createService(world, { name: 'Blog', origin: 'https://blog.example' })
    await createService(world, { name: 'Hidden', handoff: { identityProviders: ['second'] } })
    const off = await createService(world, { name: 'Off' })
    await applicationRegistry().setStatus(off.id, 'disabled', systemClock())
    expect(shown((await page()).html)).toEqual([
      [blog.id, false],
      [shop.id, false],
    ])
    await shop.takeOver(await ticketFor(browser, shop))
    const { answer, html } = await page()
    expect(shown(html)).toEqual([
      [shop.id, true],
      [blog.id, false],
    ])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('content-security-policy')).toContain("form-action 'self' https:")
  })

  it('does not show as signed in what has not acknowledged', async () => {
    await shop.verify(await ticketFor(browser, shop))
    expect(shown((await page()).html)).toEqual([[shop.id, false]])
  })

  it('shows a name as text', async () => {
    const name = 'A<script>alert(1)</script>'
    await createService(world, { name })
    expect((await page()).html).not.toContain('<script>alert')
  })

  it('is a use of the session when a person opens it, and not when it is fetched ahead', async () => {
    const lastUse = async () => (await liveSession(browser.session()))!.lastUsedAt
    const before = await lastUse()
    clock.advance(100)
    for (const headers of [{ 'sec-purpose': 'prefetch' }, { purpose: 'prefetch' }]) {
      expect((await browser.request(PAGE, { headers })).status).toBe(200)
      expect(await lastUse()).toBe(before)
    }
    await page()
    expect(await lastUse()).toBe(before + 100)
  })

  it('shows an id where the directory does not say the name of a service that is switched off', async () => {
    let isDown = false
    const prepare = (sql: string) => {
      if (isDown && sql.startsWith('SELECT id, name FROM applications')) throw new Error('away')
      return env.DIRECTORY.prepare(sql)
    }
    const directory = new Proxy(env.DIRECTORY, {
      get: (target, name) =>
        name === 'prepare' ? prepare : (Reflect.get(target, name) as () => void).bind(target),
    })
    world = await createWorld({}, { DIRECTORY: directory })
    browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    shop = await createService(world)
    await shop.takeOver(await ticketFor(browser, shop))
    await env.DIRECTORY.prepare("UPDATE applications SET status = 'disabled' WHERE id = ?1")
      .bind(shop.id)
      .run()
    isDown = true
    const { answer, html } = await page()
    expect(answer.status).toBe(200)
    expect(html).toContain(shop.id)
  })

  it('leads to signing in, and back, whoever is not signed in', async () => {
    const answer = await world.newBrowser().request(PAGE)
    expect(answer.headers.get('location')).toBe('/auth/login?return_to=%2Faccount%2Fservices')
  })

  it('is one click from the page about sessions', async () => {
    const html = await (await browser.request(`${settings.ISSUER}/account`)).text()
    expect(html).toContain('href="/account/services"')
  })
})

describe('the way in', () => {
  it('leads to the service with a ticket', async () => {
    const answer = await send('open', shop.id)
    expect(answer.status).toBe(303)
    const url = new URL(answer.headers.get('location')!)
    expect(`${url.origin}${url.pathname}`).toBe('https://shop.example/sso/login')
    expect((await shop.verify(url.searchParams.get('token')!)).status).toBe(200)
  })

  it.each(['https://evil.example', 'https://shop.example'])(
    'is not for a form of %s',
    async (from) => {
      const before = await snapshot()
      for (const to of ['open', 'leave'] as const) {
        const answer = await send(to, shop.id, from)
        expect([answer.status, answer.headers.get('location')]).toEqual([403, null])
      }
      expect(await snapshot()).toEqual(before)
    },
  )

  it('is not by a GET', async () => {
    for (const to of ['open', 'leave']) {
      const answer = await browser.request(`${PAGE}/${to}?service=${shop.id}`)
      expect([answer.status, answer.headers.get('location')]).toEqual([405, null])
    }
  })

  it('leads nowhere that is not registered', async () => {
    for (const service of ['nobody', 'https://evil.example', '']) {
      const answer = await send('open', service)
      expect([answer.status, answer.headers.get('location')]).toEqual([404, null])
    }
  })
})

describe('the way out', () => {
  it('ends what the service has, tells it, and leaves the session and the others alone', async () => {
    const blog = await createService(world, { name: 'Blog', origin: 'https://blog.example' })
    const atShop = await shop.takeOver(await ticketFor(browser, shop))
    await blog.takeOver(await ticketFor(browser, blog))
    const answer = await send('leave', shop.id)
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/account/services'])
    await vi.waitFor(() => expect(shop.told).toEqual([atShop.apiSid]))
    expect(blog.told).toEqual([])
    expect(await liveSession(browser.session())).toBeDefined()
    expect(shown((await page()).html)).toEqual([
      [blog.id, true],
      [shop.id, false],
    ])
    const bearer = { bearer: atShop.access }
    const asked = await shop.ask('/api/v1/sso/service-request/', { service: shop.id }, bearer)
    expect(asked.status).toBe(401)
    for (const path of ['login-acknowledgement', 'logout']) {
      const { status } = await shop.ask(`/api/v1/sso/${path}/`, { api_sid: atShop.apiSid })
      expect(status).toBe(404)
    }
  })

  it('is as good where applications are disconnected: what the service had opens and ends nothing', async () => {
    const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
    const left = await browser.request(`${settings.ISSUER}/account/applications/disconnect`, {
      method: 'POST',
      body: new URLSearchParams({ application: shop.id }),
      from: settings.ISSUER,
    })
    expect(left.status).toBe(303)
    for (const path of ['login-acknowledgement', 'logout']) {
      expect((await shop.ask(`/api/v1/sso/${path}/`, { api_sid: apiSid })).status).toBe(404)
    }
    expect(await liveSession(browser.session())).toBeDefined()
    expect(shown((await page()).html)).toEqual([[shop.id, false]])
  })

  it('is closed to whoever is not signed in any more when the whole form is there', async () => {
    await shop.takeOver(await ticketFor(browser, shop))
    const form = new URLSearchParams({ service: shop.id }).toString()
    const answer = await browser.fetch('/account/services/leave', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: slowBody(form, clock, settings.SESSION.idle_seconds),
    })
    expect(answer.headers.get('location')).toBe('/auth/login?return_to=%2Faccount%2Fservices')
  })

  it('does not end the next hand-off, though the service hears of it late', async () => {
    shop.logoutStatus = 503
    await shop.takeOver(await ticketFor(browser, shop))
    await send('leave', shop.id)
    await vi.waitFor(() => expect(shop.told).toHaveLength(1))
    clock.advance(1)
    await shop.takeOver(await ticketFor(browser, shop))
    shop.logoutStatus = 200
    clock.advance(600)
    await ring((await liveSession(browser.session()))!.userId)
    await scheduler.wait(50)
    expect(shop.told).toHaveLength(1)
    expect(shown((await page()).html)).toEqual([[shop.id, true]])
  })
})
