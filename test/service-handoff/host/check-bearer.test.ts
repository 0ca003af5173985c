import { env } from 'cloudflare:workers'
import { beforeEach, expect, it } from 'vitest'
import { revocationHintKey } from '../../../src/core/sessions/revocation-hint.ts'
import type { LiveSession } from '../../../src/core/sessions/session.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { freezeClock } from '../../world/clock.ts'
import { createService, FAMILY, issueToService, ticketFor } from '../../world/service.ts'
import type { How, Service } from '../../world/service.ts'
import { createWorld, liveSession, signIn } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'

let world: World
let shop: Service
let session: LiveSession

beforeEach(async () => {
  freezeClock()
  world = await createWorld()
  const browser = world.newBrowser()
  await signIn(browser, world.otrotl)
  shop = await createService(world)
  session = (await liveSession(browser.session()))!
})

/** The shop's own access token for UserInfo. */
const issue = (jkt?: string) =>
  issueToService(world, shop, session, jkt === undefined ? {} : { jkt })

const statusOf = async (how: How) =>
  (await shop.ask('/api/v1/sso/service-request/', { service: shop.id }, how)).status

it('passes its person on by its own access token, as a bearer token and no other', async () => {
  const token = await issue()
  expect(await statusOf({ bearer: token })).toBe(200)
  expect(await statusOf({ headers: { authorization: `DPoP ${token}` } })).toBe(401)
})

it('does not by a token of another session than the one that it names', async () => {
  const other = world.newBrowser()
  await signIn(other, world.otrotl)
  const { apiSid } = await shop.takeOver(await ticketFor(other, shop))
  const ask = async (bearer: string) =>
    shop.ask('/api/v1/sso/service-request/', { service: shop.id, api_sid: apiSid }, { bearer })
  const { status, body } = await ask(await issue())
  expect([status, body.code]).toEqual([404, 'not_found'])
  const named = (await liveSession(other.session()))!
  expect((await ask(await issueToService(world, shop, named))).status).toBe(200)
})

it('does not by a token that is bound to a key', async () => {
  expect(await statusOf({ bearer: await issue('j'.repeat(43)) })).toBe(401)
})

it('does not once the family of the token was revoked, though the hint is late', async () => {
  const bearer = await issue()
  const { userId } = session
  const hint = await revocationHintKey(userId)
  const late = await env.REVOCATION.get(hint)
  await world.core.grants.revokeTokens({ userId, id: FAMILY, now: systemClock() })
  await env.REVOCATION.put(hint, late!)
  expect(await statusOf({ bearer })).toBe(401)
})
