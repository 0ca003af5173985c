import { beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/platform/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { settings } from '../../world/settings.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { steppedBindings } from '../../world/stepped-bindings.ts'
import { createOperator } from '../operator.ts'

const { ask } = createOperator()

beforeEach(async () => {
  captureLog()
  await prepareKeyRing(systemClock())
})

const oauth = {
  redirect_uris: ['https://m.example/cb'],
  token_endpoint_auth_method: 'client_secret_basic',
}
const confidential = {
  name: 'Marketplace',
  oauth,
  handoff: { login_url: 'https://m.example/in', logout_url: 'https://m.example/out' },
  widget: {},
  shared_sessions: { subdomain: 'market' },
}
const bare = { name: 'Marketplace', oauth: { ...oauth, token_endpoint_auth_method: 'none' } }

/** How many secrets of each kind it has. */
async function secretsOf(id: string): Promise<readonly number[]> {
  const count = async (path: string, member: string) => {
    const { body } = await ask('GET', `/applications/${id}/${path}`)
    return (body[member] as readonly unknown[]).length
  }
  return Promise.all([
    count('secrets', 'secrets'),
    count('handoff-keys', 'keys'),
    count('widget-secrets', 'secrets'),
    count('site-keys', 'site_keys'),
  ])
}

describe('of two operators who change one application at the same time', () => {
  it.each([
    ['takes all capabilities away', confidential, bare],
    ['brings capabilities along', bare, confidential],
  ])(
    'whoever %s leaves it the secrets that the later change needs, and no others',
    async (_, before, after) => {
      const stepped = steppedBindings()
      const watched = createOperator(stepped.bindings)
      const outcomes: (readonly [number, unknown])[] = []
      for (let step = 1; ; step += 1) {
        const registered = await ask('POST', '/applications', before)
        expect(registered.body.errors).toBeUndefined()
        const path = `/applications/${registered.body.client_id as string}`
        const { value, wasInterrupted } = await stepped.interrupt(
          step,
          () => ask('PUT', path, before),
          () => watched.ask('PUT', path, after),
        )
        if (!wasInterrupted) break
        const { body } = await ask('GET', path)
        const isBare = body.widget === undefined
        outcomes.push([value.status, isBare])
        const secrets = await secretsOf(registered.body.client_id as string)
        expect(secrets, `step ${step}`).toEqual(isBare ? [0, 0, 0, 0] : [1, 1, 1, 1])
        expect((await ask('DELETE', path)).status).toBe(204)
      }
      // Before it was read, before it was written, and at several moments after that.
      expect(outcomes.map(([status]) => status)).toEqual(expect.arrayContaining([200, 412]))
      expect(outcomes.length).toBeGreaterThan(3)
    },
  )

  it.each(['secrets', 'handoff-keys', 'widget-secrets', 'site-keys'])(
    'whoever makes new %s has made them, or is told that the other has removed it',
    async (kind) => {
      const stepped = steppedBindings()
      const watched = createOperator(stepped.bindings)
      const statuses = new Set<number>()
      for (let step = 1; ; step += 1) {
        const registered = await ask('POST', '/applications', confidential)
        const path = `/applications/${registered.body.client_id as string}`
        const { value, wasInterrupted } = await stepped.interrupt(
          step,
          () => ask('DELETE', path),
          () => watched.ask('POST', `${path}/${kind}`),
        )
        if (!wasInterrupted) break
        statuses.add(value.status)
      }
      expect(statuses).toEqual(new Set([404, 201]))
    },
  )

  it.each([
    ['whichever version it is of', {}, [200]],
    ['with If-Match: *, which is any version,', { 'if-match': '*' }, [200]],
    ['of the version that was seen', { 'if-match': '"1"' }, [200, 412]],
  ])(
    'whoever disables it %s has done so, or is told that it has changed',
    async (_, condition, expected) => {
      const stepped = steppedBindings()
      const watched = createOperator(stepped.bindings)
      const headers = { authorization: `Bearer ${settings.ADMIN_API_KEY}`, ...condition }
      const statuses = new Set<number>()
      for (let step = 1; ; step += 1) {
        const registered = await ask('POST', '/applications', bare)
        const path = `/applications/${registered.body.client_id as string}`
        const { value, wasInterrupted } = await stepped.interrupt(
          step,
          () => ask('PATCH', path, { name: 'Bazaar' }),
          () => watched.send('POST', `/admin/api${path}/disable`, { headers }),
        )
        if (!wasInterrupted) break
        statuses.add(value.status)
      }
      expect(statuses).toEqual(new Set(expected))
    },
  )
})
