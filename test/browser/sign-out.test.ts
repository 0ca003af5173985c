import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { ada, seeName, signIn, storedToken, waitForToken } from './journeys.ts'
import { describeInBrowser, world } from './visitor.ts'

/** Where `npm run dev` says that the second application is. */
const secondApp = (): string =>
  /Second app\s+(http:\S+)/.exec(readFileSync(world().logFile, 'utf8'))![1]!

/** OTROTL's own question. */
const confirmAtOtrotl = (page: Page) =>
  page.getByRole('button', { name: 'Yes, sign me out' }).click()

/** The statuses of the bridge, and of the API with a token that the page had. */
const ask = (page: Page, token: string): Promise<number[]> =>
  page.evaluate(async (authorization) => {
    const bridge = await fetch('/auth/sso/token')
    const api = await fetch('/api/me', { headers: { authorization } })
    return [bridge.status, api.status]
  }, `Bearer ${token}`)

describeInBrowser('signing out', (open) => {
  it('here ends it here and at OTROTL, and every tab learns of it', async () => {
    const { page, context, expectStatus } = await open()
    expectStatus(401)
    await signIn(page, ada)
    const token = await waitForToken(page)
    const other = await context.newPage()
    await other.goto('/dashboard')
    await seeName(other, ada)
    await other.locator('#api-answer').waitFor()

    await page.getByRole('button', { name: 'Sign out' }).click()
    await confirmAtOtrotl(page)
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
    expect(new URL(page.url()).pathname).toBe('/auth/sso/logout/callback')
    expect(await page.locator('#provider-may-go-on').count()).toBe(0)
    await other.getByRole('heading', { name: 'You are signed out' }).waitFor()
    expect(await storedToken(page)).toBeUndefined()
    expect(await ask(page, token)).toEqual([401, 401])

    // OTROTL does not know who it is either.
    await page.goto('/auth/sso/login')
    await page.getByRole('heading', { name: 'Sign in to OTROTL' }).waitFor()
  })

  it('in another application of OTROTL’s ends it here', async () => {
    const { page, context, expectStatus } = await open()
    expectStatus(401)
    await signIn(page, ada)
    const token = await waitForToken(page)
    await page.locator('#api-answer').waitFor()
    expect(await ask(page, token)).toEqual([200, 200])

    const second = await context.newPage()
    await second.goto(secondApp())
    await second.getByRole('button', { name: 'Sign in with OTROTL' }).click()
    await second.getByRole('heading', { name: `Hello, ${ada}` }).waitFor()
    await second.getByRole('button', { name: 'Sign out everywhere' }).click()
    await confirmAtOtrotl(second)
    await second.getByRole('heading', { name: 'Second app' }).waitFor()

    expect(await ask(page, token)).toEqual([401, 401])
    await page.reload()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  })

  it('is asked first when a link leads there, and “no” leads back', async () => {
    const { page } = await open()
    await signIn(page, ada)
    await page.goto('/auth/sso/logout')
    await page.getByRole('heading', { name: 'Sign out?' }).waitFor()
    await page.getByRole('link', { name: 'Stay signed in' }).click()
    await seeName(page, ada)
  })
})
