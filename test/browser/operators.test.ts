import { readFileSync } from 'node:fs'
import { join, dirname } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { violations } from './accessibility.ts'
import { adminKeyIn, openOperatorsPage } from './operators-journey.ts'
import { describeInBrowser, world } from './visitor.ts'

const key = () => adminKeyIn(readFileSync(join(dirname(world().logFile), '.dev.vars'), 'utf8'))

/** Everything the browser keeps, and where it is. */
const kept = (page: Page) =>
  page.evaluate(() =>
    [
      JSON.stringify(localStorage),
      JSON.stringify(sessionStorage),
      document.cookie,
      location.href,
    ].join(),
  )

for (const colorScheme of ['light', 'dark'] as const) {
  describeInBrowser(`the operators' page in ${colorScheme} colours`, (open) => {
    it('shows nothing to who has no key, and says so', async () => {
      const { page, expectStatus } = await open({ colorScheme })
      expectStatus(401)
      await page.goto('/admin')
      expect(await violations(page)).toEqual([])
      await openOperatorsPage(page, 'not-the-key')
      await page.getByText('That is no admin API key.').waitFor()
      expect(await page.locator('#opened').isVisible()).toBe(false)
    })

    it('shows what the API knows, and keeps the key nowhere', async () => {
      const { page, expectStatus } = await open({ colorScheme })
      await page.goto('/admin')
      await openOperatorsPage(page, key())
      await page.getByRole('heading', { name: 'Every operation' }).waitFor()
      for (const text of ['There has been none.', 'All have been told.']) {
        await page.getByText(text).waitFor()
      }
      expect(await violations(page)).toEqual([])
      expect(await kept(page)).not.toContain(key())
      expect(await page.content()).not.toContain(key())

      expectStatus(400)
      const register = page.locator('details', { hasText: 'POST /applications ' }).first()
      await register.locator('summary').first().click()
      await register.getByLabel('Body (JSON)').fill('{"name": ""}')
      await register.getByRole('button', { name: 'POST /applications' }).click()
      await register.locator('form > .answer', { hasText: '"#/name"' }).waitFor()
      const body = { name: 'Shop <b>', oauth: { redirect_uris: ['https://shop.example/cb'] } }
      await register.getByLabel('Body (JSON)').fill(JSON.stringify(body))
      await register.getByRole('button', { name: 'POST /applications' }).click()
      await register.locator('form > .answer', { hasText: '"client_secret"' }).waitFor()
      await page.getByRole('button', { name: 'Refresh' }).click()
      await page.locator('#applications').getByText('Shop <b>').first().waitFor()
      expect(await violations(page)).toEqual([])

      await page.getByRole('button', { name: 'Forget the key' }).click()
      await page.getByLabel('Admin API key').waitFor()
      expect(await page.locator('#opened').isVisible()).toBe(false)
    })

    it('at 320 CSS pixels needs no scrolling to the side (WCAG 1.4.10)', async () => {
      const { page } = await open({ colorScheme, viewport: { width: 320, height: 640 } })
      await page.goto('/admin')
      await openOperatorsPage(page, key())
      await page.getByRole('heading', { name: 'Every operation' }).waitFor()
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      )
      expect(overflow).toBe(0)
    })

    it('says that it needs scripts where there are none', async () => {
      const { page } = await open({ colorScheme, javaScriptEnabled: false })
      const answer = await page.goto('/admin')
      expect(await answer?.text()).toMatch(/<noscript>.*needs JavaScript/s)
      expect(await page.getByLabel('Admin API key').isVisible()).toBe(false)
    })
  })
}
