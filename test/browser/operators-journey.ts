import type { Page } from 'playwright-core'

/** The admin API key among the secrets of a development gateway (`.dev.vars`). */
export const adminKeyIn = (secrets: string): string =>
  /^ADMIN_API_KEY=(\S+)$/m.exec(secrets)?.[1] ?? ''

/** Gives the operators' page a key. `page` is there already. */
export async function openOperatorsPage(page: Page, key: string): Promise<void> {
  await page.getByLabel('Admin API key').fill(key)
  await page.getByRole('button', { name: 'Open' }).click()
}
