import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { ada, signIn } from './journeys.ts'
import { adminKeyIn } from './operators-journey.ts'
import { describeInBrowser, world } from './visitor.ts'

const servers: ReturnType<typeof createServer>[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A site of its own origin. */
async function serve(
  answer: (path: string) => { readonly location?: string; readonly title?: string },
): Promise<string> {
  const server = createServer((request, response) => {
    const { location, title = '' } = answer(request.url ?? '')
    const headers = { 'content-type': 'text/html', ...(location && { location }) }
    response.writeHead(location === undefined ? 200 : 303, headers).end(`<h1>${title}</h1>`)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An application whose callback is on another origin than where its people go from there. */
async function applicationOfTwoOrigins() {
  const home = await serve(() => ({ title: 'Home at last' }))
  const callback = `${await serve(() => ({ location: home }))}/callback`
  const secrets = readFileSync(join(dirname(world().logFile), '.dev.vars'), 'utf8')
  const answer = await fetch(`${world().gateway}/admin/api/applications`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${adminKeyIn(secrets)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      name: 'Two origins',
      first_party: false,
      oauth: {
        redirect_uris: [callback],
        grant_types: ['authorization_code'],
        scope: 'openid',
        token_endpoint_auth_method: 'client_secret_basic',
      },
    }),
  })
  expect(answer.status).toBe(201)
  const { client_id } = (await answer.json()) as { client_id: string }
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
