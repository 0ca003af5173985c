import { expect, it } from 'vitest'
import { freezeClock } from '../../world/clock.ts'
import { createService, ticketFor } from '../../world/service.ts'
import { settings } from '../../world/settings.ts'
import { createWorld, liveSession, signIn } from '../../world/sign-in.ts'
import { steppedBindings } from '../../world/stepped-bindings.ts'

it('a service that acknowledges while the person leaves it is left, at whatever step they do', async () => {
  const clock = freezeClock()
  const { bindings, interrupt } = steppedBindings()
  const world = await createWorld({}, bindings)
  const shop = await createService(world)
  const browser = world.newBrowser()
  await signIn(browser, world.otrotl)
  const { userId } = (await liveSession(browser.session()))!
  const leave = () =>
    browser.request(`${settings.ISSUER}/account/services/leave`, {
      method: 'POST',
      body: new URLSearchParams({ service: shop.id }),
      from: settings.ISSUER,
    })
  const statuses: number[] = []
  for (let step = 1; ; step += 1) {
    const { api_sid } = (await shop.verify(await ticketFor(browser, shop))).body
    const { value, wasInterrupted } = await interrupt(step, leave, () =>
      shop.ask('/api/v1/sso/login-acknowledgement/', { api_sid }),
    )
    statuses.push(value.status)
    if (!wasInterrupted) break
    const handoffs = await world.core.grants.handoffs(userId, clock.now())
    expect(handoffs, `step ${step}`).toEqual({ ok: true, value: [] })
  }
  // Nobody waits for the row in the audit trail, which is the last step.
  expect(statuses).toEqual([404, 404, 404, 404, 404, 200, 200])
})
