import { beforeEach, expect, it } from 'vitest'
import { systemClock } from '../../../src/platform/clock.ts'
import { unreachable } from '../../admin/operator.ts'
import { LIVES, whatLivesOf } from '../../sign-out/signed-in-person.ts'
import { captureLog } from '../../world/log-lines.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { createWorld } from '../../world/sign-in.ts'
import { logoutUrl, shopper } from './participant.ts'

beforeEach(() => prepareKeyRing(systemClock()))

const down = () => {
  throw new Error('down')
}
const parts = {
  'the session': { USER_SESSIONS: unreachable() },
  'the application': { DIRECTORY: { prepare: down, batch: down } },
  'the key of the hint': { KEY_RING: unreachable(), REVOCATION: { get: down } },
}

it.each(Object.entries(parts))(
  'a sign-out for which %s cannot be looked up leads nowhere, and is said to be none',
  async (_, bindings) => {
    const me = await shopper(await createWorld())
    const broken = await createWorld({}, bindings as unknown as Partial<Env>)
    captureLog()
    const parameters = {
      id_token_hint: me.hint,
      post_logout_redirect_uri: 'https://shop.example/bye',
    }
    const headers = { cookie: `__Host-drawbridge_session=${me.browser.session()}` }
    const answer = await broken.fetch(new Request(logoutUrl(parameters), { headers }))
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    expect(answer.headers.get('location')).toBeNull()
    expect(await answer.text()).toContain('<code id="error-code">unavailable</code>')
    expect(await whatLivesOf(me)).toEqual(LIVES)
  },
)
