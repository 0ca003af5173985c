import { describe, expect, it } from 'vitest'
import { freezeClock } from '../../world/clock.ts'
import { createService, requestService, ticketFor } from '../../world/service.ts'
import { createWorld, signIn } from '../../world/sign-in.ts'

describe('a page that asks for tickets again and again', () => {
  it('takes nothing from a service that the person has come to by an earlier one', async () => {
    const clock = freezeClock()
    const world = await createWorld()
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    const shop = await createService(world, { handoff: { refreshToken: true } })
    const { access, refresh } = (await shop.verify(await ticketFor(browser, shop))).body
    clock.advance(1)
    let newest = ''
    for (let n = 0; n < 60; n += 1) newest = await ticketFor(browser, shop)
    const bearer = { bearer: String(access) }
    const asked = await shop.ask('/api/v1/sso/service-request/', { service: shop.id }, bearer)
    expect(asked.status).toBe(200)
    expect((await shop.ask('/api/v1/sso/token-refresh/', { refresh })).status).toBe(200)
    expect((await shop.verify(newest)).status).toBe(200)
  })
})

it('a page that asks too often is told to wait, as where it sends the browser itself', async () => {
  freezeClock()
  const keys: string[] = []
  const limit = async ({ key }: { key: string }) => {
    keys.push(key)
    return { success: keys.length <= 2 }
  }
  const world = await createWorld({}, { AUTHORIZE_LIMIT: { limit } })
  const browser = world.newBrowser()
  await signIn(browser, world.otrotl)
  const shop = await createService(world)
  for (const status of [200, 200, 429])
    expect((await requestService(browser, shop.id)).status).toBe(status)
  const { body, headers } = await requestService(browser, shop.id)
  expect([body.code, headers.get('retry-after')]).toEqual(['throttled', '60'])
  expect(new Set(keys).size).toBe(1)
})

it('a service that names another session of the person than its access token is of opens nothing', async () => {
  freezeClock()
  const world = await createWorld()
  const shop = await createService(world)
  const takeOver = async () => {
    const browser = world.newBrowser()
    await signIn(browser, world.otrotl)
    return shop.takeOver(await ticketFor(browser, shop))
  }
  const [here, there] = [await takeOver(), await takeOver()]
  const ask = ({ apiSid }: { apiSid: string }) =>
    shop.ask(
      '/api/v1/sso/service-request/',
      { service: shop.id, api_sid: apiSid },
      { bearer: here.access },
    )
  expect((await ask(there)).body.code).toBe('not_found')
  expect((await ask(here)).status).toBe(200)
})
