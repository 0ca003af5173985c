/** `npm run screenshots`: the pages as people see them, for the README, in light and dark, wide and narrow. */
import { mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import type { BrowserContextOptions } from 'playwright-core'
import { findChromium, launchOptions } from './chromium.ts'
import { ada, addressIn, goToConsent, goToOtrotl, signIn, waitForToken } from './journeys.ts'
import { adminKeyIn, openOperatorsPage } from './operators-journey.ts'
import { startWorld } from './world.ts'

const folder = fileURLToPath(new URL('../../docs/screenshots', import.meta.url))
const widths = {
  wide: { viewport: { width: 1120, height: 760 }, deviceScaleFactor: 1 },
  narrow: { viewport: { width: 390, height: 760 }, deviceScaleFactor: 2 },
} as const

const executable = findChromium()
if (executable === undefined)
  throw new Error('There is no Chromium on this machine (apt-get install chromium).')
mkdirSync(folder, { recursive: true })
const world = await startWorld()
const browser = await chromium.launch(launchOptions(executable))
try {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [width, size] of Object.entries(widths)) {
      await takeAll(`${colorScheme}-${width}`, { ...size, colorScheme, baseURL: world.gateway })
    }
  }
} finally {
  await browser.close()
  await world.remove()
}

async function takeAll(variant: string, options: BrowserContextOptions): Promise<void> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const take = async (name: string) => {
    await page.waitForSelector('[aria-disabled=true]', { state: 'detached' })
    await page.screenshot({
      path: `${folder}/${name}-${variant}.png`,
      fullPage: true,
      animations: 'disabled',
    })
    console.log(`docs/screenshots/${name}-${variant}.png`)
  }
  await page.goto('/auth/login')
  await take('sign-in')
  await goToOtrotl(page)
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.locator('#error-code').waitFor()
  await take('error')
  await signIn(page, ada)
  await waitForToken(page)
  await page.locator('#api-answer').waitFor()
  await take('dashboard')
  // What an earlier round agreed to.
  await page.goto('/account')
  const disconnect = page.getByRole('button', { name: /Disconnect/ })
  if (await disconnect.isVisible()) await disconnect.click()
  const marketplace = addressIn(world.printed(), 'Marketplace')
  await goToConsent(page, marketplace, ada)
  await take('consent')
  await page.locator('#allow').click()
  await page.locator('#sign-out').waitFor()
  await page.goto('/account')
  await page.waitForLoadState('networkidle')
  await take('account')
  await page.goto('/account/services')
  await take('services')
  const asked = { nonce: crypto.randomUUID(), callback_uri: 'oneall://otrotl' }
  const query = new URLSearchParams(asked).toString()
  await page.goto(`/oneall/shop/socialize/connect/mobile/otrotl/?${query}`)
  await page.locator('#open-app').waitFor()
  await take('open-application')
  await page.goto('/oauth/device')
  await take('device')
  await page.goto('/admin')
  await openOperatorsPage(
    page,
    adminKeyIn(readFileSync(`${world.stateDirectory}/.dev.vars`, 'utf8')),
  )
  await page.getByRole('heading', { name: 'Every operation' }).waitFor()
  await take('operators')
  await page.goto('/dashboard')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('button', { name: 'Yes, sign me out' }).click()
  await page.locator('#signed-out').waitFor()
  await take('signed-out')
  await context.close()
}
