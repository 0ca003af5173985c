import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { expect, it, onTestFinished } from 'vitest'
import { launchOptions } from './chromium.ts'
import { ada, seeName, signIn, storedToken, waitForToken } from './journeys.ts'
import { describeInBrowser, watch, world } from './visitor.ts'

describeInBrowser('staying signed in', (open) => {
  it('outlives the tab', async () => {
    const { context, page } = await open()
    await signIn(page, ada)
    await waitForToken(page)
    await page.close()
    const another = await context.newPage()
    await another.goto('/dashboard')
    await seeName(another, ada)
  })

  it('outlives the browser', async () => {
    const profile = mkdtempSync(join(tmpdir(), 'drawbridge-profile-'))
    onTestFinished(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }))
    const launch = async () =>
      watch(
        await chromium.launchPersistentContext(profile, {
          ...launchOptions(world().chromium),
          baseURL: world().gateway,
        }),
      )
    const before = await launch()
    await signIn(before.page, ada)
    await waitForToken(before.page)
    await before.context.close()
    const after = await launch()
    await after.page.goto('/dashboard')
    await seeName(after.page, ada)
    await waitForToken(after.page)
    await after.context.close()
    expect([...before.problems, ...after.problems]).toEqual([])
  })

  it('gets a token anew when the stored one is gone', async () => {
    const { page } = await open()
    await signIn(page, ada)
    const token = await waitForToken(page)
    await page.evaluate(() => localStorage.clear())
    await page.reload()
    expect(await waitForToken(page)).not.toBe(token)
  })

  it('renews the token once for all tabs, before it runs out', async () => {
    const { context, page } = await open()
    await context.clock.install()
    await signIn(page, ada)
    const token = await waitForToken(page)
    const tabs = [page]
    while (tabs.length < 4) {
      const tab = await context.newPage()
      await tab.goto('/dashboard')
      tabs.push(tab)
    }
    const renewals: string[] = []
    context.on('request', (request) => {
      if (request.url().startsWith(`${world().gateway}/auth/sso/token`))
        renewals.push(request.url())
    })
    // The token lives 300 s; a tab renews when 30 s are left.
    await context.clock.fastForward(275_000)
    await page.waitForFunction(
      (old) => localStorage.getItem('drawbridge:token')?.includes(old) === false,
      token,
    )
    await page.waitForLoadState('networkidle')
    expect(renewals).toHaveLength(1)
    const renewed = await storedToken(page)
    for (const tab of tabs) expect(await storedToken(tab)).toBe(renewed)
  })

  it('is nothing that a network does which comes back to a page nobody looks at', async () => {
    const { context, page } = await open()
    await context.clock.install()
    await signIn(page, ada)
    await waitForToken(page)
    await page.locator('#api-answer').waitFor()
    const look = (state: string) =>
      page.evaluate((value) => {
        Object.defineProperty(document, 'visibilityState', { value, configurable: true })
        document.dispatchEvent(new Event('visibilitychange'))
      }, state)
    await look('hidden')
    await context.clock.fastForward(275_000)
    let asked = 0
    context.on('request', (request) => {
      if (request.url().endsWith('/auth/sso/token')) asked += 1
    })
    await page.evaluate(() => dispatchEvent(new Event('online')))
    await page.waitForTimeout(500)
    expect(asked).toBe(0)
    const renewal = page.waitForRequest(/\/auth\/sso\/token$/)
    await look('visible')
    await renewal
  })
})

describeInBrowser('drawbridge.fetch', (open) => {
  it('says where it was called from as its caller wants', async () => {
    const { page } = await open()
    await signIn(page, ada)
    await page.locator('#api-answer').waitFor()
    const refererOf = async (referrerPolicy: '' | 'no-referrer') => {
      const sent = page.waitForRequest(/\/api\/me$/)
      await page.evaluate(
        (policy) => window.drawbridge.fetch('/api/me', { referrerPolicy: policy }).then(() => {}),
        referrerPolicy,
      )
      return (await (await sent).allHeaders())['referer']
    }
    expect(await refererOf('')).toBe(`${world().gateway}/dashboard`)
    expect(await refererOf('no-referrer')).toBeUndefined()
  })
})

declare global {
  interface Window {
    readonly drawbridge: { readonly fetch: typeof fetch }
  }
}
