import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { it } from 'vitest'
import { ada, addressIn, goToOtrotl, seeName } from './journeys.ts'
import { describeInBrowser, world } from './visitor.ts'

/** Where `npm run dev` says that something is. */
const addressOf = (name: string): string => addressIn(readFileSync(world().logFile, 'utf8'), name)

const greeted = (page: Page, name: string) =>
  page.getByRole('heading', { name: `Hello, ${name}` }).waitFor()

/** Signed out, as the marketplace shows it when it asks itself again. */
const strangerAtMarketplace = (page: Page) =>
  page.getByRole('button', { name: 'Sign in with Drawbridge' }).waitFor()

const confirmAtOtrotl = (page: Page) =>
  page.getByRole('button', { name: 'Yes, sign me out' }).click()

/** At the consent page, if the person has not agreed before. */
async function agree(page: Page): Promise<void> {
  const allow = page.locator('#allow')
  await allow.or(page.getByRole('heading', { name: `Hello, ${ada}` })).waitFor()
  if (await allow.isVisible()) await allow.click()
}

async function signInAtMarketplace(page: Page): Promise<void> {
  await page.goto(addressOf('Marketplace'))
  await page.locator('#sign-in').click()
  const choice = page.getByRole('button', { name: ada })
  await choice.or(page.locator('#allow')).or(page.locator('#sign-out')).first().waitFor()
  if (await choice.isVisible()) await choice.click()
  await agree(page)
  await greeted(page, ada)
}

describeInBrowser('an application of ours', (open) => {
  it('signs a stranger in through the gateway and OTROTL, after asking for consent once', async () => {
    const { page, context } = await open()
    await page.goto(addressOf('Marketplace'))
    await page.locator('#sign-in').click()
    await page.getByRole('button', { name: ada }).click()
    await page
      .getByRole('heading', { name: /Marketplace/ })
      .first()
      .waitFor()
    await agree(page)
    await greeted(page, ada)
    // The gateway knows the person now, and does not ask again.
    const here = await context.newPage()
    await here.goto('/dashboard')
    await seeName(here, ada)
    await page.locator('#sign-out').waitFor()
    await context.clearCookies({ domain: 'market.localhost' })
    await page.goto(addressOf('Marketplace'))
    await page.locator('#sign-in').click()
    await greeted(page, ada)
  })

  it('is signed out when the person signs out at the gateway', async () => {
    const { page, context, expectStatus } = await open()
    // The dashboard's own script may ask for a token once more, and hears that there is no session.
    expectStatus(401)
    await signInAtMarketplace(page)
    const here = await context.newPage()
    await here.goto('/dashboard')
    await seeName(here, ada)
    await here.getByRole('button', { name: 'Sign out' }).click()
    await confirmAtOtrotl(here)
    await here.getByRole('heading', { name: 'You are signed out' }).waitFor()
    await strangerAtMarketplace(page)
  })

  it('is signed out when the person signs out at another application of OTROTL’s', async () => {
    const { page, context } = await open()
    await signInAtMarketplace(page)
    const second = await context.newPage()
    await second.goto(addressOf('Second app'))
    await second.getByRole('button', { name: 'Sign in with OTROTL' }).click()
    await greeted(second, ada)
    await second.getByRole('button', { name: 'Sign out everywhere' }).click()
    await confirmAtOtrotl(second)
    await strangerAtMarketplace(page)
  })

  it('signs the person out everywhere, and they come back to it', async () => {
    const { page, context, expectStatus } = await open()
    expectStatus(401)
    await signInAtMarketplace(page)
    await page.locator('#sign-out').click()
    await confirmAtOtrotl(page)
    await strangerAtMarketplace(page)
    const here = await context.newPage()
    await here.goto('/dashboard')
    await here.getByRole('heading', { name: 'Sign in' }).waitFor()
  })

  it('stands on the account page, and is disconnected there', async () => {
    const { page, context } = await open()
    await signInAtMarketplace(page)
    const account = await context.newPage()
    await account.goto('/account')
    await account.getByText('Marketplace').first().waitFor()
    await account
      .getByRole('button', { name: /Disconnect/ })
      .first()
      .click()
    await strangerAtMarketplace(page)
    await page.locator('#sign-in').click()
    // What was agreed to is agreed to no longer.
    await page.locator('#allow').waitFor()
  })

  it('is signed in to in two steps by a person who is signed in here already', async () => {
    const { page } = await open()
    await goToOtrotl(page)
    await page.getByRole('button', { name: ada }).click()
    await seeName(page, ada)
    await signInAtMarketplace(page)
  })
})
