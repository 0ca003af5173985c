import { createHash } from 'node:crypto'
import { afterEach, it } from 'vitest'
import { ada, signIn } from './journeys.ts'
import { createOwnSites, registerOwn } from './own-sites.ts'
import { describeInBrowser, world } from './visitor.ts'

const sites = createOwnSites()
afterEach(() => sites.close())

const VERIFIER = 'v'.repeat(43)

/** What runs in the page that people come back to: the code becomes tokens, and they tell who is there. */
const scriptOf = (gateway: string, clientId: string) => `
  const show = (text) => (document.querySelector('h1').textContent = text)
  const code = new URL(location).searchParams.get('code')
  const post = (path, form) => fetch('${gateway}' + path, {
    method: 'POST',
    body: new URLSearchParams({ client_id: '${clientId}', ...form }),
  })
  const start = async () => {
    const given = await (await post('/oauth/token', {
      grant_type: 'authorization_code',
      code,
      redirect_uri: location.origin + location.pathname,
      code_verifier: '${VERIFIER}',
    })).json()
    const info = await fetch('${gateway}/oauth/userinfo', {
      headers: { authorization: 'Bearer ' + given.access_token },
    })
    const { name } = await info.json()
    const revoked = await post('/oauth/revoke', { token: given.refresh_token })
    show('Hello, ' + name + ': ' + revoked.status)
  }
  start().catch((thrown) => show(String(thrown)))`

describeInBrowser('an application that runs in the browser alone', (open) => {
  it('gets its tokens, asks who is there, and gives them back', async () => {
    const { page } = await open()
    await signIn(page, ada)
    let script = ''
    const site = await sites.serve(() => ({ html: `<h1></h1><script>${script}</script>` }))
    const redirect_uri = `${site}/callback`
    const client_id = await registerOwn('In the browser', {
      redirect_uris: [redirect_uri],
      grant_types: ['authorization_code', 'refresh_token'],
      scope: 'openid profile',
      token_endpoint_auth_method: 'none',
    })
    script = scriptOf(world().gateway, client_id)
    const query = new URLSearchParams({
      response_type: 'code',
      client_id,
      redirect_uri,
      scope: 'openid profile',
      code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
      code_challenge_method: 'S256',
    })
    await page.goto(`/oauth/authorize?${query}`)
    await page.locator('#allow').click()
    await page.getByRole('heading', { name: `Hello, ${ada}: 200` }).waitFor()
  })
})

describeInBrowser('the scripts, in a page that has an element of their name', (open) => {
  it.each([
    ['drawbridge', '/auth/drawbridge.js', 'getToken'],
    ['Annoto', '/widgets/bootstrap.js', 'boot'],
  ])('%s is there all the same', async (name, path, method) => {
    const { page } = await open()
    const script = `document.querySelector('h1').textContent = typeof window.${name}.${method}`
    const html = `<h1 id="${name}"></h1><script src="${world().gateway}${path}"></script><script>${script}</script>`
    await page.goto(await sites.serve(() => ({ html })))
    await page.getByRole('heading', { name: 'function' }).waitFor({ timeout: 5000 })
  })
})
