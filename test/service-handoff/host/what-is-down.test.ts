import { beforeEach, describe, expect, it } from 'vitest'
import type { Browser } from '../../world/browser.ts'
import { freezeClock } from '../../world/clock.ts'
import { createService, requestService, ticketFor } from '../../world/service.ts'
import type { Answer, Service } from '../../world/service.ts'
import { createWorld, liveSession, signIn } from '../../world/sign-in.ts'
import { switchedBindings } from '../../world/switched-bindings.ts'
import type { Outage } from '../../world/switched-bindings.ts'

let outage: Outage
let browser: Browser
let shop: Service

beforeEach(async () => {
  freezeClock()
  const switched = switchedBindings()
  outage = switched.outage
  const world = await createWorld({}, switched.bindings)
  browser = world.newBrowser()
  await signIn(browser, world.otrotl)
  shop = await createService(world, { handoff: { refreshToken: true } })
})

const post = (name: string, body: unknown) => shop.ask(`/api/v1/sso/${name}/`, body)

/** While something is down the answer is 503; afterwards the very same call succeeds. */
async function isKeptFor(call: () => Promise<Answer>): Promise<void> {
  const { status, body, headers } = await call()
  expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'unavailable', '5'])
  expect(await liveSession(browser.session())).toBeDefined()
  outage.bindings.clear()
  outage.statements = undefined
  expect((await call()).status).toBe(200)
}

describe('nothing is used up, and nobody is believed to be gone', () => {
  it.each([
    ['the index of hand-offs', 'handoff_sessions'],
    ['the registrations', 'FROM applications'],
    ['the keys', 'FROM handoff_keys'],
  ])('where %s cannot be asked: a ticket', async (_what, statements) => {
    const token = await ticketFor(browser, shop)
    outage.statements = statements
    await isKeptFor(() => post('token-verify', { token }))
  })

  it.each(['login-acknowledgement', 'logout'])(
    'where the index of hand-offs cannot be asked: %s',
    async (name) => {
      const { apiSid } = await shop.takeOver(await ticketFor(browser, shop))
      outage.statements = 'handoff_sessions'
      await isKeptFor(() => post(name, { api_sid: apiSid }))
    },
  )

  it.each(['token-verify', 'login-acknowledgement', 'logout', 'token-refresh'])(
    'where the session cannot be asked: %s',
    async (name) => {
      const { body } = await shop.verify(await ticketFor(browser, shop))
      const token = await ticketFor(browser, shop)
      outage.bindings.add('USER_SESSIONS')
      await isKeptFor(() => post(name, { token, api_sid: body.api_sid, refresh: body.refresh }))
    },
  )

  it.each([
    ['the registrations', undefined, 'FROM applications'],
    ['the session', 'USER_SESSIONS', undefined],
  ] as const)('where %s cannot be asked: the way in', async (_what, name, statements) => {
    if (name !== undefined) outage.bindings.add(name)
    outage.statements = statements
    await isKeptFor(() => requestService(browser, shop.id))
  })
})
