import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { createDoors } from '../../src/platform/doors.ts'
import type { Door } from '../../src/platform/doors.ts'
import type { RequestFacts } from '../../src/platform/request-facts.ts'

const factsOf = (clientKey: string): RequestFacts => ({
  requestId: 'a'.repeat(32),
  clientKey,
  waitUntil: () => undefined,
  continent: undefined,
})

const doorsOf = (limit: RateLimit) =>
  createDoors({
    sign_in: limit,
    callback: limit,
    bridge: limit,
    back_channel: limit,
    admin: limit,
    token: limit,
    handoff: limit,
    widget: limit,
    device: limit,
    authorize: limit,
  })

const real = createDoors({
  sign_in: env.SIGN_IN_LIMIT,
  callback: env.CALLBACK_LIMIT,
  bridge: env.BRIDGE_LIMIT,
  back_channel: env.BACK_CHANNEL_LIMIT,
  admin: env.ADMIN_LIMIT,
  token: env.TOKEN_LIMIT,
  handoff: env.HANDOFF_LIMIT,
  widget: env.WIDGET_LIMIT,
  device: env.DEVICE_LIMIT,
  authorize: env.AUTHORIZE_LIMIT,
})

/** How often a client enters when it tries this often. */
async function entries(door: Door, clientKey: string, tries: number): Promise<number> {
  let entered = 0
  for (let i = 0; i < tries; i += 1) {
    if ((await real.mayEnter(door, factsOf(clientKey))).ok) entered += 1
  }
  return entered
}

describe('a door', () => {
  it('lets a client in as often as wrangler.toml says, and no other client pays for it', async () => {
    expect(await entries('sign_in', '192.0.2.1', 125)).toBe(120)
    expect(await entries('sign_in', '192.0.2.2', 5)).toBe(5)
    expect(await entries('callback', '192.0.2.1', 5)).toBe(5)
  })

  it('counts the door and the client and nothing else', async () => {
    const keys: string[] = []
    const doors = doorsOf({
      limit: async ({ key }) => {
        keys.push(key)
        return { success: true }
      },
    })
    await doors.mayEnter('bridge', factsOf('2001:db8:0:0::/64'))
    expect(keys).toEqual(['bridge:2001:db8:0:0::/64'])
  })

  it('refuses with the name of the door', async () => {
    const doors = doorsOf({ limit: async () => ({ success: false }) })
    expect(await doors.mayEnter('back_channel', factsOf('192.0.2.1'))).toEqual({
      ok: false,
      refusal: { code: 'rate_limited', facts: { door: 'back_channel' } },
    })
  })

  it('stays open when its counter cannot be asked, and says so in one line', async () => {
    const lines = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const doors = doorsOf({
      limit: async () => {
        throw new Error('the counter is away')
      },
    })
    expect((await doors.mayEnter('callback', factsOf('192.0.2.1'))).ok).toBe(true)
    expect(lines.mock.calls.map(([line]) => JSON.parse(line as string) as unknown)).toEqual([
      {
        level: 'error',
        event: 'doors.unavailable',
        request_id: 'a'.repeat(32),
        door: 'callback',
        error: 'Error: the counter is away',
      },
    ])
  })

  it.each([
    ['callback', true],
    ['device', false],
  ] as const)(
    'takes a counter that never answers for one that is away: %s',
    async (door, isOpen) => {
      vi.spyOn(console, 'error').mockImplementation(() => undefined)
      vi.useFakeTimers()
      const doors = doorsOf({ limit: () => new Promise(() => {}) })
      const entering = doors.mayEnter(door, factsOf('192.0.2.1'))
      await vi.advanceTimersByTimeAsync(1000)
      expect((await entering).ok).toBe(isOpen)
    },
  )
})
