import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import type { UserId } from '../../../src/core/sessions/session.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { disconnect } from '../../core/sessions/granted.ts'
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

/** Whatever step of an authorization the person's disconnecting comes before, no access is left after both. */
it.each([
  // All at once: the person is asked again.
  ['code', 'authorization_code', {}, { steps: 1, refusal: undefined }],
  ['code', 'authorization_code', { max_age: '3600' }, { steps: 3, refusal: 'consent_required' }],
  ['id_token token', 'implicit', {}, { steps: 3, refusal: 'consent_required' }],
] as const)(
  'an answer of type %s (%s, %j), while the person disconnects the application',
  async (type, grant, asked, expected) => {
    const world = await createWorld({}, stepped.bindings)
    const app = await registerApplication({
      isFirstParty: false,
      oauth: { grantTypes: [grant], responseTypes: [type], scope: ['openid', 'profile', 'email'] },
    })
    const browser = await signedInBrowser(world)
    const url = authorizeUrl(app, { response_type: type, scope: 'openid email', ...asked })
    const user = await env.DIRECTORY.prepare('SELECT id FROM users').first<{ id: UserId }>()
    const refusals = new Set<string | undefined>()

    for (let step = 1; ; step += 1) {
      await press(browser, await go(browser, url), 'allow')
      const { value, wasInterrupted } = await stepped.interrupt(
        step,
        () => disconnect(user!.id, app.id, systemClock()),
        () => ask(browser, url),
      )
      if (!wasInterrupted) {
        expect(step).toBeGreaterThan(expected.steps)
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
    expect(refusals).toContain(expected.refusal)
  },
  60_000,
)
