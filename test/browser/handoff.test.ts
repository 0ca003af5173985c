import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { expect, inject, it } from 'vitest'
import { violations } from './accessibility.ts'
import { ada, arriveAt, seeName, signIn } from './journeys.ts'
import { describeInBrowser } from './visitor.ts'

/** Where the sample service of `npm run dev` is. */
function bookshelf(): string {
  const world = inject('browserWorld')
  const printed = 'logFile' in world ? readFileSync(world.logFile, 'utf8') : ''
  const [, origin] = /Bookshelf\s+(http:\/\/books\.localhost:\d+)/.exec(printed) ?? []
  if (origin === undefined) throw new Error('the bookshelf is not there')
  return origin
}

const shelf = (page: Page) => page.locator('[data-service]').filter({ hasText: 'Bookshelf' })

/** From the dashboard to the bookshelf, by clicks alone. */
async function goOver(page: Page): Promise<void> {
  await page.goto('/account')
  await page.getByRole('link', { name: 'Your services' }).click()
  await shelf(page).getByRole('button', { name: 'Open' }).click()
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('heading', { name: `Hello, ${ada}` }).waitFor()
}

describeInBrowser('a service that people are handed over to', (open) => {
  for (const javaScriptEnabled of [true, false]) {
    it(`takes over who comes from the page about services, scripts ${javaScriptEnabled ? 'on' : 'off'}`, async () => {
      const { page } = await open({ javaScriptEnabled })
      await signIn(page, ada)
      await goOver(page)
      expect(page.url()).toBe(`${bookshelf()}/`)
      await page.goto('/account/services')
      await shelf(page).getByText('Signed in').waitFor()
      await shelf(page).getByRole('button', { name: 'Sign out there' }).click()
      await shelf(page).getByText('Signed in').waitFor({ state: 'detached' })
      await page.goto(bookshelf())
      await page.getByRole('link', { name: 'Come over from your services' }).waitFor()
      await page.goto('/dashboard')
      await seeName(page, ada)
    })
  }

  it('ends with the session at the host', async () => {
    const { context, page, expectStatus } = await open()
    // A page of ours may still ask once whether its session is over.
    expectStatus(401)
    await signIn(page, ada)
    await goOver(page)
    const account = await context.newPage()
    await account.goto('/account')
    await account.getByRole('button', { name: 'Sign out here' }).click()
    await arriveAt(account, '/auth/login?return_to=%2Faccount')
    // It asks again by itself.
    await page.getByRole('link', { name: 'Come over from your services' }).waitFor()
  })

  it('ends the session at the host, when the person leaves there', async () => {
    const { page, expectStatus } = await open()
    expectStatus(401)
    await signIn(page, ada)
    await goOver(page)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('link', { name: 'Come over from your services' }).waitFor()
    await page.goto('/dashboard')
    await arriveAt(page, '/auth/login?return_to=%2Fdashboard')
  })

  it('stands on a page that is accessible, and at 320 CSS pixels needs no scrolling to the side', async () => {
    const { page } = await open({ viewport: { width: 320, height: 640 } })
    await signIn(page, ada)
    await page.goto('/account/services')
    expect(await violations(page)).toEqual([])
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    )
    expect(overflow).toBe(0)
  })
})
