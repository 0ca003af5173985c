import { beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/platform/clock.ts'
import { captureLog } from '../../world/log-lines.ts'
import { prepareKeyRing } from '../../world/signed-by-us.ts'
import { steppedBindings } from '../../world/stepped-bindings.ts'
import { createOperator } from '../operator.ts'

const { ask } = createOperator()

beforeEach(async () => prepareKeyRing(systemClock()))

const oauth = { redirect_uris: ['https://m.example/cb'], token_endpoint_auth_method: 'none' }
const bare = { name: 'Marketplace', oauth }
const withSecrets = {
  ...bare,
  oauth: { ...oauth, token_endpoint_auth_method: 'client_secret_basic' },
  handoff: {},
  widget: {},
  shared_sessions: { subdomain: 'market' },
}

describe('a change of an application, whatever step of it the directory fails at,', () => {
  it('has one line in the audit trail if it was made, and none if it was not', async () => {
    const stepped = steppedBindings()
    const watched = createOperator(stepped.bindings)
    const outcomes: (readonly [status: number, wasMade: boolean])[] = []
    let hasFailed = true
    for (let step = 1; hasFailed; step += 1) {
      hasFailed = false
      const fail = async () => {
        hasFailed = true
        throw new Error('away')
      }
      const { body } = await ask('POST', '/applications', bare)
      const path = `/applications/${body.client_id as string}`
      const { lines } = captureLog()
      let status = 0
      const change = async () => void ({ status } = await watched.ask('PUT', path, withSecrets))
      await stepped.interrupt(step, fail, change).catch(() => undefined)
      const told = lines.filter(({ event }) => event === 'application.changed')
      const wasMade = (await ask('GET', path)).body.version === 2
      expect([step, told.length]).toEqual([step, wasMade ? 1 : 0])
      outcomes.push([status, wasMade])
      expect((await ask('DELETE', path)).status).toBe(204)
    }
    expect(outcomes).toEqual(
      expect.arrayContaining([
        [503, false],
        [503, true],
        [200, true],
      ]),
    )
  })
})
