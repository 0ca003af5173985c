import { createHash } from 'node:crypto'
import { afterEach, it } from 'vitest'
import { ada, signIn } from './journeys.ts'
import { createOwnSites, registerOwn } from './own-sites.ts'
import { describeInBrowser } from './visitor.ts'

const sites = createOwnSites()
afterEach(() => sites.close())

/** An application whose callback is on another origin than where its people go from there: how it asks. */
async function applicationOfTwoOrigins() {
  const home = await sites.serve(() => ({ html: '<h1>Home at last</h1>' }))
  const callback = `${await sites.serve(() => ({ location: home }))}/callback`
  const client_id = await registerOwn('Two origins', {
    redirect_uris: [callback],
    grant_types: ['authorization_code'],
    scope: 'openid',
    token_endpoint_auth_method: 'client_secret_basic',
  })
  const code_challenge = createHash('sha256').update('v'.repeat(43)).digest('base64url')
  return (more: Readonly<Record<string, string>>): string =>
    `/oauth/authorize?${new URLSearchParams({
      response_type: 'code',
      client_id,
      redirect_uri: callback,
      scope: 'openid',
      state: 'state',
      code_challenge,
      code_challenge_method: 'S256',
      ...more,
    })}`
}

describeInBrowser('an application whose callback leads on to another origin', (open) => {
  it.each(['#allow', '#deny'])('is reached from the consent page by %s', async (button) => {
    const { page } = await open()
    await signIn(page, ada)
    const authorize = await applicationOfTwoOrigins()
    await page.goto(authorize({}))
    await page.locator(button).click()
    await page.getByRole('heading', { name: 'Home at last' }).waitFor()
  })

  it('is reached by the form that takes the answer to it', async () => {
    const { page } = await open()
    await signIn(page, ada)
    const authorize = await applicationOfTwoOrigins()
    await page.goto(authorize({ response_mode: 'form_post' }))
    await page.locator('#allow').click()
    await page.getByRole('heading', { name: 'Home at last' }).waitFor()
  })
})
