import { createHash } from 'node:crypto'
import { afterEach, it } from 'vitest'
import { ada } from './journeys.ts'
import { createOwnSites, registerOwn } from './own-sites.ts'
import { describeInBrowser, world } from './visitor.ts'

const sites = createOwnSites()
afterEach(() => sites.close())

describeInBrowser('an application that opens the sign-in in a popup', (open) => {
  it('hears from it, when its person has gone all the way through', async () => {
    const { page } = await open()
    let address = ''
    const opener = () => `<h1>Nobody</h1><button>Sign in</button><script>
      document.querySelector('button').onclick = () => open('${address}', 'sign-in', 'popup')
      onmessage = ({ data }) => (document.querySelector('h1').textContent = data)</script>`
    const callback = `<script>
      opener.postMessage('Came back ' + (new URL(location).searchParams.has('code') ? 'with' : 'without') + ' a code', origin)
      close()</script>`
    const site = await sites.serve((path) => ({
      html: path.startsWith('/callback') ? callback : opener(),
    }))
    const redirect_uri = `${site}/callback`
    const client_id = await registerOwn('In a popup', {
      redirect_uris: [redirect_uri],
      grant_types: ['authorization_code'],
      scope: 'openid',
      token_endpoint_auth_method: 'none',
    })
    address = `${world().gateway}/oauth/authorize?${new URLSearchParams({
      response_type: 'code',
      client_id,
      redirect_uri,
      scope: 'openid',
      code_challenge: createHash('sha256').update('v'.repeat(43)).digest('base64url'),
      code_challenge_method: 'S256',
    })}`
    await page.goto(site)
    const opened = page.waitForEvent('popup')
    await page.getByRole('button', { name: 'Sign in' }).click()
    const popup = await opened
    await popup.getByRole('button', { name: ada }).click()
    await popup.locator('#allow').click()
    await page.getByRole('heading', { name: 'Came back with a code' }).waitFor()
  })
})
