import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import {
  ada,
  arriveAt,
  goToOtrotl,
  grace,
  seeName,
  signIn,
  storedToken,
  waitForToken,
  zoe,
} from './journeys.ts'
import { describeInBrowser, world } from './visitor.ts'

describeInBrowser('signing in', (open) => {
  it('leads by way of OTROTL to the dashboard, with the name and what the API says', async () => {
    const { page } = await open()
    await signIn(page, ada)
    await seeName(page, ada)
    const token = await waitForToken(page)
    const me = await page.evaluate(
      async (authorization) =>
        (await fetch('/api/me', { headers: { authorization } })).json() as Promise<{
          sub: string
          name: string
        }>,
      `Bearer ${token}`,
    )
    expect(me).toMatchObject({ sub: expect.stringMatching(/./), name: ada })
    await page.locator('#api-answer [data-field=sub]', { hasText: me.sub }).waitFor()
  })

  it('leaves a JWT in localStorage, and nothing that a script could read in a cookie', async () => {
    const { page, context } = await open()
    await signIn(page, ada)
    expect(await waitForToken(page)).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
    expect(await page.evaluate(() => document.cookie)).toBe('')
    const cookies = await context.cookies(world().gateway)
    expect(cookies.map(({ name }) => name)).toContain('drawbridge_session')
    for (const cookie of cookies) expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax' })
  })

  it('goes to where the person wanted to be', async () => {
    const { page } = await open()
    await signIn(page, ada, '/dashboard?from=a%20link&n=1#there')
  })

  it('works with a keyboard alone', async () => {
    const { page } = await open()
    await page.goto('/auth/login')
    await tabTo(page, 'Sign in with OTROTL')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Sign in to OTROTL' }).waitFor()
    await tabTo(page, grace)
    await page.keyboard.press('Enter')
    await arriveAt(page, '/dashboard')
    await seeName(page, grace)
  })

  it('works without JavaScript', async () => {
    const { page } = await open({ javaScriptEnabled: false })
    await signIn(page, zoe)
    await seeName(page, zoe)
  })

  it('of two people in two browsers shows each their own name', async () => {
    const [first, second] = [await open(), await open()]
    await Promise.all([signIn(first.page, ada), signIn(second.page, grace)])
    await seeName(first.page, ada)
    await seeName(second.page, grace)
    expect(await second.page.getByText(ada).count()).toBe(0)
    expect(await waitForToken(first.page)).not.toBe(await waitForToken(second.page))
  })

  it('in ten tabs at once brings each tab to its own destination', async () => {
    const { context, page } = await open()
    const tabs = [page]
    while (tabs.length < 10) tabs.push(await context.newPage())
    const returnTo = (index: number) => `/dashboard?tab=${index}`
    for (const [index, tab] of tabs.entries()) await goToOtrotl(tab, returnTo(index))
    for (const [index, tab] of tabs.entries()) {
      await tab.getByRole('button', { name: ada }).click()
      await arriveAt(tab, returnTo(index))
      await seeName(tab, ada)
    }
  })

  it('that the person cancels at OTROTL ends on a page that offers to try again', async () => {
    const { page, expectStatus } = await open()
    expectStatus(403)
    await goToOtrotl(page)
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.locator('#error-code').waitFor()
    expect(new URL(page.url()).origin).toBe(world().gateway)
    expect(await storedToken(page)).toBeUndefined()
    await page.locator('#try-again').click()
    await page
      .getByRole('link', { name: 'Sign in with OTROTL' })
      .or(page.getByRole('button', { name: ada }))
      .waitFor()
  })
})

describeInBrowser('the way back after signing in', (open) => {
  it('does no harm by the back button', async () => {
    const { page, expectStatus } = await open()
    // OTROTL says that its own page is over.
    expectStatus(400)
    await signIn(page, ada)
    const token = await waitForToken(page)
    await page.goBack()
    await page.goBack()
    await arriveAt(page, '/auth/login')
    await page.getByText('You are signed in already').waitFor()
    await page.goto('/dashboard')
    await seeName(page, ada)
    expect(await storedToken(page)).toBe(token)
  })

  it('does no harm by opening the callback a second time', async () => {
    const { page, context } = await open()
    const callbacks: string[] = []
    context.on('request', (request) => {
      if (request.url().startsWith(`${world().gateway}/auth/sso/callback`))
        callbacks.push(request.url())
    })
    await signIn(page, ada)
    await waitForToken(page)
    expect(callbacks).toHaveLength(1)
    const answer = await page.goto(callbacks[0]!)
    expect(answer?.status()).toBeLessThan(500)
    await page.goto('/dashboard')
    await seeName(page, ada)
  })
})

/** Presses Tab until the focus is on what has this accessible name. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let pressed = 0; pressed < 10; pressed += 1) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate(() => document.activeElement?.textContent ?? '')
    if (focused.includes(name)) return
  }
  throw new Error(`"${name}" is not reached with the Tab key`)
}
