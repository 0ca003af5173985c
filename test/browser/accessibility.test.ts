import { expect, it } from 'vitest'
import { violations } from './accessibility.ts'
import { readFileSync } from 'node:fs'
import { ada, addressIn, goToConsent, goToOtrotl, grace, signIn, waitForToken } from './journeys.ts'
import { describeInBrowser, world } from './visitor.ts'

for (const colorScheme of ['light', 'dark'] as const) {
  describeInBrowser(`accessibility in ${colorScheme} colours`, (open) => {
    it('of the sign-in page is without a violation', async () => {
      const { page } = await open({ colorScheme })
      await page.goto('/auth/login')
      expect(await violations(page)).toEqual([])
    })

    it('of the dashboard is without a violation', async () => {
      const { page } = await open({ colorScheme })
      await signIn(page, ada)
      await waitForToken(page)
      await page.waitForLoadState('networkidle')
      expect(await violations(page)).toEqual([])
    })

    it('of the sign-in page for a person with a session is without a violation', async () => {
      const { page } = await open({ colorScheme })
      await signIn(page, ada)
      await page.goto('/auth/login')
      await page.getByText('You are signed in already').waitFor()
      expect(await violations(page)).toEqual([])
    })

    it('of the error page is without a violation', async () => {
      const { page, expectStatus } = await open({ colorScheme })
      expectStatus(403)
      await goToOtrotl(page)
      expect(await violations(page)).toEqual([])
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.locator('#error-code').waitFor()
      expect(await violations(page)).toEqual([])
    })

    it('of what applications bring along is without a violation', async () => {
      const { page } = await open({ colorScheme })
      await goToOtrotl(page)
      await page.getByRole('button', { name: grace }).click()
      await page.locator('#person-name').waitFor()
      const printed = readFileSync(world().logFile, 'utf8')
      await goToConsent(page, addressIn(printed, 'Marketplace'), grace)
      expect(await violations(page)).toEqual([])
      await page.locator('#allow').click()
      await page.locator('#sign-out').waitFor()
      await page.goto('/account')
      await page.getByRole('button', { name: /Disconnect/ }).waitFor()
      expect(await violations(page)).toEqual([])
      await page.goto('/oauth/device')
      expect(await violations(page)).toEqual([])
      await page.goto('/account')
      await page.getByRole('button', { name: /Disconnect/ }).click()
      await page.getByRole('button', { name: /Disconnect/ }).waitFor({ state: 'detached' })
    })

    it('at 320 CSS pixels needs no scrolling to the side (WCAG 1.4.10)', async () => {
      const { page } = await open({ colorScheme, viewport: { width: 320, height: 640 } })
      const overflow = async () =>
        page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        )
      await page.goto('/auth/login')
      expect(await overflow()).toBe(0)
      await signIn(page, ada)
      await waitForToken(page)
      expect(await overflow()).toBe(0)
    })
  })
}
