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

    it('has forgotten the key when the browser brings it back as it was left', async () => {
      const { page } = await open({ colorScheme })
      await page.goto('/admin')
      await openOperatorsPage(page, key())
      await page.getByRole('heading', { name: 'Every operation' }).waitFor()
      await page.evaluate(() => {
        dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))
      })
      await page.getByLabel('Admin API key').waitFor()
      expect(await page.locator('#opened').isVisible()).toBe(false)
    })

    it('asks once, however often a button is pressed before the answer', async () => {
      const { page, expectStatus } = await open({ colorScheme })
      expectStatus(400)
      await page.goto('/admin')
      await openOperatorsPage(page, key())
      const register = page.locator('details', { hasText: 'POST /applications ' }).first()
      await register.locator('summary').first().click()
      await register.getByLabel('Body (JSON)').fill('{"name": ""}')
      let asked = 0
      let answer = () => {}
      const answering = new Promise<void>((resolve) => (answer = resolve))
      await page.route(/\/applications$/, async (route) => {
        if (route.request().method() === 'POST') asked += 1
        await answering
        await route.continue()
      })
      const button = register.getByRole('button', { name: 'POST /applications' })
      await button.dblclick()
      await button.click()
      answer()
      await register.locator('form > .answer', { hasText: '"#/name"' }).waitFor()
      expect(asked).toBe(1)
      await button.click()
      await expect.poll(() => asked).toBe(2)
    })

    it('sends what stands in each field of an operation, the headers too', async () => {
      const { page, expectStatus } = await open({ colorScheme })
      expectStatus(404)
      await page.goto('/admin')
      await openOperatorsPage(page, key())
      const remove = page.locator('details', { hasText: 'DELETE /applications/{id} ' }).first()
      await remove.locator('summary').first().click()
      await remove.getByLabel('id (path)').fill('a b')
      await remove.getByLabel('if-none-match (header)').fill('"7"')
      const sent = page.waitForRequest(/\/applications\/a%20b$/)
      await remove.getByRole('button', { name: 'DELETE /applications/{id}' }).click()
      const headers = await (await sent).allHeaders()
      expect([headers['if-match'], headers['if-none-match']]).toEqual([undefined, '"7"'])
      await remove.locator('form > .answer', { hasText: '404' }).waitFor()
    })

    it('lets an operator tell an application once more where that has failed', async () => {
      const { page, expectStatus } = await open({ colorScheme })
      expectStatus(503)
      const logout = { id: 'x', application: 'shop', attempts: 9, last_error: '500' }
      let status = 503
      await page.route(/\/undelivered-logouts\?/, (route) =>
        route.fulfill({
          json: { undelivered_logouts: [{ ...logout, given_up_at: 1_800_000_000 }] },
        }),
      )
      await page.route(/\/replay$/, (route) => route.fulfill({ status, json: {} }))
      await page.goto('/admin')
      await openOperatorsPage(page, key())
      const again = page.getByRole('button', { name: 'Tell shop again' })
      await again.click()
      await page.getByText('Not done (503).').waitFor()
      status = 202
      await again.click({ timeout: 5000 })
      await page.getByText('shop is being told again.').waitFor()
      expect(await again.isDisabled()).toBe(true)
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
