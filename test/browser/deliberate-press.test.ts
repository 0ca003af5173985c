import { expect, it } from 'vitest'
import { ada, signIn } from './journeys.ts'
import { describeInBrowser } from './visitor.ts'

describeInBrowser('a button that decides something', (open) => {
  it('takes no press in the moment that its page comes to the front, and every one after that', async () => {
    const { page } = await open()
    await signIn(page, ada)
    // Stands still from here, but for `runFor`.
    const now = Date.now()
    await page.clock.install({ time: now })
    await page.clock.pauseAt(now + 1000)
    await page.goto('/auth/sso/logout')
    const button = page.locator('#confirm-button')
    const isEarly = async () => (await button.getAttribute('aria-disabled')) === 'true'
    const press = async (by: 'click' | 'Enter') => {
      if (by === 'click') return button.click({ force: true })
      await button.focus()
      return page.keyboard.press('Enter')
    }
    await press('click')
    await press('Enter')
    await page.clock.runFor(499)
    expect(await isEarly()).toBe(true)
    await page.clock.runFor(1)
    expect(await isEarly()).toBe(false)

    // What a window in front of it does when it closes.
    await page.evaluate(() => window.dispatchEvent(new Event('focus')))
    await press('click')
    await press('Enter')
    expect(new URL(page.url()).pathname).toBe('/auth/sso/logout')
    await page.goto('/account')
    expect(new URL(page.url()).pathname).toBe('/account')

    await page.goto('/auth/sso/logout')
    await page.clock.runFor(500)
    await page.clock.resume()
    await press('Enter')
    // It has taken the answer, and the provider asks for its part.
    await page.getByRole('button', { name: 'Yes, sign me out' }).waitFor()
  })
})
