import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { violations } from './accessibility.ts'
import { ada, grace, signIn } from './journeys.ts'
import { describeInBrowser, world } from './visitor.ts'

/** Where `npm run dev` says that the page with the widget is. */
const video = (): string => /Video\s+(http:\S+)/.exec(readFileSync(world().logFile, 'utf8'))![1]!

const isKnown = (page: Page, name: string) =>
  page.locator('#who', { hasText: `You are ${name}` }).waitFor()
const isStranger = (page: Page) => page.locator('#who', { hasText: 'stranger' }).waitFor()

async function comment(page: Page, text: string): Promise<void> {
  await page.getByLabel('What do you think?').fill(text)
  await page.getByRole('button', { name: 'Comment' }).click()
}

describeInBrowser('a page with a widget, on an origin of its own', (open) => {
  it('knows who is signed in, and its server takes what they say', async () => {
    const { page } = await open()
    await signIn(page, ada)
    await page.goto(video())
    await isKnown(page, ada)
    const text = `What a bridge! ${Date.now()}`
    await comment(page, text)
    await page
      .getByRole('listitem')
      .filter({ hasText: `${ada}: ${text}` })
      .waitFor()
    // Only in memory: nothing of it is left for whoever comes after.
    const stored = await page.evaluate(() => [JSON.stringify(localStorage), document.cookie])
    expect(stored.join('')).not.toContain('eyJ')
  })

  it('has no name for a stranger, and leads them to sign in and back', async () => {
    const { page, expectStatus } = await open()
    expectStatus(401)
    await page.goto(video())
    await isStranger(page)
    await comment(page, 'Hello')
    await page.getByRole('button', { name: grace }).click()
    await page.waitForURL((url) => url.origin === video())
    await isKnown(page, grace)
  })

  it('forgets the person the moment that the session ends elsewhere', async () => {
    const { page, context } = await open()
    await signIn(page, ada)
    const tab = await context.newPage()
    await tab.goto(video())
    await isKnown(tab, ada)
    expect(await tab.evaluate(() => window.Annoto.widget.token())).toMatch(/^eyJ/)
    await page.goto('/account')
    await page.getByRole('button', { name: 'Sign out here' }).click()
    await isStranger(tab)
    expect(await tab.evaluate(() => window.Annoto.widget.token())).toBeUndefined()
  })

  it('forgets who leaves the discussion, and nobody else does', async () => {
    const { page } = await open()
    await signIn(page, ada)
    await page.goto(video())
    await isKnown(page, ada)
    await page.getByRole('button', { name: 'Leave the discussion' }).click()
    await isStranger(page)
    await page.goto('/dashboard')
    await page.locator('#person-name', { hasText: ada }).waitFor()
  })

  it('takes a token of its own, and tells why it does not', async () => {
    const { page, expectStatus } = await open()
    expectStatus(401)
    await page.goto(video())
    await isStranger(page)
    const error = await page.evaluate(
      () =>
        new Promise((resolve) => {
          window.Annoto.on('ready', (api: { auth(token: string): Promise<void> }) => {
            api.auth('not.a.token').catch((thrown: Error) => resolve(thrown.name))
          })
        }),
    )
    expect(error).toBe('WidgetAuthError')
  })

  it('is usable by everybody', async () => {
    const { page } = await open()
    await signIn(page, ada)
    await page.goto(video())
    await isKnown(page, ada)
    expect(await violations(page)).toEqual([])
  })

  it('is the only one that gets a token: another origin does not', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<title>Elsewhere</title>')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const { page, expectStatus, problems } = await open()
      expectStatus(403)
      await signIn(page, ada)
      await page.goto(video())
      await isKnown(page, ada)
      const url = await page.evaluate(
        () =>
          performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/token'))!
            .name,
      )
      await page.goto(`http://localhost:${(server.address() as AddressInfo).port}`)
      const read = await page.evaluate(
        async (address) =>
          fetch(address, { credentials: 'include' }).then(
            (response) => response.text(),
            (error: Error) => error.name,
          ),
        url,
      )
      expect(read).toBe('TypeError')
      // Chromium says that it has kept the answer from the page, and that this is a failure.
      await expect.poll(() => problems.join(' ')).toMatch(/CORS policy.*ERR_FAILED/s)
      problems.length = 0
    } finally {
      server.close()
    }
  })
})

declare global {
  interface Window {
    readonly Annoto: {
      readonly widget: { token(): string | undefined }
      on(event: 'ready', listener: (api: { auth(token: string): Promise<void> }) => void): void
    }
  }
}
