import type { Page } from 'playwright-core'

/** Names of people at the local OTROTL. */
export const ada = 'Ada Lovelace'
export const grace = 'Grace Hopper'
export const zoe = 'Zoë Nuñez-O’Hara 王'

/** From the sign-in page to the choice of people at OTROTL. `page` is of a context whose base is the gateway. */
export async function goToOtrotl(page: Page, returnTo?: string): Promise<void> {
  const query = returnTo === undefined ? '' : `?${new URLSearchParams({ return_to: returnTo })}`
  const response = await page.goto(`/auth/login${query}`)
  if (!response?.ok()) throw new Error(`the sign-in page answers ${response?.status()}`)
  await page.getByRole('link', { name: 'Sign in with OTROTL' }).click()
  await page.getByRole('heading', { name: 'Sign in to OTROTL' }).waitFor()
}

/** The whole way, to the page where the person wanted to be: the dashboard unless told otherwise. */
export async function signIn(page: Page, person: string, returnTo?: string): Promise<void> {
  await goToOtrotl(page, returnTo)
  await page.getByRole('button', { name: person }).click()
  await arriveAt(page, returnTo ?? '/dashboard')
}

/** Waits until the page is at a path (with query and fragment) of the gateway. */
export const arriveAt = async (page: Page, path: string): Promise<void> =>
  page.waitForURL((url) => url.hostname === 'localhost' && url.href === `${url.origin}${path}`)

/** Waits until the page shows this person's name. */
export const seeName = async (page: Page, name: string): Promise<void> =>
  page.locator('#person-name', { hasText: name }).waitFor()

/** The JWT that the page keeps in localStorage, or undefined. */
export const storedToken = async (page: Page): Promise<string | undefined> =>
  page.evaluate(() => {
    const stored = localStorage.getItem('drawbridge:token')
    return stored === null ? undefined : (JSON.parse(stored) as { accessToken: string }).accessToken
  })

/** Waits until the page has got its first token. */
export async function waitForToken(page: Page): Promise<string> {
  await page.waitForFunction(() => localStorage.getItem('drawbridge:token') !== null)
  return (await storedToken(page))!
}

/** Where what `npm run dev` printed says that something is. */
export const addressIn = (printed: string, name: string): string =>
  new RegExp(`${name}\\s+(http:\\S+)`).exec(printed)![1]!

/** From the marketplace to the question whether it may know who is there, through OTROTL where that is needed. */
export async function goToConsent(page: Page, marketplace: string, person: string): Promise<void> {
  await page.goto(marketplace)
  await page.locator('#sign-in').click()
  const choice = page.getByRole('button', { name: person })
  await choice.or(page.locator('#allow')).first().waitFor()
  if (await choice.isVisible()) await choice.click()
  await page.locator('#allow').waitFor()
}
