import { beforeEach, expect, it } from 'vitest'
import { sessionsOf } from '../../core/sessions/signed-in-user.ts'
import { steppedBindings } from '../../world/stepped-bindings.ts'
import { registerShop, tokenWorld, tokenWorldWith } from './token-world.ts'
import type { Answer, TokenWorld } from './token-world.ts'

/** L02: whatever step of an exchange a sign-out comes before, nothing usable is left after both. */
let world: TokenWorld

beforeEach(async () => {
  world = await tokenWorld()
})

const cuts = {
  'the session ends': async (userId: never, sid: never) =>
    sessionsOf().end(userId, sid, 'person', world.clock.now()),
  'all sessions of the user end': async (userId: never) =>
    sessionsOf().endAll(userId, 'person', world.clock.now()),
  'the user is disabled': async (userId: never) => sessionsOf().disable(userId, world.clock.now()),
}

/** Runs an exchange once for each of its steps, with the cut before that step. Answers how many there were. */
async function everySchedule(
  cut: (userId: never, sid: never) => Promise<unknown>,
  prepare: (
    shop: Awaited<ReturnType<typeof registerShop>>,
    session: never,
  ) => Promise<() => Promise<Answer>>,
): Promise<number> {
  const shop = await registerShop()
  for (let step = 1; ; step += 1) {
    const { session } = await world.person()
    const exchange = await prepare(shop, session as never)
    const { value, wasInterrupted } = await stepped.interrupt(
      step,
      () => cut(session.userId as never, session.sid as never),
      exchange,
    )
    if (!wasInterrupted) return step - 1
    if (value.status === 200) {
      expect((await world.userInfo(value.body.access_token)).status, `step ${step}`).toBe(401)
      expect((await world.introspect(shop, value.body.access_token)).body).toEqual({
        active: false,
      })
      expect((await world.refresh(shop, value.body.refresh_token)).status).toBe(400)
    } else {
      expect(value.body.error, `step ${step}`).toBe('invalid_grant')
    }
  }
}

const stepped = steppedBindings()

it.each(Object.entries(cuts))(
  'a code for tokens, while %s',
  async (_, cut) => {
    const watched = await tokenWorldWith(stepped.bindings)
    const steps = await everySchedule(cut, async (shop, session) => {
      const code = await world.mint(session, shop)
      return () => watched.exchange(shop, code)
    })
    expect(steps).toBe(2)
  },
  60_000,
)

it.each(Object.entries(cuts))(
  'a refresh token for tokens, while %s',
  async (_, cut) => {
    const watched = await tokenWorldWith(stepped.bindings)
    const steps = await everySchedule(cut, async (shop, session) => {
      const { body } = await world.exchange(shop, await world.mint(session, shop))
      return () => watched.refresh(shop, body.refresh_token)
    })
    expect(steps).toBe(1)
  },
  60_000,
)
