import { describe, expect, it } from 'vitest'
import { countedBindings } from './world/counted-bindings.ts'
import type { Browser } from './world/browser.ts'
import { createWorld, signIn } from './world/sign-in.ts'

async function warmWorld() {
  const { bindings, take } = countedBindings()
  const world = await createWorld({}, bindings)
  const first = world.newBrowser()
  await signIn(first, world.otrotl, { as: 'bob' })
  const token = await mint(first)
  await callApi(first, token)
  world.internet.requests.length = 0
  take()
  return { ...world, take }
}

const mint = async (browser: Browser): Promise<string> => {
  const answer = await browser.fetch('/auth/sso/token')
  return ((await answer.json()) as { access_token: string }).access_token
}

const callApi = async (browser: Browser, token: string): Promise<number> => {
  const answer = await browser.fetch('/api/me', { headers: { authorization: `Bearer ${token}` } })
  return answer.status
}

describe('what a request costs in an isolate that is warm', () => {
  it('a first sign-in: two requests to the provider, two objects, five queries', async () => {
    const { newBrowser, otrotl, internet, take } = await warmWorld()
    const page = await signIn(newBrowser(), otrotl, { as: 'alice' })
    expect(page.url.pathname).toBe('/dashboard')
    expect(take()).toEqual({
      'd1:query': 5,
      'object:ONE_TIME_REFERENCES.claim': 1,
      'object:USER_SESSIONS.openSession': 1,
      // The dashboard, where the sign-in ends.
      'object:USER_SESSIONS.useSession': 1,
    })
    expect(
      internet.requests.map(({ method, url }) => `${method} ${new URL(url).pathname}`),
    ).toEqual(['POST /token', 'GET /userinfo'])
  })

  it('an exchange at the bridge: one object, no query, no KV', async () => {
    const { newBrowser, otrotl, take } = await warmWorld()
    const browser = newBrowser()
    await signIn(browser, otrotl, { as: 'alice' })
    take()
    await mint(browser)
    expect(take()).toEqual({ 'object:USER_SESSIONS.useSession': 1 })
  })

  it('an API request at the bounded level: one read of KV (and the profile that /api/me shows)', async () => {
    const { newBrowser, otrotl, take } = await warmWorld()
    const browser = newBrowser()
    await signIn(browser, otrotl, { as: 'alice' })
    const token = await mint(browser)
    take()
    expect(await callApi(browser, token)).toBe(200)
    expect(take()).toEqual({ 'kv:get': 1, 'object:USER_SESSIONS.readProfile': 1 })
  })
})
