import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { gatewayFor } from '../../src/gateway.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { dumpOf, sessionsOf } from '../core/sessions/signed-in-user.ts'
import { captureLog } from '../world/log-lines.ts'
import { listenTo } from '../world/open-tab.ts'
import { settings } from '../world/settings.ts'
import { SITE, cookieOf, registerWidget, signedInPerson } from './widget-site.ts'

const handshake = {
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

const connect = async (id: string, headers: Record<string, string>) =>
  gatewayFor(env).fetch(
    new Request(`${settings.ISSUER}/widgets/${id}/events`, { headers }),
    env,
    createExecutionContext(),
  )

describe('GET /widgets/:application/events', () => {
  it.each([SITE, settings.ISSUER])(
    'connects a page of %s, which is told at the end of its session',
    async (Origin) => {
      const { id } = await registerWidget()
      const user = await signedInPerson()
      const log = captureLog()
      const response = await connect(id, { ...handshake, ...cookieOf(user.cookie), Origin })
      expect(response.status).toBe(101)
      const tab = listenTo(response.webSocket!)
      expect(await tab.echo()).toBe('pong')
      await sessionsOf().end(user.userId, user.session.sid, 'provider_back_channel', systemClock())
      expect(await tab.end()).toMatchObject({ closedWith: 4001 })
      expect(log.lines.map(({ event }) => event)).toContain('tab.connected')
    },
  )

  it('connects nobody else, and moves nothing', async () => {
    const { id } = await registerWidget()
    const user = await signedInPerson()
    const good = { ...handshake, ...cookieOf(user.cookie), Origin: SITE }
    const { Origin: _, ...withoutOrigin } = good
    const { Upgrade: __, ...withoutUpgrade } = good
    const before = await dumpOf(user.userId)
    for (const [status, headers] of [
      [403, withoutOrigin],
      [403, { ...good, Origin: 'https://evil.example' }],
      [403, { ...good, Origin: 'https://app.example' }],
      [403, { ...good, Origin: 'null' }],
      [426, withoutUpgrade],
      [401, { ...handshake, Origin: SITE }],
      [401, { ...good, ...cookieOf('s_forged') }],
    ] as const) {
      const response = await connect(id, headers)
      expect(response.status, JSON.stringify(headers)).toBe(status)
      expect(response.webSocket).toBeNull()
      const challenge = response.headers.get('www-authenticate')
      expect(challenge).toBe(status === 401 ? 'session' : null)
    }
    expect((await connect('nobody', good)).status).toBe(404)
    expect(await dumpOf(user.userId)).toBe(before)
  })
})
