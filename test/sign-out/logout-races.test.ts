import { describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { createApplication, knownTo, takePart } from '../world/application.ts'
import { freezeClock } from '../world/clock.ts'
import { captureLog } from '../world/log-lines.ts'
import { logoutToken } from '../world/logout-token.ts'
import { prepareKeyRing } from '../world/signed-by-us.ts'
import { comeBack, createWorld, liveSession, signIn } from '../world/sign-in.ts'
import type { World } from '../world/sign-in.ts'
import { settings } from '../world/settings.ts'
import { steppedBindings } from '../world/stepped-bindings.ts'
import { deliverToken } from './logout-delivery.ts'
import { GONE, signedInPerson, whatLivesOf } from './signed-in-person.ts'

/** A busy machine takes its time. */
const PATIENCE = { timeout: 10_000 }

const kinds = ['sub', 'sid', 'both'].flatMap((names) =>
  ['user', 'session'].map((scope) => [names, scope] as const),
)

/** No request has more steps than this. */
const MOST_STEPS = 20

it('a logout concerns a sign-in under way also where the provider dates that half a minute ahead', async () => {
  const clock = freezeClock()
  captureLog()
  const world = await createWorld()
  const sub = 'ahead-of-time'
  world.otrotl.behaviour.idTokenClaims = { sub, auth_time: clock.now() + 30 }
  world.otrotl.behaviour.userInfo = { sub }
  const browser = world.newBrowser()
  const callback = await comeBack(browser, world.otrotl)
  expect((await deliverToken(world, await logoutToken(world.otrotl, { sub }))).status).toBe(200)
  expect((await browser.request(callback)).status).toBe(403)
  expect((await browser.fetch('/auth/sso/token')).status).toBe(401)
})

describe.each(kinds)('a logout by %s, with the scope %s,', (names, scope) => {
  async function stage() {
    captureLog()
    const { bindings, interrupt } = steppedBindings()
    const world = await createWorld({ otrotl: { backchannel_logout_scope: scope } }, bindings)
    /** A sign-in of somebody new that has come back from the provider, and the logout that concerns it. */
    const prepare = async () => {
      const sub = `sub-${crypto.randomUUID()}`
      world.otrotl.behaviour.idTokenClaims = { sub }
      world.otrotl.behaviour.userInfo = { sub }
      const browser = world.newBrowser()
      const callback = await comeBack(browser, world.otrotl)
      const { sid } = world.otrotl.grants.at(-1)!
      const who = { sub: { sub }, sid: { sid }, both: { sub, sid } }[names]!
      const token = await logoutToken(world.otrotl, who)
      return {
        browser,
        finish: () => browser.request(callback),
        logOut: () => deliverToken(world, token),
      }
    }
    return { world, interrupt, prepare }
  }

  it('leaves nothing of the sign-in that it comes into, at whichever step', async () => {
    const { world, interrupt, prepare } = await stage()
    const seen: number[] = []
    for (let step = 1; step <= MOST_STEPS; step += 1) {
      const { browser, finish, logOut } = await prepare()
      let delivered: Response | undefined
      const run = await interrupt(step, async () => (delivered = await logOut()), finish)
      if (!run.wasInterrupted) break
      seen.push(step)
      expect(delivered?.status, `step ${step}`).toBe(200)
      expect([303, 403], `step ${step}`).toContain(run.value.status)
      expect((await browser.fetch('/auth/sso/token')).status, `step ${step}`).toBe(401)
      // The provider's retry changes nothing, and whoever begins anew is signed in.
      expect((await logOut()).status).toBe(200)
      await signIn(browser, world.otrotl)
      expect((await browser.fetch('/auth/sso/token')).status, `step ${step}`).toBe(200)
    }
    expect(seen.length).toBeGreaterThanOrEqual(5)
    expect(seen.length).toBeLessThan(MOST_STEPS)
  })

  it('leaves nothing of the sign-in that comes into it, at whichever step', async () => {
    const { interrupt, prepare } = await stage()
    const seen: number[] = []
    for (let step = 1; step <= MOST_STEPS; step += 1) {
      const { browser, finish, logOut } = await prepare()
      const run = await interrupt(step, finish, logOut)
      if (!run.wasInterrupted) break
      seen.push(step)
      expect(run.value.status, `step ${step}`).toBe(200)
      expect((await browser.fetch('/auth/sso/token')).status, `step ${step}`).toBe(401)
    }
    expect(seen.length).toBeGreaterThanOrEqual(2)
    expect(seen.length).toBeLessThan(MOST_STEPS)
  })
})

describe.each(['sub', 'sid', 'both'])(
  'a logout by %s that comes while the provider answers us',
  (names) => {
    it.each(['token', 'userinfo'] as const)(
      'at its %s endpoint leaves nothing of the sign-in',
      async (held) => {
        captureLog()
        const world = await createWorld()
        const sub = `sub-${crypto.randomUUID()}`
        const { behaviour } = world.otrotl
        behaviour.idTokenClaims = { sub }
        const browser = world.newBrowser()
        const callback = await comeBack(browser, world.otrotl)
        const { sid, person } = world.otrotl.grants.at(-1)!
        const who = { sub: { sub }, sid: { sid }, both: { sub, sid } }[names]!
        const token = await logoutToken(world.otrotl, who)
        const delivered: number[] = []
        const logOut = async () => void delivered.push((await deliverToken(world, token)).status)
        if (held === 'token') {
          behaviour.userInfo = { sub }
          behaviour.idToken = async (parts) => {
            await logOut()
            return parts.token
          }
        } else {
          const userInfo = async () => {
            await logOut()
            return Response.json({ ...person, sub })
          }
          behaviour.answers = { userinfo: userInfo }
        }
        const answer = await browser.request(callback)
        expect([delivered, answer.status]).toEqual([[200], 403])
        expect((await browser.fetch('/auth/sso/token')).status).toBe(401)
        // Whoever begins anew is signed in.
        behaviour.idToken = undefined
        behaviour.answers = {}
        behaviour.userInfo = { sub }
        await signIn(browser, world.otrotl)
        expect((await browser.fetch('/auth/sso/token')).status).toBe(200)
      },
    )
  },
)

describe('the provider says it by its server and by its frame at once', () => {
  const frame = (world: World, sid: string) => {
    const query = new URLSearchParams({ iss: world.otrotl.issuer, sid }).toString()
    return world.fetch(
      new Request(`${settings.ISSUER}/auth/sso/frontchannel-logout/otrotl?${query}`, {
        headers: { 'sec-fetch-dest': 'iframe' },
      }),
    )
  }

  it.each(['the server comes into the frame', 'the frame comes into the server'])(
    '%s, at whichever step: one end, both are answered well, applications hear of it once',
    async (order) => {
      captureLog()
      await prepareKeyRing(systemClock())
      const { bindings, interrupt } = steppedBindings()
      const world = await createWorld({ otrotl: { backchannel_logout_scope: 'session' } }, bindings)
      const shop = await createApplication(world)
      for (let step = 1; step <= MOST_STEPS; step += 1) {
        const me = await signedInPerson(world)
        const session = (await liveSession(me.browser.session()))!
        await takePart(shop, session)
        const token = await logoutToken(world.otrotl, { sid: me.upstreamSid })
        const log = captureLog()
        const byServer = () => deliverToken(world, token)
        const byFrame = () => frame(world, me.upstreamSid)
        const [outer, inner] = order.startsWith('the server')
          ? [byFrame, byServer]
          : [byServer, byFrame]
        let between: Response | undefined
        const run = await interrupt(step, async () => (between = await inner()), outer)
        if (!run.wasInterrupted) {
          expect(step).toBeGreaterThan(2)
          return
        }
        expect([between?.status, run.value.status]).toEqual([200, 200])
        expect(log.lines.filter(({ event }) => event === 'session.ended')).toHaveLength(1)
        expect(await whatLivesOf(me)).toEqual(GONE)
        const { clientSid } = await knownTo(shop, session)
        const heard = () => shop.received.filter(({ sid }) => sid === clientSid)
        await vi.waitFor(() => expect(heard()).toHaveLength(1), PATIENCE)
      }
      throw new Error('a logout has too many steps')
    },
  )
})

describe('the person and the provider sign out at once', () => {
  it('at whichever step: one end, both are answered well', async () => {
    const { bindings, interrupt } = steppedBindings()
    const world = await createWorld({ otrotl: { backchannel_logout_scope: 'session' } }, bindings)
    for (let step = 1; step <= MOST_STEPS; step += 1) {
      const me = await signedInPerson(world)
      const token = await logoutToken(world.otrotl, { sid: me.upstreamSid })
      const log = captureLog()
      let delivered: Response | undefined
      const run = await interrupt(
        step,
        async () => (delivered = await deliverToken(world, token)),
        () =>
          me.browser.request(`${settings.ISSUER}/auth/sso/logout`, {
            method: 'POST',
            from: settings.ISSUER,
          }),
      )
      if (!run.wasInterrupted) {
        expect(step).toBeGreaterThan(3)
        return
      }
      expect([delivered?.status, run.value.status]).toEqual([200, 303])
      expect(log.lines.filter(({ event }) => event === 'session.ended')).toHaveLength(1)
      expect(await whatLivesOf(me)).toEqual(GONE)
    }
    throw new Error('a sign-out has too many steps')
  })
})
