import { expect, it } from 'vitest'
import { violations } from './accessibility.ts'
import { ada, arriveAt, seeName, signIn, waitForToken } from './journeys.ts'
import { describeInBrowser } from './visitor.ts'

describeInBrowser('one’s own sessions', (open) => {
  it('end in one tab, and the dashboard in the other closes by itself', async () => {
    const { context, page, expectStatus } = await open()
    // What the other tab is told by the bridge.
    expectStatus(401)
    await signIn(page, ada)
    await waitForToken(page)
    const account = await context.newPage()
    await account.goto('/account')
    await account.getByRole('button', { name: 'Sign out here' }).click()
    await arriveAt(account, '/auth/login?return_to=%2Faccount')
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
    expect(await page.locator('#person-name').count()).toBe(0)
    expect(await page.evaluate(() => localStorage.getItem('drawbridge:token'))).toBeNull()
    await page.getByRole('link', { name: 'Sign in again' }).click()
    await arriveAt(page, '/auth/login?return_to=%2Fdashboard')
  })

  it('end on another device, whose dashboard closes by itself, while this one stays', async () => {
    const here = await open()
    const there = await open()
    there.expectStatus(401)
    for (const { page } of [here, there]) {
      await signIn(page, ada)
      await waitForToken(page)
      await page.locator('#api-answer').waitFor()
    }
    await here.page.getByRole('link', { name: 'All your sessions' }).click()
    const others = here.page.locator('[data-session]').filter({ hasNotText: 'This browser' })
    await here.page.getByRole('button', { name: 'End all others' }).click()
    await there.page.getByRole('heading', { name: 'You are signed out' }).waitFor()
    await others.first().waitFor({ state: 'detached' })
    await here.page.getByRole('link', { name: 'Dashboard' }).click()
    await seeName(here.page, ada)
  })

  it('are shown again where a page was told too soon that its own has ended', async () => {
    const { context, page } = await open()
    await signIn(page, ada)
    await waitForToken(page)
    const other = await context.newPage()
    await other.goto('/auth/login')
    // As by the answer of the bridge to a question from before the sign-in.
    await other.evaluate(() => {
      localStorage.removeItem('drawbridge:token')
      localStorage.setItem('drawbridge:sign-outs', 'another')
    })
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
    await other.goto('/dashboard')
    await waitForToken(other)
    await seeName(page, ada)
  })

  it('end all at once, after a question', async () => {
    const { page, expectStatus } = await open()
    const there = await open()
    for (const visitor of [there, { page, expectStatus }]) {
      visitor.expectStatus(401)
      await signIn(visitor.page, ada)
      await waitForToken(visitor.page)
    }
    await page.goto('/account')
    await page.getByRole('link', { name: 'End all, here too' }).click()
    await page.getByRole('link', { name: 'Keep them' }).click()
    await page.getByRole('link', { name: 'End all, here too' }).click()
    await page.getByRole('button', { name: 'End all sessions' }).click()
    await arriveAt(page, '/auth/login?return_to=%2Faccount')
    await there.page.getByRole('heading', { name: 'You are signed out' }).waitFor()
  })

  it('end without JavaScript too', async () => {
    const scripted = await open()
    const plain = await open({ javaScriptEnabled: false })
    scripted.expectStatus(401)
    await signIn(scripted.page, ada)
    await waitForToken(scripted.page)
    await signIn(plain.page, ada)
    await plain.page.goto('/account')
    await plain.page.getByRole('button', { name: 'End all others' }).click()
    await arriveAt(plain.page, '/account')
    await scripted.page.getByRole('heading', { name: 'You are signed out' }).waitFor()
    await plain.page.getByRole('button', { name: 'Sign out here' }).click()
    await arriveAt(plain.page, '/auth/login?return_to=%2Faccount')
  })
})

for (const colorScheme of ['light', 'dark'] as const) {
  describeInBrowser(`/account in ${colorScheme} colours`, (open) => {
    it('is accessible, and at 320 CSS pixels needs no scrolling to the side', async () => {
      const { page } = await open({ colorScheme, viewport: { width: 320, height: 640 } })
      for (const visitor of [await open(), { page }]) {
        await signIn(visitor.page, ada)
        await waitForToken(visitor.page)
      }
      await page.goto('/account')
      expect(await violations(page)).toEqual([])
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      )
      expect(overflow).toBe(0)
      await page.getByRole('link', { name: 'End all, here too' }).click()
      expect(await violations(page)).toEqual([])
    })
  })
}
