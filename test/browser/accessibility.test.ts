import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { ada, goToOtrotl, signIn, waitForToken } from './journeys.ts'
import { describeInBrowser } from './visitor.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

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

/** What axe finds against WCAG 2.2 A and AA and its own best practices, one line for each element. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  return page.evaluate(async () => {
    interface Results {
      violations: { id: string; help: string; nodes: { target: unknown[] }[] }[]
    }
    const { axe } = window as unknown as { axe: { run(): Promise<Results> } }
    const results = await axe.run()
    return results.violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ target }) => `${id} (${help}) at ${target.join(' ')}`),
    )
  })
}
