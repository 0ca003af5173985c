import { expect, it } from 'vitest'
import { consents, valueOf } from '../../core/sessions/granted.ts'
import { registerApplication } from '../../world/applications.ts'
import type { Browser } from '../../world/browser.ts'
import { liveSession, signIn } from '../../world/sign-in.ts'
import { steppedBindings } from '../../world/stepped-bindings.ts'
import { formOf } from '../authorization/asking.ts'
import { tokenWorld, tokenWorldWith } from '../token/token-world.ts'

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const PAGE = 'https://login.example/oauth/device'

const stepped = steppedBindings()

/** They type more codes than people do. */
const openDoor = { limit: async () => ({ success: true }) } as RateLimit

const press = (browser: Browser, body: URLSearchParams) =>
  browser.request(PAGE, { method: 'POST', from: PAGE, body })

/** Whatever step of Alice's yes Bob's word on the same device comes before, one of them counts. */
it.each(['allow', 'deny'] as const)(
  'of one who allows a device and one who says %s at the same time, one is remembered, and heard',
  async (decision) => {
    await tokenWorld()
    const world = await tokenWorldWith({ ...stepped.bindings, DEVICE_LIMIT: openDoor })
    const [alice, bob] = [world.newBrowser(), world.newBrowser()]
    await signIn(alice, world.otrotl)
    await signIn(bob, world.otrotl, { as: 'bob' })
    const winners = new Set<Browser>()

    for (let step = 1; ; step += 1) {
      const tv = await registerApplication({
        isFirstParty: false,
        oauth: {
          redirectUris: [],
          grantTypes: [DEVICE_GRANT],
          scope: ['openid', 'email'],
          tokenEndpointAuthMethod: 'none',
        },
      })
      const asked = await world.asClient('/oauth/device_authorization', tv, {})
      const { user_code, device_code } = asked.body
      const page = `${PAGE}?user_code=${String(user_code)}`
      const yes = await formOf(await alice.request(page), 'allow')
      const word = await formOf(await bob.request(page), decision)
      let bobs: Response | undefined
      const { value: alices, wasInterrupted } = await stepped.interrupt(
        step,
        async () => (bobs = await press(bob, word.body)),
        () => press(alice, yes.body),
      )
      const statuses = [alices, bobs].flatMap((answer) => answer?.status ?? [])
      expect(statuses, `step ${step}`).toEqual(
        expect.arrayContaining(wasInterrupted ? [200, 404] : [200]),
      )
      const isAlices = alices.status === 200
      winners.add(isAlices ? alice : bob)
      for (const person of [alice, bob]) {
        const { userId } = (await liveSession(person.session()))!
        const consent = valueOf(await consents.read(userId, tv.id, world.clock.now()))
        const isRemembered = person === alice ? isAlices : !isAlices && decision === 'allow'
        expect(consent !== undefined, `step ${step}`).toBe(isRemembered)
      }
      const polled = await world.asClient('/oauth/token', tv, {
        grant_type: DEVICE_GRANT,
        device_code: String(device_code),
      })
      const isDenied = !isAlices && decision === 'deny'
      expect(polled.body.error, `step ${step}`).toBe(isDenied ? 'access_denied' : undefined)
      if (!wasInterrupted) {
        expect(step).toBeGreaterThan(3)
        break
      }
    }
    expect(winners.size).toBe(2)
  },
  60_000,
)
