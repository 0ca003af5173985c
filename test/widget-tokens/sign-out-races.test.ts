import { expect, it } from 'vitest'
import { sessionsOf } from '../core/sessions/signed-in-user.ts'
import { freezeClock } from '../world/clock.ts'
import { goodClaims, prepareKeyRing, signAsUs } from '../world/signed-by-us.ts'
import { steppedBindings } from '../world/stepped-bindings.ts'
import { SITE, ask, cookieOf, registerWidget, signedInPerson } from './widget-site.ts'

const now = 2_800_000_000

type Person = Awaited<ReturnType<typeof signedInPerson>>

const credentials = {
  'the session cookie': async ({ cookie }: Person) => cookieOf(cookie),
  'an access token': async ({ userId, session: { sid, epoch } }: Person) => ({
    Authorization: `Bearer ${await signAsUs(goodClaims(now, { sub: userId, sid, epoch }), now)}`,
  }),
}

it.each(Object.entries(credentials))(
  'no widget token is given by %s from a session that has ended, at whatever step of its making',
  async (_, headersOf) => {
    freezeClock(now)
    await prepareKeyRing(now)
    const site = await registerWidget()
    const { bindings, interrupt } = steppedBindings()
    const given: boolean[] = []
    for (let step = 1; ; step += 1) {
      const person = await signedInPerson()
      const headers = { Origin: SITE, ...(await headersOf(person)) }
      const { userId, session } = person
      const { value, wasInterrupted } = await interrupt(
        step,
        () => sessionsOf().end(userId, session.sid, 'person', now),
        () => ask(site.tokenUrl, { headers }, bindings),
      )
      if (!wasInterrupted) break
      given.push(Boolean(value.body.token))
    }
    expect(given.length).toBeGreaterThan(3)
    expect(given).not.toContain(true)
  },
)
