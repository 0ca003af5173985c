import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { createConsents } from '../../../src/core/sessions/consents.ts'
import type { UserId } from '../../../src/core/sessions/session.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { registerApplication } from '../../world/applications.ts'
import { createWorld } from '../../world/sign-in.ts'
import { steppedBindings } from '../../world/stepped-bindings.ts'
import {
  ask,
  authorizeUrl,
  go,
  heard,
  press,
  signedInBrowser,
  takeCode,
} from '../authorization/asking.ts'

const stepped = steppedBindings()
const consents = createConsents({ userSessions: env.USER_SESSIONS })

/** Whatever step of an authorization the person's disconnecting comes before, no access is left after both. */
it.each([
  ['code', 'authorization_code'],
  ['id_token token', 'implicit'],
] as const)(
  'an answer of type %s, while the person disconnects the application',
  async (type, grant) => {
    const world = await createWorld({}, stepped.bindings)
    const app = await registerApplication({
      isFirstParty: false,
      oauth: { grantTypes: [grant], responseTypes: [type], scope: ['openid', 'profile', 'email'] },
    })
    const browser = await signedInBrowser(world)
    const url = authorizeUrl(app, { response_type: type, scope: 'openid email' })
    const user = await env.DIRECTORY.prepare('SELECT id FROM users').first<{ id: UserId }>()
    const refusals = new Set<string | undefined>()

    for (let step = 1; ; step += 1) {
      await press(browser, await go(browser, url), 'allow')
      const { value, wasInterrupted } = await stepped.interrupt(
        step,
        () => consents.disconnect(user!.id, app.id, systemClock()),
        () => ask(browser, url),
      )
      if (!wasInterrupted) {
        expect(step).toBeGreaterThan(3)
        break
      }
      const { code, access_token: token, error } = heard(value)
      refusals.add(error)
      if (code !== undefined)
        expect(await takeCode(code, app), `${step}`).toMatchObject({ ok: false })
      if (token !== undefined) {
        const headers = { authorization: `Bearer ${token}` }
        const told = await world.fetch(new Request(new URL('/oauth/userinfo', url), { headers }))
        expect(told.status, `${step}`).toBe(401)
      }
    }
    expect(refusals).toContain('consent_required')
  },
  60_000,
)
