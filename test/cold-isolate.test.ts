import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { RevocationLevel } from '../src/core/revocation/revocation.ts'
import { gatewayFor } from '../src/gateway.ts'
import { systemClock } from '../src/platform/clock.ts'
import { countedBindings } from './world/counted-bindings.ts'
import { createWorld, signIn } from './world/sign-in.ts'

async function mintedToken(): Promise<string> {
  const { newBrowser, otrotl } = await createWorld()
  const browser = newBrowser()
  await signIn(browser, otrotl)
  const answer = await browser.fetch('/auth/sso/token')
  return ((await answer.json()) as { access_token: string }).access_token
}

/** A gateway that remembers nothing yet, as it stands in an isolate that has just begun. */
function coldIsolate() {
  const { bindings, take } = countedBindings()
  const { core } = gatewayFor({ ...env, ...bindings })
  const check = async (token: string, level: RevocationLevel): Promise<boolean> => {
    const authorization = `Bearer ${token}`
    const asked = { authorization, dpop: undefined, method: 'GET', url: 'https://api.example/' }
    const decision = await core!.accessChecks.check({ ...asked, level }, systemClock())
    return decision.ok
  }
  return { check, take }
}

/** What each level reads in an isolate that is warm, for a token that it has not seen. */
const OF_THE_LEVEL = {
  cached: { 'kv:get': 1 },
  bounded: { 'kv:get': 1 },
  strict: { 'object:USER_SESSIONS.checkToken': 1 },
} as const

describe('the first check of an isolate', () => {
  it('reads the record of public keys from KV, and besides only what the level asks for', async () => {
    const token = await mintedToken()
    for (const level of ['cached', 'bounded', 'strict'] as const) {
      const { check, take } = coldIsolate()
      expect(await check(token, level)).toBe(true)
      const { 'kv:get': hint = 0, ...others }: Record<string, number> = OF_THE_LEVEL[level]
      expect(take(), level).toEqual({ ...others, 'kv:get': hint + 1 })
    }
  })

  it('reads the record once, whatever is checked next', async () => {
    const [first, second] = [await mintedToken(), await mintedToken()]
    const { check, take } = coldIsolate()
    expect(await check(first, 'strict')).toBe(true)
    take()
    for (const level of ['cached', 'bounded', 'strict'] as const) {
      expect(await check(second, level)).toBe(true)
      const { 'kv:get': hints }: Record<string, number> = OF_THE_LEVEL[level]
      expect(take()['kv:get'], level).toBe(hints)
    }
  })

  it('asks nothing for a token that is not one', async () => {
    const { check, take } = coldIsolate()
    expect(await check('not.a.token', 'strict')).toBe(false)
    expect(take()).toEqual({})
  })
})
